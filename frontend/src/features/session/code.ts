/** The one-time code of a sign-in link. It is in the fragment, which no server sees; it leaves the address bar at once. */

/** The code in `#code=…`, or null. */
export function codeIn(fragment: string): string | null {
  const code = new URLSearchParams(fragment.replace(/^#/, "")).get("code");
  return code === null || code === "" ? null : code;
}

/** Take the code out of the address bar, history entry included. */
export function takeCode(location: Location, history: History): string | null {
  const code = codeIn(location.hash);
  if (location.hash !== "" && code !== null) history.replaceState(null, "", location.pathname + location.search);
  return code;
}

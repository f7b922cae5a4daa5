/** Links come from manifests and commits, which an attacker may write: only http and https become links. */

/** The link, or null when it is none that may be followed. */
export function safeHref(text: string): string | null {
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
}

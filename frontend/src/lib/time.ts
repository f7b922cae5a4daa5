/** Instants and spans in words. Absolute times are in the reader's own zone. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Milliseconds of an RFC 3339 instant, or null when there is none. */
export function instant(text: string): number | null {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
}

/** A rough age: `now`, `12 s`, `4 m`, `3 h`, `2 d`. Clocks differ a little: the future is `now`. */
export function age(ms: number): string {
  if (ms < SECOND) return "now";
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} m`;
  if (ms < 2 * DAY) return `${Math.floor(ms / HOUR)} h`;
  return `${Math.floor(ms / DAY)} d`;
}

/** A running clock or a duration: `0.4 s`, `12 s`, `2 m 10 s`, `3 h 05 m`. */
export function span(ms: number): string {
  if (ms < 0) return "0 s";
  if (ms < 10 * SECOND && ms % SECOND !== 0) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} m ${Math.floor((ms % MINUTE) / SECOND)} s`;
  return `${Math.floor(ms / HOUR)} h ${String(Math.floor((ms % HOUR) / MINUTE)).padStart(2, "0")} m`;
}

/** The time of day with seconds; with the date when it was another day. */
export function moment(at: number, now: number): string {
  const date = new Date(at);
  const time = date.toLocaleTimeString("en-GB");
  return date.toDateString() === new Date(now).toDateString() ? time : `${date.toLocaleDateString("en-CA")} ${time}`;
}

/** Everything, for hover. */
export function fullMoment(at: number): string {
  return new Date(at).toLocaleString("en-GB", { dateStyle: "full", timeStyle: "long" });
}

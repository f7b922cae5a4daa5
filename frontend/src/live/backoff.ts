/** When to try again: exponential backoff with full jitter, between half a second and half a minute. */

export const LEAST_DELAY_MS = 500;
export const MOST_DELAY_MS = 30_000;
export const STEADY_AFTER_MS = 60_000; // a connection up this long starts the counting anew

/** Milliseconds before attempt number `attempt` (from 0). `random` is in [0, 1). */
export function delayMs(attempt: number, random: number): number {
  const ceiling = Math.min(MOST_DELAY_MS, LEAST_DELAY_MS * 2 ** Math.min(attempt, 16));
  return Math.max(LEAST_DELAY_MS, Math.round(random * ceiling));
}

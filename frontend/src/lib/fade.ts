/** How often a change may catch the eye: once in five seconds a row, five at a time on screen. Pure. */

const ROW_PAUSE_MS = 5_000;
const FADE_MS = 1_000;
const MOST_AT_ONCE = 5;

export interface Fades {
  readonly last: ReadonlyMap<string, number>; // group → when it last faded
}

export const NO_FADES: Fades = { last: new Map() };

/** The record after a fade of this group, or null when it must stay quiet. */
export function allowed(fades: Fades, group: string, now: number): Fades | null {
  const before = fades.last.get(group);
  if (before !== undefined && now - before < ROW_PAUSE_MS) return null;
  const recent = [...fades.last].filter(([, at]) => now - at < ROW_PAUSE_MS);
  if (recent.filter(([, at]) => now - at < FADE_MS).length >= MOST_AT_ONCE) return null;
  return { last: new Map(recent).set(group, now) };
}

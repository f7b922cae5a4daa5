/**
 * The health word of a cell. The stored word is about the cluster as last seen; Stale, Missing and Empty come from the
 * environment's presence and the card's two sides. A calmer word (`next`) holds from its instant on.
 */
import type { Card, Presence } from "../api/bodies";
import { instant } from "./time";

export interface ShownHealth {
  readonly word: string;
  readonly reason: string;
  readonly object: string;
  readonly since: string;
}

const plain = (word: string, reason = "", since = ""): ShownHealth => ({ word, reason, object: "", since });

/** What to show at `now`: the same table as `cell_word` of `chalicelib/core/health.py`. Presence null: not known yet. */
export function shownHealth(card: Card, presence: Presence | null, now: number): ShownHealth {
  const { desired, health, live, under_way: underWay } = card;
  if (desired === null && underWay === null && live === null) return plain("Empty");
  if (presence !== null && presence.state !== "online") return plain("Stale", STALE_REASONS[presence.state], presence.since);
  if (live === null || health === null) {
    return underWay === null ? plain("Missing", "desired, but not seen in the cluster") : plain("Progressing");
  }
  const word = shownWord(health, now);
  if (word === "Healthy" && live.wanted === 0) return plain("Empty", "", health.since);
  return { word, reason: health.reason, object: health.object, since: health.since };
}

/** The word to show at `now`: `next` from its instant on. */
export function shownWord(health: NonNullable<Card["health"]>, now: number): string {
  const at = health.next === null ? null : instant(health.next.at);
  return health.next !== null && at !== null && at <= now ? health.next.word : health.word;
}

const STALE_REASONS: Readonly<Record<string, string>> = {
  away: "the environment's agent is away",
  never: "no agent has connected yet",
};

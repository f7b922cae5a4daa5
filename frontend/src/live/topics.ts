/**
 * What the page holds of each topic: the folded documents and, for each prefix somebody looks at, how far its first
 * paint is. Pure. After `resync` the old documents stay on screen, marked, until the new paint is complete.
 */
import type { Problem } from "../api/problem";
import type { Document, Topic } from "./reducer";
import { EMPTY_TOPIC, observeAll, raiseFloor } from "./reducer";

export type Paint =
  | { readonly state: "loading" }
  | { readonly state: "ready"; readonly changedAt: number }
  | { readonly state: "failed"; readonly problem: Problem };

export interface TopicState {
  readonly topic: Topic;
  readonly before: Topic | null; // what was shown before a resync
  readonly paints: ReadonlyMap<string, Paint>;
  readonly generation: number; // raised by resync: pages of an older one are dropped
}

export const NO_TOPIC: TopicState = { topic: EMPTY_TOPIC, before: null, paints: new Map(), generation: 0 };

export type TopicEvent =
  | { readonly type: "wanted"; readonly prefix: string }
  | { readonly type: "unwanted"; readonly prefix: string }
  | { readonly type: "docs"; readonly docs: readonly Document[]; readonly changedAt: number }
  | { readonly type: "floor"; readonly seq: number }
  | { readonly type: "resync" }
  | { readonly type: "page"; readonly generation: number; readonly docs: readonly Document[]; readonly floor: number }
  | { readonly type: "painted"; readonly generation: number; readonly prefix: string; readonly changedAt: number }
  | { readonly type: "failed"; readonly generation: number; readonly prefix: string; readonly problem: Problem };

/** Fold one event into what is held of a topic; the same object comes back when nothing changed. */
export function foldTopic(state: TopicState, event: TopicEvent): TopicState {
  switch (event.type) {
    case "wanted":
      return withPaint(state, event.prefix, { state: "loading" });
    case "unwanted":
      return without(state, event.prefix);
    case "docs":
      return foldDocs(state, event.docs, event.changedAt);
    case "floor":
      return withTopic(state, raiseFloor(state.topic, event.seq));
    case "resync":
      return forget(state);
    case "page":
      if (event.generation !== state.generation) return state;
      return withTopic(state, observeAll(raiseFloor(state.topic, event.floor), event.docs));
    case "painted":
      if (event.generation !== state.generation || !state.paints.has(event.prefix)) return state;
      return settled(withPaint(state, event.prefix, { state: "ready", changedAt: event.changedAt }));
    case "failed":
      if (event.generation !== state.generation || !state.paints.has(event.prefix)) return state;
      return withPaint(state, event.prefix, { state: "failed", problem: event.problem });
    default:
      return event satisfies never;
  }
}

/** What to draw: after a resync the old documents until all paints are there. */
export function shown(state: TopicState): Topic {
  return state.before ?? state.topic;
}

/** Where to resume: the earliest that a painted prefix needs, or null while none is painted. */
export function resumeFrom(state: TopicState): number | null {
  const seen = [...state.paints.values()].flatMap((paint) => (paint.state === "ready" ? [paint.changedAt] : []));
  return seen.length === 0 ? null : Math.min(...seen);
}

/** The subscription covers more than what is looked at: the rest is dropped, so that nothing grows unseen. */
function foldDocs(state: TopicState, docs: readonly Document[], changedAt: number): TopicState {
  const prefixes = [...state.paints.keys()];
  const wanted = docs.filter((doc) => prefixes.some((prefix) => doc.key.startsWith(prefix)));
  let next = withTopic(state, observeAll(state.topic, wanted));
  for (const [prefix, paint] of state.paints) {
    if (paint.state !== "ready" || paint.changedAt >= changedAt) continue;
    next = withPaint(next, prefix, { state: "ready", changedAt });
  }
  return next;
}

function forget(state: TopicState): TopicState {
  const paints = new Map<string, Paint>([...state.paints.keys()].map((prefix) => [prefix, { state: "loading" }]));
  return { topic: EMPTY_TOPIC, before: shown(state), paints, generation: state.generation + 1 };
}

function without(state: TopicState, prefix: string): TopicState {
  const paints = new Map([...state.paints].filter(([known]) => known !== prefix));
  const isWanted = (doc: Document) => [...paints.keys()].some((known) => doc.key.startsWith(known));
  const documents = new Map([...state.topic.documents].filter(([, doc]) => isWanted(doc)));
  return settled({ ...state, paints, topic: { ...state.topic, documents } });
}

function settled(state: TopicState): TopicState {
  const isReady = [...state.paints.values()].every((paint) => paint.state === "ready");
  return isReady && state.before !== null ? { ...state, before: null } : state;
}

function withTopic(state: TopicState, topic: Topic): TopicState {
  return topic === state.topic ? state : { ...state, topic };
}

function withPaint(state: TopicState, prefix: string, paint: Paint): TopicState {
  return { ...state, paints: new Map(state.paints).set(prefix, paint) };
}

/** The words of the product, each with its tone. A word we do not know is shown as it is. */

/** What a state means to a reader; colour and icon follow from it, never the other way. */
export type Tone = "good" | "busy" | "warn" | "bad" | "idle";

export const HOPS = ["received", "decided", "rendered", "committed", "fetched", "applied", "healthy", "live"] as const;

const HOP_WORDS: Readonly<Record<string, string>> = {
  received: "Received",
  decided: "Decided",
  checks: "Checks",
  rendered: "Rendered",
  committed: "Committed",
  fetched: "Fetched by Flux",
  applied: "Applied",
  healthy: "Healthy",
  live: "Live",
};

const HOP_TONES: Readonly<Record<string, Tone>> = {
  waiting: "idle",
  running: "busy",
  done: "good",
  failed: "bad",
  skipped: "idle",
};

const RELEASE_TONES: Readonly<Record<string, Tone>> = {
  requested: "busy",
  waiting: "warn",
  rendered: "busy",
  committed: "busy",
  reconciling: "busy",
  unchanged: "idle",
  superseded: "idle",
  overtaken: "idle",
  held: "warn",
  rejected: "bad",
  failed: "bad",
  unhealthy: "bad",
  live: "good",
};

const HEALTH_TONES: Readonly<Record<string, Tone>> = {
  Healthy: "good",
  Progressing: "busy",
  Degraded: "warn",
  Failing: "bad",
  Missing: "bad",
  Suspended: "idle",
  Stale: "warn",
  Empty: "idle",
};

const POD_TONES: Readonly<Record<string, Tone>> = {
  Running: "good",
  Succeeded: "good",
  Completed: "good",
  Pending: "busy",
  ContainerCreating: "busy",
  PodInitializing: "busy",
  NotReady: "busy",
  Terminating: "idle",
};

/** States from which a release moves no more by itself. */
const OVER: ReadonlySet<string> = new Set([
  "unchanged",
  "superseded",
  "held",
  "rejected",
  "failed",
  "live",
  "overtaken",
]);

const KIND_WORDS: Readonly<Record<string, string>> = { deploy: "Deploy", rollback: "Roll back", delete: "Delete" };

export const hopWord = (name: string): string => HOP_WORDS[name] ?? name;
export const hopTone = (state: string): Tone => HOP_TONES[state] ?? "idle";
export const releaseTone = (state: string): Tone => RELEASE_TONES[state] ?? "idle";
export const healthTone = (word: string): Tone => HEALTH_TONES[word] ?? "idle";
export const kindWord = (kind: string): string => KIND_WORDS[kind] ?? kind;
export const isOver = (state: string): boolean => OVER.has(state);

/** A pod's state word is a phase or the reason of its container; a reason we do not know is bad news. */
export const podTone = (state: string): Tone => POD_TONES[state] ?? "bad";

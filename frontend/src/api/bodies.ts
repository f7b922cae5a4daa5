/**
 * Bodies of documents and answers, decoded at the edge. Fields we do not know are dropped, missing ones get the wire's
 * own default, words we do not know (states, hops, health) are kept as they are. The types are held to the generated
 * ones: a field renamed on the wire does not compile here.
 */
import * as v from "valibot";
import type * as Wire from "../gen/wire";

/** Ours, when it has every field of the wire's. */
type Fits<Theirs, Ours extends Required<Theirs>> = Ours;

const text = v.optional(v.string(), "");
const count = v.optional(v.number(), 0);
const no = v.optional(v.boolean(), false);
const list = <T extends v.GenericSchema>(item: T) => v.optional(v.array(item), () => []);
const maybe = <T extends v.GenericSchema>(item: T) => v.nullish(item, null);
const mapOf = <T extends v.GenericSchema>(item: T) => v.optional(v.record(v.string(), item), () => ({}));

/** One version of one key of a topic; a missing body is a tombstone. */
export const document = v.object({
  key: v.string(),
  seq: v.pipe(v.number(), v.safeInteger()),
  body: v.nullish(v.record(v.string(), v.unknown()), null),
});

// ---- env:<environment id>

const condition = v.object({ type: v.string(), status: v.string(), reason: text, message: text });
const workload = v.object({
  kind: v.string(),
  namespace: v.string(),
  name: v.string(),
  wanted: count,
  updated: count,
  ready: count,
  available: count,
  images: list(v.string()),
  git_sha: text,
  settled: v.optional(v.boolean(), true),
  suspended: no,
  conditions: list(condition),
});
export const pod = v.object({
  namespace: v.string(),
  name: v.string(),
  workload: text,
  state: v.string(),
  ready: no,
  restarts: count,
  since: text,
  reason: text,
  message: text,
  last_exit: text,
});
const service = v.object({ namespace: v.string(), name: v.string(), ports: list(v.number()) });
const jobRun = v.object({
  kind: v.string(),
  namespace: v.string(),
  name: v.string(),
  active: count,
  succeeded: count,
  failed: count,
  suspended: no,
  last_run_at: text,
  reason: text,
});
const fluxObject = v.object({
  kind: v.string(),
  namespace: v.string(),
  name: v.string(),
  app: text,
  ready: v.optional(v.string(), "Unknown"),
  reason: text,
  message: text,
  reconciling: text,
  last_attempted: text,
  last_applied: text,
  suspended: no,
  since: text,
});
export const liveApp = v.object({
  app: v.string(),
  repository: text,
  commit: text,
  workloads: list(workload),
  services: list(service),
  urls: list(v.string()),
  links: mapOf(v.string()),
  owner: text,
  jobs: list(jobRun),
  kustomization: maybe(fluxObject),
  pods: list(pod),
  pod_states: mapOf(v.number()),
  more: mapOf(v.number()),
});
export const events = v.object({
  app: v.string(),
  warnings: list(
    v.object({ object: v.string(), reason: v.string(), message: text, count: v.optional(v.number(), 1), last_at: text }),
  ),
});

export type Workload = Fits<Wire.Workload, v.InferOutput<typeof workload>>;
export type Pod = Fits<Wire.Pod, v.InferOutput<typeof pod>>;
export type FluxObject = Fits<Wire.FluxObject, v.InferOutput<typeof fluxObject>>;
export type LiveApp = Fits<Wire.App, v.InferOutput<typeof liveApp>>;
export type Events = Fits<Wire.Events, v.InferOutput<typeof events>>;

// ---- apps

const health = v.object({
  word: v.string(),
  reason: text,
  object: text,
  since: text,
  next: maybe(v.object({ word: v.string(), at: v.string() })),
});
const hold = v.object({ by: v.string(), why: text, since: text });
export const card = v.object({
  app: v.string(),
  environment: v.string(),
  environment_id: v.string(),
  repository: text,
  desired: maybe(
    v.object({ id: v.string(), sha: v.string(), commit: v.string(), message: text, who: text, at: text, state: text }),
  ),
  under_way: maybe(
    v.object({ id: v.string(), sha: v.string(), hop: v.string(), state: v.string(), reason: text, since: text }),
  ),
  live: maybe(v.object({ wanted: count, ready: count, commit: text })),
  health: maybe(health),
  hold: maybe(hold),
});

export type Card = Fits<Wire.Card, v.InferOutput<typeof card>>;
export type Hold = Fits<Wire.Hold, v.InferOutput<typeof hold>>;

// ---- releases, environments

const reason = v.object({ kind: v.string(), text: v.string(), until: text, needs: text });
const hop = v.object({ name: v.string(), state: v.string(), started_at: text, ended_at: text, reason: maybe(reason) });
const version = v.object({
  repository: v.string(),
  sha: v.string(),
  branch: text,
  event: v.optional(v.string(), "push"),
  tag: text,
  message: text,
  author: text,
  url: text,
});
export const release = v.object({
  id: v.string(),
  request_id: v.string(),
  app: v.string(),
  environment: v.string(),
  environment_id: v.string(),
  kind: v.string(),
  state: v.string(),
  hops: list(hop),
  reason: maybe(reason),
  version: maybe(version),
  artifact_id: text,
  actor: text,
  cause: text,
  commit: text,
  restores: text,
  created_at: text,
  live_at: text,
});
const presence = v.object({ state: v.optional(v.string(), "never"), since: text, agent_version: text, kubernetes_version: text });
export const environment = v.object({
  id: v.string(),
  name: v.string(),
  position: count,
  protected: no,
  apps_repository: text,
  agent: v.optional(presence, { state: "never" }),
});

export type Hop = Fits<Wire.Hop, v.InferOutput<typeof hop>>;
export type Release = Fits<Wire.Release, v.InferOutput<typeof release>>;
export type Presence = Fits<Wire.Presence, v.InferOutput<typeof presence>>;
export type Environment = Fits<Wire.Environment, v.InferOutput<typeof environment>>;

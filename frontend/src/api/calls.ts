/** The calls of the page, one function each. Answers are decoded; what a call may throw is `Refused`. */
import * as v from "valibot";
import type { components } from "../gen/api";
import { document, release } from "./bodies";
import { ask, pathOf, tell } from "./client";

const me = v.object({
  kind: v.string(),
  id: v.string(),
  name: v.string(),
  organization: v.object({ id: v.string(), name: v.string() }),
  permissions: v.array(v.string()),
});
const request = v.object({
  id: v.string(),
  type: v.string(),
  state: v.string(), // new, processed, error
  error: v.optional(v.string(), ""),
  releases: v.array(release),
});
const accepted = v.object({ id: v.string(), type: v.string() });
const page = v.object({
  docs: v.array(document),
  floor: v.optional(v.number(), 0),
  changed_at: v.optional(v.number(), 0),
  next: v.nullish(v.string(), null),
});

/** Ours, when it has every field of the API's. */
type Fits<Name extends keyof components["schemas"], Ours extends components["schemas"][Name]> = Ours;

export type Me = Fits<"MeAnswer", v.InferOutput<typeof me>>;
export type Page = Fits<"DocumentsAnswer", v.InferOutput<typeof page>>;
export type Request = Fits<"RequestDetail", v.InferOutput<typeof request>>;
export type Accepted = Fits<"RequestAnswer", v.InferOutput<typeof accepted>>;

export const fetchVersion = () => ask("/v1/version", v.object({ version: v.string(), notice: v.optional(v.string(), "") }));
export const fetchMe = () => ask("/v1/me", me);

/** Exchange the one-time code of a sign-in link for the session cookie. It travels in a header: no log sees it. */
export const signIn = (code: string) => tell("/v1/session", { method: "POST", headers: { "Gimlet-Code": code } });
export const signOut = () => tell("/v1/session", { method: "DELETE" });

export async function fetchTicket(): Promise<string> {
  return (await ask("/v1/session/ticket", v.object({ ticket: v.string() }), { method: "POST" })).ticket;
}

/** One page of documents of a topic; `next` is the cursor of the following one. */
export function fetchDocuments(topic: string, prefix: string, cursor: string | null, signal: AbortSignal): Promise<Page> {
  const query = new URLSearchParams({ topic });
  if (prefix !== "") query.set("prefix", prefix);
  if (cursor !== null) query.set("cursor", cursor);
  return ask(`/v1/documents?${query.toString()}`, page, { signal });
}

export const fetchRequest = (id: string) => ask(pathOf("requests", id), request);

export const deployArtifact = (environment: string, app: string, artifactId: string) =>
  ask(pathOf("apps", environment, app, "releases"), accepted, { method: "POST", body: { artifact_id: artifactId } });

export const rollBack = (environment: string, app: string, releaseId: string) =>
  ask(pathOf("apps", environment, app, "rollback"), accepted, { method: "POST", body: { release_id: releaseId } });

export const deleteApp = (environment: string, app: string) =>
  ask(pathOf("apps", environment, app), accepted, { method: "DELETE" });

export const releaseHold = (environment: string, app: string) =>
  tell(pathOf("apps", environment, app, "hold"), { method: "DELETE" });

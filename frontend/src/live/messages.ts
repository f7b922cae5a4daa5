/**
 * Messages between the functions and this browser, decoded where they come in. What is not understood is counted and
 * dropped, never guessed: an unknown type, a frame that is no JSON, a field of the wrong kind.
 */
import * as v from "valibot";
import { document } from "../api/bodies";
import type * as Wire from "../gen/wire";

export const PROTOCOL = "gimlet.v1";
export const TICKET_PREFIX = "ticket.";

const number = v.pipe(v.number(), v.safeInteger());

const toBrowser = v.variant("type", [
  v.object({ type: v.literal("docs"), topic: v.string(), docs: v.array(document), changed_at: number }),
  v.object({ type: v.literal("floor"), topic: v.string(), seq: number }),
  v.object({ type: v.literal("resync"), topic: v.string() }),
  v.object({
    type: v.literal("result"),
    request_id: v.string(),
    part: v.optional(number, 0),
    done: v.optional(v.boolean(), true),
    data: v.optional(v.unknown(), null),
    error: v.nullish(v.string(), null),
  }),
  v.object({ type: v.literal("error"), code: v.string(), message: v.string(), request_id: v.nullish(v.string(), null) }),
]);

export type ToBrowser = v.InferOutput<typeof toBrowser>;
export type FromBrowser = Wire.Subscribe | Wire.Unsubscribe | Wire.Ping;

/** The message in a frame, or null when it is none that we know. */
export function decodeFrame(text: unknown): ToBrowser | null {
  if (typeof text !== "string") return null;
  const result = v.safeParse(toBrowser, parseJson(text));
  return result.success ? result.output : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

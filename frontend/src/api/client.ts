/** One way to ask our own origin: with a timeout, with the header that mutations need, decoded, problems as `Refused`. */
import * as v from "valibot";
import { problemOf, Refused } from "./problem";

const TIMEOUT_MS = 15_000;

type Method = "GET" | "POST" | "PUT" | "DELETE";
export interface Ask {
  readonly method?: Method;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** The decoded answer of one request. Throws `Refused` when the answer is no success. */
export async function ask<T>(path: string, answer: v.GenericSchema<unknown, T>, options: Ask = {}): Promise<T> {
  const response = await send(path, options);
  return v.parse(answer, await response.json());
}

/** A request whose answer has no content. */
export async function tell(path: string, options: Ask): Promise<void> {
  await send(path, options);
}

async function send(path: string, { method = "GET", body, headers = {}, signal }: Ask): Promise<Response> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(path, {
    method,
    credentials: "same-origin",
    redirect: "error",
    headers: {
      Accept: "application/json",
      ...(method === "GET" ? {} : { "X-Gimlet-CSRF": "1" }),
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
  });
  if (response.ok) return response;
  throw new Refused(problemOf(response.status, await jsonOrNull(response), response.headers.get("X-Request-Id") ?? ""));
}

async function jsonOrNull(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    return null;
  }
}

/** A path from its parts, each escaped: names come from people. */
export function pathOf(...parts: string[]): string {
  return `/v1/${parts.map(encodeURIComponent).join("/")}`;
}

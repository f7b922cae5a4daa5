import * as v from "valibot";
import { afterEach, expect, test, vi } from "vitest";
import { release } from "./bodies";
import { deleteApp, deployArtifact, fetchDocuments, signIn } from "./calls";
import { ask } from "./client";
import { isTransient, problemFrom, Refused } from "./problem";

function serve(status: number, body: unknown, headers: Record<string, string> = {}) {
  const text = status === 204 ? null : typeof body === "string" ? body : JSON.stringify(body);
  const fetched = vi.fn<typeof fetch>(() => Promise.resolve(new Response(text, { status, headers })));
  vi.stubGlobal("fetch", fetched);
  return () => {
    const [url, init] = fetched.mock.calls[0] ?? [];
    return { url, method: init?.method, headers: new Headers(init?.headers), body: init?.body };
  };
}
afterEach(() => vi.unstubAllGlobals());

test("a mutation carries the header that cookies alone can't forge, a read does not", async () => {
  const sent = serve(202, { id: "q1", type: "release" });
  expect(await deployArtifact("staging", "shop", "a1")).toEqual({ id: "q1", type: "release" });
  expect(sent()).toMatchObject({ url: "/v1/apps/staging/shop/releases", method: "POST", body: '{"artifact_id":"a1"}' });
  expect(sent().headers.get("X-Gimlet-CSRF")).toBe("1");

  const read = serve(200, { docs: [], floor: 3, changed_at: 7 });
  await fetchDocuments("env:e1", "pod/shop/", "c/1", new AbortController().signal);
  expect(read().url).toBe("/v1/documents?topic=env%3Ae1&prefix=pod%2Fshop%2F&cursor=c%2F1");
  expect(read().headers.has("X-Gimlet-CSRF")).toBe(false);
});

test("names are escaped in paths", async () => {
  const sent = serve(202, { id: "q1", type: "delete" });
  await deleteApp("a/../b", "shop?x");

  expect(sent().url).toBe("/v1/apps/a%2F..%2Fb/shop%3Fx");
});

test("the sign-in code travels in a header, never in the URL", async () => {
  const sent = serve(204, null);
  await signIn("s3cret");

  expect(sent().headers.get("Gimlet-Code")).toBe("s3cret");
  expect(sent().url).toBe("/v1/session");
});

test("a problem document is told with its request id", async () => {
  serve(403, { title: "Not allowed", detail: "needs deploy", instance: "req-9" }, { "Content-Type": "application/problem+json" });

  const error: unknown = await ask("/v1/x", v.unknown()).catch((thrown: unknown) => thrown);

  expect(error).toBeInstanceOf(Refused);
  expect(problemFrom(error)).toEqual({ status: 403, title: "Not allowed", detail: "needs deploy", requestId: "req-9" });
  expect(isTransient(problemFrom(error))).toBe(false);
});

test("an error that is no JSON is told all the same", async () => {
  serve(502, "<html>", { "X-Request-Id": "req-3" });

  const problem = problemFrom(await ask("/v1/x", v.unknown()).catch((thrown: unknown) => thrown));

  expect(problem).toEqual({ status: 502, title: "The server answered 502", detail: "", requestId: "req-3" });
  expect(isTransient(problem)).toBe(true);
});

test("an answer of another shape is a problem, not a guess", async () => {
  serve(200, { id: 7 });

  const problem = problemFrom(await ask("/v1/x", v.object({ id: v.string() })).catch((thrown: unknown) => thrown));

  expect(problem.title).toBe("The answer was not understood");
});

test("missing fields get the wire's defaults, unknown ones are dropped", () => {
  const known = v.parse(release, {
    id: "r1", request_id: "q1", app: "shop", environment: "staging", environment_id: "e1", kind: "deploy", state: "new-state", colour: 1,
    hops: [{ name: "approved", state: "musing" }],
  });

  expect(known).toMatchObject({ state: "new-state", reason: null, commit: "", hops: [{ name: "approved", state: "musing", reason: null }] });
  expect(known).not.toHaveProperty("colour");
});

import { readFileSync } from "node:fs";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import type { Presence } from "../api/bodies";
import { card, release } from "../api/bodies";
import { allowed, NO_FADES } from "./fade";
import { shownHealth } from "./health";
import { hopsOfCard, openHop, reasonOf, runningHop } from "./hops";
import { safeHref } from "./links";
import { age, span } from "./time";
import { hopWord, podTone, releaseTone } from "./words";

const NOW = Date.parse("2026-01-01T12:00:00Z");
const aCard = (part: object) => v.parse(card, { app: "shop", environment: "staging", environment_id: "e1", ...part });
const aRelease = (part: object) =>
  v.parse(release, {
    id: "r1", request_id: "q1", app: "shop", environment: "staging", environment_id: "e1", kind: "deploy", state: "live", ...part,
  });
const presence = (state: string): Presence => ({ state, since: "", agent_version: "", kubernetes_version: "" });
const desired = { id: "r1", sha: "a".repeat(40), commit: "b".repeat(40) };
const live = { wanted: 2, ready: 2 };

describe("times in words", () => {
  test.each([
    [-5_000, "now"], [0, "now"], [999, "now"], [12_400, "12 s"], [240_000, "4 m"], [3 * 3_600_000, "3 h"], [50 * 3_600_000, "2 d"],
  ])("an age of %d ms is %s", (ms, words) => expect(age(ms)).toBe(words));

  test.each([
    [-1, "0 s"], [0, "0 s"], [430, "0.4 s"], [12_345, "12 s"], [130_000, "2 m 10 s"], [3 * 3_600_000 + 300_000, "3 h 05 m"],
  ])("a span of %d ms is %s", (ms, words) => expect(span(ms)).toBe(words));
});

describe("links", () => {
  test.each(["https://example.com/a?b#c", "http://localhost:8000/"])("%s may be followed", (link) => {
    expect(safeHref(link)).toBe(link);
  });

  test.each(["javascript:alert(1)", " JavaScript:alert(1)", "data:text/html,x", "vbscript:x", "//example.com", "/v1/session", ""])(
    "%s is only text",
    (link) => expect(safeHref(link)).toBeNull(),
  );
});

describe("the health of a cell, by the table that Python is held to", () => {
  const row = v.object({ name: v.string(), card, presence: v.string(), now: v.string(), word: v.string() });
  const table = readFileSync("../tests/histories/health.jsonl", "utf8")
    .trim()
    .split("\n")
    .map((line) => v.parse(row, JSON.parse(line)));

  test.each(table.map((known) => [known.name, known] as const))("%s", (_, known) => {
    expect(shownHealth(known.card, presence(known.presence), Date.parse(known.now)).word).toBe(known.word);
  });

  test("the reason shows at once, before the word it belongs to", () => {
    const health = { word: "Healthy", reason: "CrashLoopBackOff", next: { word: "Failing", at: "2026-01-01T12:00:10Z" } };

    expect(shownHealth(aCard({ desired, live, health }), presence("online"), NOW)).toMatchObject({
      word: "Healthy",
      reason: "CrashLoopBackOff",
    });
  });
});

describe("hops", () => {
  const hops = [
    { name: "received", state: "done" },
    { name: "checks", state: "skipped" },
    { name: "rendered", state: "running", reason: { kind: "queue", text: "waits for its turn" } },
    { name: "committed", state: "waiting" },
  ];

  test("the open hop is the running one", () => {
    expect(openHop(aRelease({ hops }).hops)?.name).toBe("rendered");
  });

  test("a failed hop comes before any other", () => {
    const failed = [...hops, { name: "live", state: "failed" }];

    expect(openHop(aRelease({ hops: failed }).hops)?.name).toBe("live");
  });

  test("no clock runs on a release that has come to its end", () => {
    expect(runningHop(aRelease({ hops, state: "requested" }))?.name).toBe("rendered");
    expect(runningHop(aRelease({ hops, state: "superseded" }))).toBeNull();
  });

  test("the reason is the release's own, else that of its open hop", () => {
    expect(reasonOf(aRelease({ hops }))).toBe("waits for its turn");
    expect(reasonOf(aRelease({ hops, reason: { kind: "held", text: "held by Ada" } }))).toBe("held by Ada");
  });

  test("a card's hop divides what is done from what waits", () => {
    const line = hopsOfCard({ id: "r1", sha: "a", hop: "committed", state: "rendered", reason: "", since: "" });

    expect(line.map(({ state }) => state)).toEqual(["done", "done", "done", "running", "waiting", "waiting", "waiting", "waiting"]);
  });

  test("a hop we do not know is drawn after the decision, under its own name", () => {
    const line = hopsOfCard({ id: "r1", sha: "a", hop: "approved", state: "waiting", reason: "", since: "" });

    expect(line.slice(0, 4).map(({ name, state }) => `${name} ${state}`)).toEqual([
      "received done", "decided done", "approved waiting", "rendered waiting",
    ]);
    expect(hopWord("approved")).toBe("approved");
  });

  test.each([["rejected", "failed"], ["unhealthy", "failed"], ["held", "waiting"], ["reconciling", "running"]])(
    "a release that is %s has a hop that is %s",
    (state, hop) => {
      const line = hopsOfCard({ id: "r1", sha: "a", hop: "healthy", state, reason: "", since: "" });

      expect(line.find(({ name }) => name === "healthy")?.state).toBe(hop);
    },
  );
});

test("unknown words have a tone too", () => {
  expect(releaseTone("shadowed")).toBe("idle");
  expect(podTone("SomeNewBackOff")).toBe("bad");
});

test("a row fades once in five seconds, and five at most at a time", () => {
  let fades = NO_FADES;
  for (const row of ["a", "b", "c", "d", "e"]) fades = allowed(fades, row, NOW) ?? NO_FADES;

  expect(allowed(fades, "f", NOW + 500)).toBeNull();
  expect(allowed(fades, "f", NOW + 1_000)).not.toBeNull();
  expect(allowed(fades, "a", NOW + 4_999)).toBeNull();
  expect(allowed(fades, "a", NOW + 5_000)).not.toBeNull();
});

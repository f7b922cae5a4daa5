import { readFileSync } from "node:fs";
import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { document } from "../api/bodies";
import type { Document, Topic } from "./reducer";
import { EMPTY_TOPIC, living, observe, observeAll, raiseFloor } from "./reducer";

const step = v.union([v.object({ observe: document }), v.object({ floor: v.number() })]);
const history = v.object({
  name: v.string(),
  steps: v.array(step),
  end: v.object({
    floor: v.number(),
    documents: v.pipe(v.unknown(), v.transform((known) => Object.values(known as Record<string, unknown>)), v.array(document)),
  }),
});
type Step = { observe: Document } | { floor: number };

const histories = readFileSync("../tests/histories/folds.jsonl", "utf8")
  .trim()
  .split("\n")
  .map((line) => v.parse(history, JSON.parse(line)));

const fold = (topic: Topic, next: Step): Topic =>
  "observe" in next ? observe(topic, next.observe) : raiseFloor(topic, next.floor);
const foldAll = (steps: readonly Step[]) => steps.reduce(fold, EMPTY_TOPIC);
const plain = (topic: Topic) => ({ floor: topic.floor, documents: byKey([...topic.documents.values()]) });
const byKey = (docs: readonly Document[]) => [...docs].sort((a, b) => (a.key < b.key ? -1 : 1));

describe("the histories that Python is held to", () => {
  test("there are some", () => {
    expect(histories.length).toBeGreaterThan(100);
  });

  test.each(histories.map((known) => [known.name, known] as const))("%s", (_, { steps, end: { floor, documents: left } }) => {
    const end = { floor, documents: byKey(left) };

    expect(plain(foldAll(steps))).toEqual(end);
    expect(plain(foldAll([...steps].reverse()))).toEqual(end);
    expect(plain(foldAll([...steps, ...steps]))).toEqual(end);
  });
});

const someDocuments = fc.array(
  fc.record({ key: fc.constantFrom("a", "b", "c", "d"), seq: fc.integer({ min: 1, max: 30 }) }).map(
    // a seq of a key names one version: its body follows from both
    ({ key, seq }): Document => ({ key, seq, body: seq % 5 === 0 ? null : { n: `${key}${seq}` } }),
  ),
  { maxLength: 30 },
);
const floors = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 4 });

test("any order, repetition and interleaving of documents and floors ends the same", () => {
  fc.assert(
    fc.property(someDocuments, floors, fc.array(fc.nat(), { minLength: 70, maxLength: 70 }), (docs, seqs, random) => {
      const steps: Step[] = [...docs.map((observe) => ({ observe })), ...seqs.map((floor) => ({ floor }))];
      const shuffled = [...steps, ...steps]
        .map((next, index) => ({ next, at: random[index] ?? 0 }))
        .sort((a, b) => a.at - b.at)
        .map(({ next }) => next);

      const once = foldAll(steps);

      expect(plain(foldAll(shuffled))).toEqual(plain(once));
    }),
  );
});

test("many documents at once fold as one by one", () => {
  fc.assert(
    fc.property(someDocuments, fc.integer({ min: 0, max: 20 }), (docs, floor) => {
      const start = raiseFloor(EMPTY_TOPIC, floor);

      expect(plain(observeAll(start, docs))).toEqual(plain(docs.reduce(observe, start)));
    }),
  );
});

test("the same topic comes back when nothing changed", () => {
  const topic = observe(raiseFloor(EMPTY_TOPIC, 3), { key: "a", seq: 7, body: {} });

  expect(observe(topic, { key: "a", seq: 7, body: {} })).toBe(topic);
  expect(observe(topic, { key: "b", seq: 3, body: {} })).toBe(topic);
  expect(raiseFloor(topic, 3)).toBe(topic);
});

test("tombstones and other prefixes are not shown", () => {
  const topic = observeAll(EMPTY_TOPIC, [
    { key: "pod/shop/1", seq: 1, body: {} },
    { key: "pod/shop/2", seq: 2, body: null },
    { key: "pod/shops/1", seq: 3, body: {} },
  ]);

  expect(living(topic, "pod/shop/").map(({ key }) => key)).toEqual(["pod/shop/1"]);
});

import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { card, release } from "../../api/bodies";
import type { Action } from "./actions";
import { announce, canDeployAgain, canRollBackTo, versionOf } from "./actions";
import { foldAsked, releasesOf } from "./requests";

const aRelease = (part: object = {}) =>
  v.parse(release, {
    id: "r1", request_id: "q1", app: "shop", environment: "staging", environment_id: "e1", kind: "deploy", state: "overtaken",
    commit: "c1", artifact_id: "a1", version: { repository: "demo/shop", sha: "0123456789", message: "Fix\n\nmore" }, ...part,
  });
const aCard = v.parse(card, {
  app: "shop", environment: "staging", environment_id: "e1",
  desired: { id: "r9", sha: "fedcba9876", commit: "c9" }, hold: { by: "Ada" },
});
const place = { app: "shop", environment: "staging", card: aCard };

describe("rolling back is offered", () => {
  test("to a release that was in Git", () => expect(canRollBackTo(aRelease(), aCard)).toBe(true));
  test("never to what Git holds now", () => expect(canRollBackTo(aRelease({ id: "r9" }), aCard)).toBe(false));
  test("never to a delete", () => expect(canRollBackTo(aRelease({ kind: "delete" }), aCard)).toBe(false));
  test("never to what was refused", () => expect(canRollBackTo(aRelease({ state: "rejected", commit: "" }), aCard)).toBe(false));
});

test("deploying again needs an artifact", () => {
  expect(canDeployAgain(aRelease())).toBe(true);
  expect(canDeployAgain(aRelease({ artifact_id: "" }))).toBe(false);
});

test("a version is named by sha and first line", () => {
  expect(versionOf(aRelease())).toBe("0123456 “Fix”");
  expect(versionOf(aRelease({ version: null }))).toBe("r1");
});

test("every action says what it will do and how to undo it", () => {
  const actions: Action[] = [
    { kind: "deploy", release: aRelease() }, { kind: "rollback", release: aRelease() }, { kind: "release-hold" }, { kind: "delete" },
  ];

  for (const action of actions) {
    const said = announce(action, place);
    expect(said.will.join("") && said.undo && said.confirm && said.title).toBeTruthy();
  }
  expect(announce({ kind: "rollback", release: aRelease() }, place).will.join(" ")).toContain("in place of fedcba9");
  expect(announce({ kind: "deploy", release: aRelease() }, place).will.join(" ")).toContain("Lifts the hold");
});

test("a request is requested at once, then accepted or refused, and followed by its id", () => {
  const problem = { status: 409, title: "Conflict", detail: "", requestId: "" };
  const asked = { key: 1, action: { kind: "delete" as const }, title: "Delete", id: null, isDone: false, problem: null, requestedAt: "" };
  const first = foldAsked([], { type: "asked", asked });
  const accepted = foldAsked(first, { type: "accepted", key: 1, id: "q1" });

  expect(first).toEqual([asked]);
  expect(releasesOf(asked, [aRelease()])).toEqual([]);
  expect(accepted.flatMap((one) => releasesOf(one, [aRelease(), aRelease({ id: "r2", request_id: "q2" })]))).toEqual([aRelease()]);
  expect(foldAsked(first, { type: "accepted", key: 1, id: null })[0]?.isDone).toBe(true);
  expect(foldAsked(first, { type: "refused", key: 1, problem })[0]?.problem).toBe(problem);
  expect(foldAsked(accepted, { type: "dismissed", key: 1 })).toEqual([]);
});

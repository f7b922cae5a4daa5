import * as v from "valibot";
import { expect, test } from "vitest";
import { card, environment } from "../../api/bodies";
import { columnsOf, countsOf, filtered, keptOrder, rowsOf } from "./rows";

const environments = [
  v.parse(environment, { id: "e2", name: "production", position: 1, agent: { state: "online" } }),
  v.parse(environment, { id: "e1", name: "staging", position: 0, agent: { state: "online" } }),
];
const cell = (app: string, part: object = {}, environmentId = "e1") =>
  v.parse(card, {
    app,
    environment: "staging",
    environment_id: environmentId,
    desired: { id: "r1", sha: "a", commit: "b" },
    live: { wanted: 1, ready: 1 },
    health: { word: "Healthy" },
    ...part,
  });
const failing = { health: { word: "Failing" } };
const moving = { under_way: { id: "r2", sha: "c", hop: "rendered", state: "requested" } };
const rejected = { under_way: { id: "r2", sha: "c", hop: "rendered", state: "rejected" } };
const held = { hold: { by: "Ada" } };

test("environments are columns in their own order", () => {
  expect(columnsOf(environments).map(({ name }) => name)).toEqual(["staging", "production"]);
});

test("what is not fine comes first", () => {
  const rows = rowsOf([cell("a"), cell("b", moving), cell("c", held), cell("d", failing), cell("a2")], environments, 0);

  expect(rows.map(({ app }) => app)).toEqual(["d", "c", "b", "a", "a2"]);
});

test("counts are of cells, and of what is not fine only", () => {
  const cards = [cell("a", failing), cell("a", failing, "e2"), cell("b", rejected), cell("c", moving), cell("d")];

  expect(countsOf(rowsOf(cards, environments, 0))).toEqual([
    { concern: "failing", count: 3 },
    { concern: "deploying", count: 1 },
  ]);
});

test("a filter keeps rows with the concern and the words", () => {
  const rows = rowsOf([cell("shop", failing), cell("shop-search"), cell("basket", failing)], environments, 0);

  expect(filtered(rows, { show: "failing", q: " SHO" }).map(({ app }) => app)).toEqual(["shop"]);
  expect(filtered(rows, {})).toHaveLength(3);
});

test("the order stays while one looks; new rows come last", () => {
  const rows = rowsOf([cell("new", failing), cell("b", failing), cell("a")], environments, 0);

  expect(keptOrder(["a", "gone", "b"], rows)).toEqual(["a", "b", "new"]);
});

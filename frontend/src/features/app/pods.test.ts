import * as v from "valibot";
import { expect, test } from "vitest";
import { liveApp, pod } from "../../api/bodies";
import { branchesOf, folded } from "./pods";

const aPod = (name: string, state = "Running", workload = "Deployment/shop") =>
  v.parse(pod, { namespace: "demo", name, state, workload });
const { workloads } = v.parse(liveApp, {
  app: "shop",
  workloads: [{ kind: "Deployment", namespace: "demo", name: "shop" }, { kind: "StatefulSet", namespace: "demo", name: "db" }],
});

test("pods stand under their workloads, the worst first, and none is lost", () => {
  const pods = [aPod("a"), aPod("b", "CrashLoopBackOff"), aPod("db-0", "Pending", "StatefulSet/db"), aPod("x", "Running", "")];

  const branches = branchesOf(workloads, pods);

  expect(branches.map(({ title, pods: own }) => [title, own.map(({ name }) => name)])).toEqual([
    ["Deployment/shop", ["b", "a"]],
    ["StatefulSet/db", ["db-0"]],
    ["Pods of no workload", ["x"]],
  ]);
});

test("beyond twenty, pods are folded by state", () => {
  const pods = Array.from({ length: 500 }, (_, n) => aPod(`shop-${n}`));

  expect(folded(pods)).toMatchObject({ rest: [{ state: "Running", count: 480 }] });
  expect(folded(pods).shown).toHaveLength(20);
});

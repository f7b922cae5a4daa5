import { beforeEach, describe, expect, test } from "vitest";
import { Refused } from "../api/problem";
import { LiveClient } from "./client";
import { FakeWorld, settle } from "./fakes";
import { living } from "./reducer";
import { shown } from "./topics";

const refused = (status: number) => new Refused({ status, title: "no", detail: "", requestId: "req-1" });

let world: FakeWorld;
let client: LiveClient;

beforeEach(() => {
  world = new FakeWorld();
  client = new LiveClient(world);
});

async function open(): Promise<void> {
  await settle();
  world.socket.handlers.onOpen();
  await world.pass(50);
}
const doc = (key: string, seq: number, body: Record<string, unknown> | null = { seq }) => ({ key, seq, body });
const keys = (topic: string, prefix = "") => living(shown(client.store.get(topic)), prefix).map(({ key }) => key);
const subscriptions = () => world.socket.sent.filter(({ type }) => type === "subscribe");

describe("a first paint", () => {
  test("folds what comes before, between and after its pages", async () => {
    client.start();
    client.want("apps", "");
    await open();
    world.socket.says({ type: "docs", topic: "apps", docs: [doc("shop/e1", 5, { newest: true })], changed_at: 50 });
    world.pages[0]?.answer({ docs: [doc("shop/e1", 3), doc("shop/e2", 1)], changed_at: 40, next: "more" });
    await settle();
    world.socket.says({ type: "docs", topic: "apps", docs: [doc("basket/e1", 9)], changed_at: 60 });
    world.pages[1]?.answer({ docs: [doc("basket/e1", 8), doc("search/e1", 2)] });
    await settle();

    expect(client.store.get("apps").paints.get("")?.state).toBe("ready");
    expect(keys("apps").sort()).toEqual(["basket/e1", "search/e1", "shop/e1", "shop/e2"]);
    expect(client.store.get("apps").topic.documents.get("shop/e1")?.seq).toBe(5);
  });

  test("is followed by a subscription that covers what changed since its first page was read", async () => {
    client.start();
    client.want("apps", "");
    await open();
    world.pages[0]?.answer({ changed_at: 40 });
    await settle();
    await world.pass(50);

    expect(subscriptions()).toEqual([
      { type: "subscribe", topic: "apps" },
      { type: "subscribe", topic: "apps", since: 40 },
    ]);
  });

  test("needs no socket", async () => {
    client.want("apps", "");
    world.pages[0]?.answer({ docs: [doc("shop/e1", 1)] });
    await settle();

    expect(keys("apps")).toEqual(["shop/e1"]);
  });

  test("that failed says why and can be tried again", async () => {
    client.want("apps", "");
    world.pages[0]?.fail(refused(503));
    await settle();
    expect(client.store.get("apps").paints.get("")).toMatchObject({ state: "failed", problem: { requestId: "req-1" } });

    client.retry("apps", "");
    world.pages[1]?.answer({ docs: [doc("shop/e1", 1)] });
    await settle();

    expect(keys("apps")).toEqual(["shop/e1"]);
  });

  test("that is refused as signed out is told", async () => {
    client.want("apps", "");
    world.pages[0]?.fail(refused(401));
    await settle();

    expect(world.signedOut).toBe(1);
  });
});

describe("a subscription", () => {
  test("covers all prefixes of a topic that are looked at, for the server keeps one", async () => {
    client.start();
    await open();
    client.want("env:e1", "app/shop");
    client.want("env:e1", "pod/shop/");
    client.want("apps", "shop/");
    await world.pass(50);

    expect(subscriptions()).toEqual([
      { type: "subscribe", topic: "env:e1" },
      { type: "subscribe", topic: "apps", prefix: "shop/" },
    ]);
  });

  test("keeps nothing that nobody looks at", async () => {
    client.start();
    client.want("env:e1", "pod/shop/");
    await open();
    world.socket.says({
      type: "docs",
      topic: "env:e1",
      docs: [doc("pod/shop/d/1", 1), doc("pod/other/d/1", 2)],
      changed_at: 1,
    });

    expect([...client.store.get("env:e1").topic.documents.keys()]).toEqual(["pod/shop/d/1"]);
  });

  test("ends a while after the last view has gone, and what was held with it", async () => {
    client.start();
    const leave = client.want("apps", "");
    const leaveToo = client.want("apps", "");
    await open();
    world.pages[0]?.answer({ docs: [doc("shop/e1", 1)] });
    leave();
    leave();
    await world.pass(20_000);
    expect(keys("apps")).toEqual(["shop/e1"]);

    leaveToo();
    await world.pass(20_000);

    expect(world.socket.sent.at(-1)).toEqual({ type: "unsubscribe", topic: "apps" });
    expect(client.store.get("apps").topic.documents.size).toBe(0);
  });

  test("of a view that comes back at once is kept", async () => {
    client.start();
    const leave = client.want("apps", "");
    await open();
    leave();
    client.want("apps", "");
    await world.pass(60_000);

    expect(world.socket.sent.map(({ type }) => type)).not.toContain("unsubscribe");
  });
});

describe("after a loss", () => {
  test("it resumes from the highest change seen, without reading pages again", async () => {
    client.start();
    client.want("apps", "");
    await open();
    world.pages[0]?.answer({ docs: [doc("shop/e1", 1)], changed_at: 40 });
    await settle();
    world.socket.says({ type: "docs", topic: "apps", docs: [doc("shop/e1", 2)], changed_at: 70 });
    world.socket.says({ type: "docs", topic: "apps", docs: [doc("shop/e1", 2)], changed_at: 65 });
    world.socket.handlers.onClose();
    await world.pass(500);
    await open();

    expect(subscriptions()).toEqual([{ type: "subscribe", topic: "apps", since: 70 }]);
    expect(world.pages).toHaveLength(1);
  });

  test("a resync forgets what is gone, but keeps it on screen until the new paint is complete", async () => {
    client.start();
    client.want("apps", "");
    await open();
    world.pages[0]?.answer({ docs: [doc("gone/e1", 9), doc("shop/e1", 8)], floor: 0, changed_at: 40 });
    await settle();
    await world.pass(50);
    world.socket.says({ type: "resync", topic: "apps" });
    await settle();
    expect(keys("apps").sort()).toEqual(["gone/e1", "shop/e1"]);

    world.pages[1]?.answer({ docs: [doc("shop/e1", 3)], changed_at: 90 });
    await settle();
    await world.pass(50);

    expect(keys("apps")).toEqual(["shop/e1"]);
    expect(client.store.get("apps").topic.documents.get("shop/e1")?.seq).toBe(3);
  });

  test("a resync does not resume: a quiet topic would be told to resync for ever", async () => {
    client.start();
    client.want("apps", "");
    await open();
    world.pages[0]?.answer({ changed_at: 40 });
    await settle();
    await world.pass(50);
    const before = subscriptions().length;
    world.socket.says({ type: "resync", topic: "apps" });
    world.pages[1]?.answer({ changed_at: 40 });
    await settle();
    await world.pass(50);

    expect(subscriptions()).toHaveLength(before);
  });

  test("pages asked for before a resync are dropped", async () => {
    client.start();
    client.want("apps", "");
    await open();
    world.socket.says({ type: "resync", topic: "apps" });
    world.pages[0]?.answer({ docs: [doc("gone/e1", 9)] });
    world.pages[1]?.answer({ docs: [doc("shop/e1", 1)] });
    await settle();

    expect(keys("apps")).toEqual(["shop/e1"]);
  });

  test("a floor forgets all that is older", async () => {
    client.start();
    client.want("env:e1", "");
    await open();
    world.pages[0]?.answer({ docs: [doc("pod/a", 1), doc("pod/b", 5)] });
    await settle();
    world.socket.says({ type: "floor", topic: "env:e1", seq: 4 });

    expect(keys("env:e1")).toEqual(["pod/b"]);
  });

  test("stopping and starting again, as strict mode does, paints what views still want", async () => {
    const leave = client.want("apps", "");
    client.start();
    leave();
    client.stop();
    client.want("apps", "");
    client.start();
    world.pages[1]?.answer({ docs: [doc("shop/e1", 1)] });
    await settle();

    expect(keys("apps")).toEqual(["shop/e1"]);
  });
});

test("views of a topic are told of its changes only", () => {
  const calls: string[] = [];
  client.want("apps", "");
  client.want("releases", "");
  client.store.subscribe("apps", () => calls.push("apps"));
  client.store.subscribe("releases", () => calls.push("releases"));
  client.store.fold("apps", { type: "docs", docs: [doc("shop/e1", 1)], changedAt: 1 });
  client.store.fold("apps", { type: "docs", docs: [doc("shop/e1", 1)], changedAt: 1 });

  expect(calls).toEqual(["apps"]);
});

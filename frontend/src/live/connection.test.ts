import { beforeEach, describe, expect, test } from "vitest";
import { Refused } from "../api/problem";
import { Connection } from "./connection";
import { FakeWorld, settle } from "./fakes";
import type { ToBrowser } from "./messages";

const signedOut = () => new Refused({ status: 401, title: "Not signed in", detail: "", requestId: "" });

let world: FakeWorld;
let connection: Connection;
let messages: ToBrowser[];

beforeEach(() => {
  world = new FakeWorld();
  messages = [];
  connection = new Connection(world, {
    onStatus: world.onStatus,
    onOpen: () => undefined,
    onMessage: (message) => void messages.push(message),
    isFinal: world.isFinal,
  });
});

async function opened(): Promise<void> {
  connection.start();
  await settle();
  world.socket.handlers.onOpen();
}

describe("a connection", () => {
  test("takes a new ticket for each socket", async () => {
    await opened();
    world.socket.handlers.onClose();
    await world.pass(500);

    expect(world.sockets.map(({ ticket }) => ticket)).toEqual(["t1", "t2"]);
  });

  test("says when it will try again", async () => {
    await opened();
    world.socket.handlers.onClose();

    expect(world.status).toEqual({ kind: "reconnecting", retryAt: world.time + 500, lostAt: world.time });
  });

  test("waits longer after each failure, and says offline after five", async () => {
    await opened();
    const waits: number[] = [];
    for (let attempt = 0; attempt < 8; attempt += 1) {
      const lostAt = world.time;
      world.socket.handlers.onClose();
      const { status } = world;
      if (status?.kind !== "reconnecting" && status?.kind !== "offline") throw new Error("expected a retry");
      waits.push((status.retryAt ?? 0) - lostAt);
      await world.pass(waits.at(-1) ?? 0);
    }

    expect(waits).toEqual([500, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
    expect(world.status?.kind).toBe("offline");
  });

  test("counts anew after a minute up", async () => {
    await opened();
    for (let attempt = 0; attempt < 4; attempt += 1) {
      world.socket.handlers.onClose();
      await world.pass(4_000);
    }
    world.socket.handlers.onOpen();
    await world.pass(60_000);
    world.socket.handlers.onClose();

    expect(world.status).toMatchObject({ kind: "reconnecting", retryAt: world.time + 500 });
  });

  test("gives up a socket that does not open in ten seconds", async () => {
    connection.start();
    await settle();
    await world.pass(10_000);

    expect(world.sockets[0]?.isClosed).toBe(true);
    expect(world.status?.kind).toBe("reconnecting");
  });

  test("does not try again once we are signed out", async () => {
    world.ticketError = signedOut();
    connection.start();
    await settle();
    await world.pass(600_000);

    expect(world.sockets).toHaveLength(0);
    expect(world.status).toMatchObject({ kind: "offline", retryAt: null });
  });

  test("is offline while the network is, and connects at once when it is back", async () => {
    await opened();
    world.online = false;
    connection.networkChanged();
    expect(world.status).toMatchObject({ kind: "offline", retryAt: null });

    world.online = true;
    connection.networkChanged();
    await settle();

    expect(world.sockets).toHaveLength(2);
  });

  test("reconnects on purpose before two hours, without a pause", async () => {
    await opened();
    await world.pass(120 * 60_000);

    expect(world.sockets).toHaveLength(2);
    expect(world.sockets[0]?.isClosed).toBe(true);
  });

  test("says something more often than every ten minutes", async () => {
    await opened();
    await world.pass(9 * 60_000);

    expect(world.socket.sent).toEqual([
      { type: "ping", request_ids: [] },
      { type: "ping", request_ids: [] },
    ]);
  });

  test("ignores what an abandoned socket still says", async () => {
    await opened();
    const old = world.socket;
    old.handlers.onClose();
    await world.pass(500);
    old.says({ type: "floor", topic: "apps", seq: 1 });
    old.handlers.onClose();

    expect(messages).toEqual([]);
    expect(world.sockets).toHaveLength(2);
  });

  test("drops and counts what it does not know", async () => {
    await opened();
    world.socket.says({ type: "weather" });
    world.socket.handlers.onText("{");
    world.socket.says({ type: "docs", topic: "apps", docs: [{ key: "a", seq: 1.5 }], changed_at: 1 });
    world.socket.says({ type: "floor", topic: "apps", seq: 1, colour: "red" });

    expect(connection.dropped).toBe(3);
    expect(messages).toEqual([{ type: "floor", topic: "apps", seq: 1 }]);
  });
});

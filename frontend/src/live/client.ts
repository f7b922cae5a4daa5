/**
 * Keeps the wanted topics true: subscribes, paints the first time from HTTP, folds what comes, resumes after a loss.
 *
 * The server keeps one subscription per socket and topic, the last one: it must cover all prefixes that are looked at.
 * Frames may arrive before, during or after the pages of the first paint: the folds do not mind.
 */
import type { Page } from "../api/calls";
import type { Problem } from "../api/problem";
import { problemFrom } from "../api/problem";
import type { Status, World } from "./connection";
import { Connection } from "./connection";
import type { ToBrowser } from "./messages";
import { LiveStore } from "./store";
import { resumeFrom } from "./topics";
import { commonPrefix, Wants } from "./wants";

const LINGER_MS = 10_000; // going back and forth must not subscribe anew, and messages may overtake each other
const SUBSCRIBE_SOON_MS = 20;

/** Why a prefix is painted. Only after the first time is there something to resume; a resync's subscription stands. */
type Cause = "first" | "resync";

export interface ClientWorld extends World {
  readonly page: (topic: string, prefix: string, cursor: string | null, signal: AbortSignal) => Promise<Page>;
  readonly isFinal: (error: unknown) => boolean;
  readonly onStatus: (status: Status) => void;
  readonly onSignedOut: () => void;
}

export class LiveClient {
  readonly store = new LiveStore();
  private readonly wants = new Wants();
  private readonly connection: Connection;
  private readonly painting = new Map<string, AbortController>();
  private readonly soon = new Set<string>();
  private readonly lingering = new Map<() => void, () => void>(); // cancel → end the want now

  constructor(private readonly world: ClientWorld) {
    this.connection = new Connection(world, {
      onStatus: world.onStatus,
      onOpen: () => this.subscribeAll(),
      onMessage: (message) => this.receive(message),
      isFinal: (error) => this.noteFinal(error),
    });
  }

  start(): void {
    this.connection.start();
  }

  stop(): void {
    this.connection.stop();
    this.painting.forEach((controller) => controller.abort());
    this.painting.clear();
    for (const [cancel, end] of [...this.lingering]) {
      cancel();
      end();
    }
  }

  networkChanged(): void {
    this.connection.networkChanged();
  }

  /** Look at a prefix of a topic; returns what ends it. */
  want(topic: string, prefix: string): () => void {
    if (this.wants.add(topic, prefix)) {
      this.store.fold(topic, { type: "wanted", prefix });
      this.subscribeSoon(topic);
      void this.paint(topic, prefix, "first");
    }
    let isWanted = true;
    return () => {
      if (!isWanted) return;
      isWanted = false;
      this.linger(topic, prefix);
    };
  }

  /** Paint again what failed. */
  retry(topic: string, prefix: string): void {
    this.store.fold(topic, { type: "wanted", prefix });
    void this.paint(topic, prefix, "first");
  }

  private linger(topic: string, prefix: string): void {
    const end = () => {
      this.lingering.delete(cancel);
      this.forget(topic, prefix);
    };
    const cancel = this.world.after(LINGER_MS, end);
    this.lingering.set(cancel, end);
  }

  private forget(topic: string, prefix: string): void {
    if (!this.wants.drop(topic, prefix)) return;
    this.painting.get(nameOf(topic, prefix))?.abort();
    this.store.fold(topic, { type: "unwanted", prefix });
    if (!this.wants.has(topic)) this.connection.send({ type: "unsubscribe", topic });
  }

  private subscribeAll(): void {
    for (const topic of this.wants.topics()) {
      this.subscribe(topic);
      const { paints } = this.store.get(topic);
      for (const [prefix, paint] of paints) if (paint.state === "failed") this.retry(topic, prefix);
    }
  }

  /** Views of one screen come together, and messages may overtake each other: one message for all of them. */
  private subscribeSoon(topic: string): void {
    if (this.soon.has(topic)) return;
    this.soon.add(topic);
    this.world.after(SUBSCRIBE_SOON_MS, () => {
      if (this.soon.delete(topic) && this.wants.has(topic)) this.subscribe(topic);
    });
  }

  private subscribe(topic: string): void {
    const scope = commonPrefix(this.wants.prefixes(topic));
    const since = resumeFrom(this.store.get(topic));
    const isSent = this.connection.send({
      type: "subscribe",
      topic,
      ...(scope === "" ? {} : { prefix: scope }),
      ...(since === null ? {} : { since }),
    });
    if (isSent) this.soon.delete(topic);
  }

  private receive(message: ToBrowser): void {
    switch (message.type) {
      case "docs":
        this.store.fold(message.topic, { type: "docs", docs: message.docs, changedAt: message.changed_at });
        return;
      case "floor":
        this.store.fold(message.topic, { type: "floor", seq: message.seq });
        return;
      case "resync":
        this.resync(message.topic);
        return;
      case "result":
      case "error":
        return; // no command is sent from this page yet
      default:
        message satisfies never;
    }
  }

  private resync(topic: string): void {
    this.store.fold(topic, { type: "resync" });
    for (const prefix of this.wants.prefixes(topic)) void this.paint(topic, prefix, "resync");
  }

  private async paint(topic: string, prefix: string, cause: Cause): Promise<void> {
    const name = nameOf(topic, prefix);
    this.painting.get(name)?.abort();
    const controller = new AbortController();
    this.painting.set(name, controller);
    const { generation } = this.store.get(topic);
    try {
      const changedAt = await this.foldPages(topic, prefix, generation, controller.signal);
      this.store.fold(topic, { type: "painted", generation, prefix, changedAt });
      if (cause === "first") this.subscribeSoon(topic); // what changed between page and subscription comes again
    } catch (error) {
      if (controller.signal.aborted) return;
      this.noteFinal(error);
      const problem: Problem = problemFrom(error);
      this.store.fold(topic, { type: "failed", generation, prefix, problem });
    } finally {
      if (this.painting.get(name) === controller) this.painting.delete(name);
    }
  }

  /** Resume from the first page's instant: what changes while later pages are read comes as frames. */
  private async foldPages(topic: string, prefix: string, generation: number, signal: AbortSignal): Promise<number> {
    let cursor: string | null = null;
    let changedAt: number | null = null;
    do {
      const page: Page = await this.world.page(topic, prefix, cursor, signal);
      signal.throwIfAborted();
      this.store.fold(topic, { type: "page", generation, docs: page.docs, floor: page.floor });
      changedAt ??= page.changed_at;
      cursor = page.next;
    } while (cursor !== null);
    return changedAt;
  }

  private noteFinal(error: unknown): boolean {
    const isFinal = this.world.isFinal(error);
    if (isFinal) this.world.onSignedOut();
    return isFinal;
  }
}

function nameOf(topic: string, prefix: string): string {
  return `${topic}\n${prefix}`;
}

/** A world for tests: time stands until it is moved, sockets and pages are answered by hand. */
import type { Page } from "../api/calls";
import { Refused } from "../api/problem";
import type { ClientWorld } from "./client";
import type { SocketHandlers, Status } from "./connection";
import type { FromBrowser } from "./messages";

export class FakeSocket {
  readonly sent: FromBrowser[] = [];
  isClosed = false;

  constructor(
    readonly ticket: string,
    readonly handlers: SocketHandlers,
  ) {}

  send(text: string): void {
    this.sent.push(JSON.parse(text) as FromBrowser);
  }

  close(): void {
    this.isClosed = true;
  }

  says(message: object): void {
    this.handlers.onText(JSON.stringify(message));
  }
}

interface Asked {
  readonly topic: string;
  readonly prefix: string;
  readonly cursor: string | null;
  readonly answer: (page: Partial<Page>) => void;
  readonly fail: (error: unknown) => void;
}

export class FakeWorld implements ClientWorld {
  time = 1_000_000;
  online = true;
  signedOut = 0;
  ticketError: Error | null = null;
  readonly sockets: FakeSocket[] = [];
  readonly statuses: Status[] = [];
  readonly pages: Asked[] = [];
  private timers: { at: number; run: () => void }[] = [];
  private tickets = 0;

  now = () => this.time;
  random = () => 0.5;
  isOnline = () => this.online;
  onStatus = (status: Status) => void this.statuses.push(status);
  onSignedOut = () => void (this.signedOut += 1);
  isFinal = (error: unknown) => error instanceof Refused && error.problem.status === 401;

  after = (ms: number, run: () => void) => {
    const timer = { at: this.time + ms, run };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((known) => known !== timer));
  };

  ticket = () => {
    this.tickets += 1;
    return this.ticketError === null ? Promise.resolve(`t${this.tickets}`) : Promise.reject(this.ticketError);
  };

  open = (ticket: string, handlers: SocketHandlers) => {
    const socket = new FakeSocket(ticket, handlers);
    this.sockets.push(socket);
    return socket;
  };

  page = (topic: string, prefix: string, cursor: string | null) =>
    new Promise<Page>((resolve, reject) => {
      const answer = (page: Partial<Page>) => resolve({ docs: [], floor: 0, changed_at: 0, next: null, ...page });
      this.pages.push({ topic, prefix, cursor, answer, fail: reject });
    });

  /** Let time pass; what falls due runs in its order. */
  async pass(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      const due = this.timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.time = due.at;
      this.timers = this.timers.filter((timer) => timer !== due);
      due.run();
      await settle();
    }
    this.time = end;
    await settle();
  }

  get status(): Status | undefined {
    return this.statuses.at(-1);
  }

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("no socket was opened");
    return socket;
  }
}

/** Everything that waits on a promise goes on. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

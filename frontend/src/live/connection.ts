/**
 * The one connection of the page: a ticket, a socket, and again after a delay when it is lost. Knows nothing of topics.
 *
 * Everything outside (clock, timers, chance, network) comes in as `World`, so that each rule is tested without waiting.
 */
import { delayMs, STEADY_AFTER_MS } from "./backoff";
import type { FromBrowser, ToBrowser } from "./messages";
import { decodeFrame } from "./messages";

const OPEN_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 4 * 60_000; // API Gateway closes after 10 minutes of silence
const RENEW_AFTER_MS = 110 * 60_000; // and after two hours in any case: reconnect on purpose before that
const RENEW_JITTER_MS = 5 * 60_000;
const OFFLINE_AFTER_ATTEMPTS = 5;

export interface Socket {
  send(text: string): void;
  close(): void;
}
export interface SocketHandlers {
  readonly onOpen: () => void;
  readonly onText: (text: unknown) => void;
  readonly onClose: () => void;
}
export interface World {
  readonly now: () => number;
  readonly random: () => number;
  readonly after: (ms: number, run: () => void) => () => void;
  readonly ticket: () => Promise<string>;
  readonly open: (ticket: string, handlers: SocketHandlers) => Socket;
  readonly isOnline: () => boolean;
}

export type Status =
  | { readonly kind: "connecting" }
  | { readonly kind: "live"; readonly since: number }
  | { readonly kind: "reconnecting"; readonly retryAt: number; readonly lostAt: number }
  | { readonly kind: "offline"; readonly retryAt: number | null; readonly lostAt: number };

export interface Events {
  readonly onStatus: (status: Status) => void;
  readonly onOpen: () => void;
  readonly onMessage: (message: ToBrowser) => void;
  /** True when the failure means that we are no longer signed in: nothing is tried again. */
  readonly isFinal: (error: unknown) => boolean;
}

export class Connection {
  private status: Status = { kind: "connecting" };
  private socket: Socket | null = null;
  private timers: (() => void)[] = [];
  private attempt = 0;
  private round = 0; // answers of an earlier round are ignored
  private lostAt = 0;
  dropped = 0; // frames that were no message we know

  constructor(
    private readonly world: World,
    private readonly events: Events,
  ) {}

  start(): void {
    this.lostAt = this.world.now();
    void this.connect();
  }

  stop(): void {
    this.leave();
    this.setStatus({ kind: "offline", retryAt: null, lostAt: this.lostAt });
  }

  /** The browser says that the network is back, or gone. */
  networkChanged(): void {
    if (!this.world.isOnline()) {
      this.noteLoss();
      this.leave();
      this.setStatus({ kind: "offline", retryAt: null, lostAt: this.lostAt });
    } else if (this.status.kind === "reconnecting" || this.status.kind === "offline") {
      this.attempt = 0;
      void this.connect();
    }
  }

  /** False when there is no open connection; what is wanted is sent again once there is. */
  send(message: FromBrowser): boolean {
    if (this.status.kind !== "live" || this.socket === null) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  private async connect(): Promise<void> {
    this.leave();
    const round = this.round;
    try {
      const ticket = await this.world.ticket();
      if (round === this.round) this.open(ticket, round);
    } catch (error) {
      if (round !== this.round) return;
      if (this.events.isFinal(error)) this.stop();
      else this.retryLater();
    }
  }

  private open(ticket: string, round: number): void {
    const whenCurrent = (run: () => void) => () => {
      if (round === this.round) run();
    };
    const lost = whenCurrent(() => this.retryLater());
    this.timers.push(this.world.after(OPEN_TIMEOUT_MS, () => this.status.kind !== "live" && lost()));
    this.socket = this.world.open(ticket, {
      onOpen: whenCurrent(() => this.opened()),
      onText: (text) => whenCurrent(() => this.received(text))(),
      onClose: lost,
    });
  }

  private opened(): void {
    this.setStatus({ kind: "live", since: this.world.now() });
    const renewMs = RENEW_AFTER_MS + this.world.random() * RENEW_JITTER_MS;
    this.timers.push(
      this.world.after(STEADY_AFTER_MS, () => (this.attempt = 0)),
      this.world.after(renewMs, () => void this.connect()),
    );
    this.keepAlive();
    this.events.onOpen();
  }

  private keepAlive(): void {
    const ping = () => {
      this.send({ type: "ping", request_ids: [] });
      this.keepAlive();
    };
    this.timers.push(this.world.after(KEEP_ALIVE_MS, ping));
  }

  private received(text: unknown): void {
    const message = decodeFrame(text);
    if (message === null) this.dropped += 1;
    else this.events.onMessage(message);
  }

  private retryLater(): void {
    this.noteLoss();
    this.leave();
    const wait = delayMs(this.attempt, this.world.random());
    this.attempt += 1;
    const kind = this.world.isOnline() && this.attempt <= OFFLINE_AFTER_ATTEMPTS ? "reconnecting" : "offline";
    this.setStatus({ kind, retryAt: this.world.now() + wait, lostAt: this.lostAt });
    this.timers.push(this.world.after(wait, () => void this.connect()));
  }

  private noteLoss(): void {
    if (this.status.kind === "live") this.lostAt = this.world.now();
  }

  private leave(): void {
    this.round += 1;
    this.timers.forEach((cancel) => cancel());
    this.timers = [];
    this.socket?.close();
    this.socket = null;
  }

  private setStatus(status: Status): void {
    this.status = status;
    this.events.onStatus(status);
  }
}

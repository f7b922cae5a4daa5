/** The connection in the header: live, reconnecting (n s), offline. Only a change of kind is announced. */
import { useStatus } from "../live/useLive";
import type { Status } from "../live/connection";
import type { Tone } from "../lib/words";
import { useNow } from "../lib/useNow";
import { State } from "./State";

const TONES: Readonly<Record<Status["kind"], Tone>> = {
  connecting: "busy",
  live: "good",
  reconnecting: "warn",
  offline: "bad",
};

export function Connection() {
  const status = useStatus();
  const now = useNow();
  return (
    <div className="connection">
      <State tone={TONES[status.kind]} testId="connection" data={{ "data-state": status.kind }}>
        {words(status, now)}
      </State>
      <span className="hidden" aria-live="polite">
        {status.kind === "connecting" ? "" : status.kind}
      </span>
    </div>
  );
}

function words(status: Status, now: number): string {
  switch (status.kind) {
    case "connecting":
    case "live":
      return status.kind;
    case "reconnecting":
      return `reconnecting (${secondsTo(status.retryAt, now)} s)`;
    case "offline":
      return status.retryAt === null ? "offline" : `offline (next try in ${secondsTo(status.retryAt, now)} s)`;
    default:
      return status satisfies never;
  }
}

function secondsTo(at: number, now: number): number {
  return Math.max(0, Math.ceil((at - now) / 1_000));
}

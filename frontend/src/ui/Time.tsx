/** Times as people read them: how long ago, how long it takes, and the exact instant on hover. */
import { age, fullMoment, instant, moment, span } from "../lib/time";
import { useNow } from "../lib/useNow";

/** How long ago: `4 m`. Nothing for no instant. */
export function Age({ at, suffix = "" }: { at: string; suffix?: string }) {
  const now = useNow();
  const ms = instant(at);
  if (ms === null) return null;
  return (
    <time dateTime={at} title={fullMoment(ms)} className="tabular">
      {age(now - ms)}
      {suffix}
    </time>
  );
}

/** A clock that runs from an instant: `2 m 10 s`. */
export function Clock({ from }: { from: string }) {
  const now = useNow();
  const ms = instant(from);
  if (ms === null) return null;
  const seconds = Math.max(0, Math.floor((now - ms) / 1_000)) * 1_000;
  return (
    <time dateTime={from} title={`since ${fullMoment(ms)}`} className="tabular">
      {span(seconds)}
    </time>
  );
}

/** The time of day. */
export function Moment({ at }: { at: string }) {
  const now = useNow();
  const ms = instant(at);
  if (ms === null) return null;
  return (
    <time dateTime={at} title={fullMoment(ms)} className="tabular">
      {moment(ms, now)}
    </time>
  );
}

/** The hops of a release as a line: which is open, and what a card alone tells of them. */
import type { Card, Hop, Release } from "../api/bodies";
import { HOPS, isOver, releaseTone } from "./words";

/** The hop that a reader asks about: the failed one, else the first that is not done. Null when all are done. */
export function openHop(hops: readonly Hop[]): Hop | null {
  return (
    hops.find((hop) => hop.state === "failed") ??
    hops.find((hop) => hop.state === "running") ??
    hops.find((hop) => hop.state !== "done" && hop.state !== "skipped") ??
    null
  );
}

/** The hop that a clock runs on: none once the release has come to its end. */
export function runningHop(release: Release): Hop | null {
  return isOver(release.state) ? null : openHop(release.hops);
}

/** The reason to show for a release: its own, else that of its open hop. */
export function reasonOf(release: Release): string {
  const reason = release.reason ?? openHop(release.hops)?.reason ?? null;
  return reason?.text ?? "";
}

/** A card names one hop: those before it are done, those after it wait. A hop we do not know stands before the rest. */
export function hopsOfCard(underWay: NonNullable<Card["under_way"]>): Hop[] {
  const known: readonly string[] = HOPS;
  const names = known.includes(underWay.hop) ? known : [...known.slice(0, 2), underWay.hop, ...known.slice(2)];
  const at = names.indexOf(underWay.hop);
  return names.map((name, index) => hop(name, index === at ? stateOfOpen(underWay.state) : index < at ? "done" : "waiting"));
}

function stateOfOpen(state: string): string {
  if (releaseTone(state) === "bad") return "failed";
  if (state === "live") return "done";
  return state === "waiting" || state === "held" ? "waiting" : "running";
}

function hop(name: string, state: string): Hop {
  return { name, state, started_at: "", ended_at: "", reason: null };
}

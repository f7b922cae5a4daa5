/** The drawn states that every view has beside its content: loading, empty, error, denied, stale. */
import { Button, Skeleton } from "@mantine/core";
import type { ReactNode } from "react";
import type { Problem } from "../api/problem";
import { useStatus } from "../live/useLive";
import { useNow } from "../lib/useNow";
import { age } from "../lib/time";

const NOTED_AFTER_MS = 2_000; // a short loss is no news

export function Loading({ rows = 4, what }: { rows?: number; what: string }) {
  return (
    <div role="status" aria-label={`Loading ${what}`} data-testid="loading" className="loading">
      {Array.from({ length: rows }, (_, index) => (
        <Skeleton key={index} height={20} radius="sm" animate={false} />
      ))}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="blank" data-testid="empty">
      <p className="blank-title">{title}</p>
      {children}
    </div>
  );
}

export function Denied({ what }: { what: string }) {
  return (
    <div className="blank" data-testid="denied">
      <p className="blank-title">You may not see {what}.</p>
      <p>Ask an administrator of your organisation for the permission to read.</p>
    </div>
  );
}

/** A failed view: denied and missing things in their own words, all else with a way to try again. */
export function Failed({ problem, retry, what }: { problem: Problem; retry: () => void; what: string }) {
  if (problem.status === 403) return <Denied what={what} />;
  if (problem.status === 404) return <Empty title={`There is no such thing as ${what}.`} />;
  return (
    <div className="blank" role="alert" data-testid="error">
      <p className="blank-title">{`Could not load ${what}: ${problem.title}`}</p>
      <ProblemDetail problem={problem} />
      <Button size="xs" variant="default" onClick={retry} data-testid="retry">
        Try again
      </Button>
    </div>
  );
}

export function ProblemDetail({ problem }: { problem: Problem }) {
  return (
    <>
      {problem.detail !== "" && <p>{problem.detail}</p>}
      {problem.requestId !== "" && (
        <p className="quiet">
          Request <code>{problem.requestId}</code>
        </p>
      )}
    </>
  );
}

/** Says that what is on screen is no longer followed. Nothing while it is. */
export function Stale() {
  const status = useStatus();
  const now = useNow();
  if (status.kind === "live" || status.kind === "connecting") return null;
  const lostMs = now - status.lostAt;
  if (lostMs < NOTED_AFTER_MS) return null;
  return (
    <p className="stale" data-testid="stale">
      Shown as of {age(lostMs)} ago: changes since then are not on this page yet.
    </p>
  );
}

/** What was asked on this page, followed to its end. */
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { Release } from "../../api/bodies";
import { fetchRequest } from "../../api/calls";
import { reasonOf } from "../../lib/hops";
import { isOver, releaseTone } from "../../lib/words";
import { HopLine } from "../../ui/HopLine";
import { State } from "../../ui/State";
import { Age, Clock } from "../../ui/Time";
import { ProblemDetail } from "../../ui/views";
import type { Asked } from "./requests";
import { releasesOf } from "./requests";
import type { Actions } from "./useActions";

const POLL_MS = 2_000;

export function Requests({ actions, releases }: { actions: Actions; releases: readonly Release[] }) {
  return (
    <div aria-live="polite" className="requests">
      {actions.asked.map((asked) => (
        <RequestStrip key={asked.key} asked={asked} releases={releases} dismiss={() => actions.dismiss(asked.key)} />
      ))}
    </div>
  );
}

interface Props {
  readonly asked: Asked;
  readonly releases: readonly Release[];
  readonly dismiss: () => void;
}

function RequestStrip({ asked, releases, dismiss }: Props) {
  const live = releasesOf(asked, releases);
  const answer = useQuery({
    queryKey: ["request", asked.id],
    queryFn: () => fetchRequest(asked.id ?? ""),
    enabled: asked.id !== null && live.length === 0,
    refetchInterval: ({ state }) => (state.data?.state === "error" ? false : POLL_MS), // until its release comes over the socket
  });
  const followed = live.length > 0 ? live : (answer.data?.releases ?? []);
  const error = answer.data?.state === "error" ? answer.data.error || "it failed" : "";
  return (
    <section className="request" data-testid="request" data-state={stateOf(asked, followed, error)}>
      <div className="request-head">
        <strong>{asked.title}</strong>
        <Progress asked={asked} followed={followed} error={error} />
        <span className="grow" />
        <span className="quiet">
          <Age at={asked.requestedAt} suffix=" ago" />
        </span>
        <Button size="compact-xs" variant="subtle" color="gray" onClick={dismiss} aria-label={`Dismiss: ${asked.title}`}>
          Dismiss
        </Button>
      </div>
      {asked.problem !== null && <ProblemDetail problem={asked.problem} />}
      {followed.map((release) => (
        <Followed key={release.id} release={release} />
      ))}
    </section>
  );
}

function stateOf(asked: Asked, followed: readonly Release[], error: string): string {
  if (asked.problem !== null || error !== "") return "refused";
  if (asked.isDone) return "done";
  return followed[0]?.state ?? "requested";
}

function Progress({ asked, followed, error }: { asked: Asked; followed: readonly Release[]; error: string }) {
  if (asked.problem !== null) return <State tone="bad">{`refused: ${asked.problem.title}`}</State>;
  if (error !== "") return <State tone="bad">{`refused: ${error}`}</State>;
  if (asked.isDone) return <State tone="good">done</State>;
  if (followed.length === 0) return <State tone="busy">requested</State>;
  return null;
}

function Followed({ release }: { release: Release }) {
  const reason = reasonOf(release);
  return (
    <div className="followed">
      <HopLine hops={release.hops} size="line" />
      <State tone={releaseTone(release.state)}>{release.state}</State>
      {!isOver(release.state) && <Clock from={release.created_at} />}
      {reason !== "" && <span className="cell-reason">{reason}</span>}
    </div>
  );
}

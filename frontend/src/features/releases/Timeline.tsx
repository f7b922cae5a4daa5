/** The timeline of one release: every hop with its time, the reason in words under the open or failed one. */
import type { Hop, Release } from "../../api/bodies";
import { openHop, reasonOf, runningHop } from "../../lib/hops";
import { instant, span } from "../../lib/time";
import { hopTone, hopWord, kindWord, releaseTone } from "../../lib/words";
import { OutLink } from "../../ui/Link";
import { Sha } from "../../ui/Sha";
import { State } from "../../ui/State";
import { Age, Clock, Moment } from "../../ui/Time";

export function Timeline({ release }: { release: Release }) {
  const running = runningHop(release);
  const open = openHop(release.hops);
  const reason = reasonOf(release);
  return (
    <div data-testid="timeline" data-release={release.id} data-state={release.state}>
      <TimelineHead release={release} />
      <ol className="timeline">
        {release.hops.map((hop) => (
          <TimelineHop
            key={hop.name}
            hop={hop}
            isRunning={hop === running}
            reason={hop.reason?.text ?? (hop === open ? reason : "")}
          />
        ))}
      </ol>
      {open === null && reason !== "" && <p className="cell-reason">{reason}</p>}
    </div>
  );
}

function TimelineHead({ release }: { release: Release }) {
  const { version } = release;
  return (
    <p className="timeline-head">
      <State tone={releaseTone(release.state)} testId="release-state" data={{ "data-state": release.state }}>
        {release.state}
      </State>
      <span>{kindWord(release.kind)}</span>
      <Sha value={version?.sha ?? ""} />
      <span className="timeline-message">
        {version !== null && version.url !== "" ? <OutLink href={version.url}>{firstLine(version.message)}</OutLink> : firstLine(version?.message ?? "")}
      </span>
      <span className="quiet">
        {[release.actor, release.cause].filter(Boolean).join(", ")} · <Age at={release.created_at} suffix=" ago" />
      </span>
    </p>
  );
}

interface HopProps {
  readonly hop: Hop;
  readonly isRunning: boolean;
  readonly reason: string;
}

function TimelineHop({ hop, isRunning, reason }: HopProps) {
  return (
    <li className="timeline-hop" data-tone={hopTone(hop.state)} data-testid="hop" data-hop={hop.name} data-state={hop.state}>
      <span className="timeline-name">{hopWord(hop.name)}</span>
      <State tone={hopTone(hop.state)}>{hop.state}</State>
      <span className="quiet">
        <Moment at={hop.started_at} />
      </span>
      <span className="timeline-took">{isRunning ? <Clock from={hop.started_at} /> : took(hop)}</span>
      {reason !== "" && (
        <span className="timeline-reason" data-testid="reason">
          {reason}
          {hop.reason?.needs ? <span className="quiet">{` Needs: ${hop.reason.needs}.`}</span> : null}
          {hop.reason?.until ? (
            <span className="quiet">
              {" "}
              Until <Moment at={hop.reason.until} />.
            </span>
          ) : null}
        </span>
      )}
    </li>
  );
}

function took(hop: Hop): string {
  const from = instant(hop.started_at);
  const to = instant(hop.ended_at);
  return from === null || to === null ? "" : span(to - from);
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}

/** One app in one environment: the release under way as dots, what runs, how it is, and why in words. */
import { Link } from "@tanstack/react-router";
import type { Card, Environment } from "../../api/bodies";
import { hopsOfCard } from "../../lib/hops";
import { healthTone, hopWord, isOver, releaseTone } from "../../lib/words";
import { Fading } from "../../ui/Fading";
import { HopLine } from "../../ui/HopLine";
import { State } from "../../ui/State";
import { Age, Clock } from "../../ui/Time";
import type { Cell } from "./rows";

interface Props {
  readonly app: string;
  readonly environment: Environment;
  readonly cell: Cell | null;
}

export function AppCell({ app, environment, cell }: Props) {
  const data = { "data-testid": "cell", "data-app": app, "data-environment": environment.name };
  if (cell === null) {
    return (
      <td {...data} className="cell cell-empty" data-label={environment.name}>
        <span className="quiet">not here</span>
      </td>
    );
  }
  const { card, health } = cell;
  return (
    <td {...data} className="cell" data-label={environment.name}>
      <Fading value={`${card.desired?.sha} ${card.under_way?.id} ${health.word}`} group={app}>
        <Link to="/apps/$env/$app" params={{ env: environment.name, app }} className="cell-link">
          <span className="cell-line">
            <Desired card={card} />
            <State tone={healthTone(health.word)} testId="health" data={{ "data-word": health.word }}>
              {health.word}
            </State>
            {card.hold !== null && <State tone="warn" testId="held">held</State>}
            <span className="quiet cell-age">
              <Age at={card.desired?.at ?? ""} />
            </span>
          </span>
          {card.under_way !== null && <UnderWay underWay={card.under_way} />}
          {health.reason !== "" && health.word !== "Healthy" && (
            <span className="cell-reason" data-testid="reason">
              {[health.object, health.reason].filter(Boolean).join(": ")}
            </span>
          )}
        </Link>
      </Fading>
    </td>
  );
}

function Desired({ card: { desired } }: { card: Card }) {
  if (desired === null) return <span className="quiet">nothing released</span>;
  return (
    <>
      <code className="version" data-testid="version">
        {desired.sha.slice(0, 7)}
      </code>
      <span className="cell-message" title={desired.message}>
        {desired.message}
      </span>
    </>
  );
}

function UnderWay({ underWay }: { underWay: NonNullable<Card["under_way"]> }) {
  const isMoving = !isOver(underWay.state);
  return (
    <>
      <span className="cell-line" data-testid="under-way" data-state={underWay.state}>
        <HopLine hops={hopsOfCard(underWay)} size="dots" />
        <code className="version">{underWay.sha.slice(0, 7)}</code>
        <State tone={releaseTone(underWay.state)}>
          {hopWord(underWay.hop)}: {underWay.state}
        </State>
        {isMoving && <span className="quiet cell-age"><Clock from={underWay.since} /></span>}
      </span>
      {underWay.reason !== "" && (
        <span className="cell-reason" data-testid="reason">
          {underWay.reason}
        </span>
      )}
    </>
  );
}

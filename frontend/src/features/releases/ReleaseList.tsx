/** All releases of an app in an environment, newest first, failed attempts too. A row selects its timeline. */
import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Release } from "../../api/bodies";
import { reasonOf } from "../../lib/hops";
import { kindWord, releaseTone } from "../../lib/words";
import { State } from "../../ui/State";
import { Age } from "../../ui/Time";
import type { Action, Place } from "./actions";
import { canDeployAgain, canRollBackTo } from "./actions";

const PAGE = 25;

interface Props {
  readonly place: Place;
  readonly releases: readonly Release[];
  readonly selected: string | null;
  readonly mayDeploy: boolean;
  readonly ask: (action: Action) => void;
}

export function ReleaseList({ place, releases, selected, mayDeploy, ask }: Props) {
  const [shown, setShown] = useState(PAGE);
  return (
    <>
      <table className="list releases">
        <thead className="hidden">
          <tr>
            <th scope="col">Release</th>
            <th scope="col">State</th>
            <th scope="col">When</th>
            <th scope="col">Actions</th>
          </tr>
        </thead>
        {releases.slice(0, shown).map((release) => (
          <ReleaseRow
            key={release.id}
            place={place}
            release={release}
            isSelected={release.id === selected}
            mayDeploy={mayDeploy}
            ask={ask}
          />
        ))}
      </table>
      {releases.length > shown && (
        <button type="button" className="link" onClick={() => setShown(shown + PAGE)}>
          {`Show ${Math.min(PAGE, releases.length - shown)} more of ${releases.length}`}
        </button>
      )}
    </>
  );
}

interface RowProps {
  readonly place: Place;
  readonly release: Release;
  readonly isSelected: boolean;
  readonly mayDeploy: boolean;
  readonly ask: (action: Action) => void;
}

function ReleaseRow({ place, release, isSelected, mayDeploy, ask }: RowProps) {
  const isCurrent = release.id === place.card?.desired?.id;
  const reason = release.state === "live" ? "" : reasonOf(release);
  return (
    <tbody
      data-testid="release-row"
      data-release={release.id}
      data-state={release.state}
      data-kind={release.kind}
      data-current={isCurrent}
      data-selected={isSelected}
    >
      <tr>
        <td className="release-what">
          <Link
            to="/apps/$env/$app"
            params={{ env: place.environment, app: place.app }}
            search={{ release: release.id }}
            className="release-link"
            aria-current={isSelected ? "true" : undefined}
            resetScroll={false}
          >
            {kindWord(release.kind)} <code>{release.version?.sha.slice(0, 7)}</code>{" "}
            <span className="release-message">{release.version?.message.split("\n", 1)[0]}</span>
          </Link>
        </td>
        <td>
          {release.state === "live" && !isCurrent ? (
            <State tone="idle">was live</State>
          ) : (
            <State tone={releaseTone(release.state)}>{release.state}</State>
          )}
          {isCurrent && <span className="quiet"> in Git</span>}
        </td>
        <td className="quiet">
          <span title={release.cause}>{release.actor}</span> <Age at={release.created_at} />
        </td>
        <td className="release-actions">
          {canDeployAgain(release) && (
            <ActionButton testId="action-deploy-again" mayRun={mayDeploy} run={() => ask({ kind: "deploy", release })}>
              Deploy again
            </ActionButton>
          )}
          {canRollBackTo(release, place.card) && (
            <ActionButton testId="action-roll-back" mayRun={mayDeploy} run={() => ask({ kind: "rollback", release })}>
              Roll back to here
            </ActionButton>
          )}
        </td>
      </tr>
      {reason !== "" && (
        <tr className="release-reason">
          <td colSpan={4} data-testid="reason">
            {reason}
          </td>
        </tr>
      )}
    </tbody>
  );
}

interface ButtonProps {
  readonly testId: string;
  readonly mayRun: boolean;
  readonly run: () => void;
  readonly children: string;
}

export function ActionButton({ testId, mayRun, run, children }: ButtonProps) {
  return (
    <Button
      size="compact-xs"
      variant="default"
      disabled={!mayRun}
      title={mayRun ? undefined : "You lack the permission for this"}
      onClick={run}
      data-testid={testId}
    >
      {children}
    </Button>
  );
}

/** One app in one environment, drawn from its documents. */
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useState } from "react";
import type { Environment, Release } from "../../api/bodies";
import { shownHealth } from "../../lib/health";
import { useNow } from "../../lib/useNow";
import { healthTone } from "../../lib/words";
import type { View } from "../../live/useLive";
import { State } from "../../ui/State";
import { Age } from "../../ui/Time";
import { Empty, Failed, Loading } from "../../ui/views";
import type { Action, Place } from "../releases/actions";
import { ActionPanel } from "../releases/ActionPanel";
import { ActionButton, ReleaseList } from "../releases/ReleaseList";
import { Requests } from "../releases/Requests";
import { Timeline } from "../releases/Timeline";
import type { Actions } from "../releases/useActions";
import { useActions } from "../releases/useActions";
import { may, useSession } from "../session/session";
import { HoldBanner } from "./HoldBanner";
import { LiveOutline } from "./LiveOutline";
import type { AppData } from "./useApp";
import { useApp } from "./useApp";
import { WhatRuns } from "./WhatRuns";

interface Props {
  readonly environment: Environment;
  readonly app: string;
  readonly selected: string | null; // a release
}

export function AppInEnvironment({ environment, app, selected }: Props) {
  const view = useApp(environment.id, app);
  const card = view.state === "ready" ? view.data.card : null;
  const place: Place = { app, environment: environment.name, card };
  const actions = useActions(place);
  if (view.state === "loading") return <Loading what={app} rows={8} />;
  if (view.state === "failed") return <Failed {...view} what={app} />;
  return (
    <AppBody
      environment={environment}
      place={place}
      data={view.data}
      cluster={view.cluster}
      actions={actions}
      selected={selected}
    />
  );
}

interface BodyProps {
  readonly environment: Environment;
  readonly place: Place;
  readonly data: AppData;
  readonly cluster: View;
  readonly actions: Actions;
  readonly selected: string | null;
}

function AppBody({ environment, place, data, cluster, actions, selected }: BodyProps) {
  const session = useSession();
  const [action, setAction] = useState<Action | null>(null);
  const { card, releases, live, pods } = data;
  const release = releases.find(({ id }) => id === selected) ?? releases[0] ?? null;
  const desired = releases.find(({ id }) => id === card?.desired?.id) ?? null;
  const run = (confirmed: Action) => {
    setAction(null);
    actions.run(confirmed);
  };
  return (
    <>
      <Heading environment={environment} data={data} place={place} mayDelete={may(session, "deploy")} ask={setAction} />
      <Requests actions={actions} releases={releases} />
      {card?.hold && (
        <HoldBanner hold={card.hold} mayRelease={may(session, "hold")} release={() => setAction({ kind: "release-hold" })} />
      )}
      {card === null && releases.length === 0 && <NeverHere place={place} />}
      <div className="columns">
        <div>
          <Section title={titleOf(release, releases)}>
            {release === null ? <p className="quiet">No release yet.</p> : <Timeline release={release} />}
          </Section>
          <Section title="Releases">
            {releases.length === 0 ? (
              <p className="quiet">No release yet.</p>
            ) : (
              <ReleaseList
                place={place}
                releases={releases}
                selected={release?.id ?? null}
                mayDeploy={may(session, "deploy")}
                ask={setAction}
              />
            )}
          </Section>
        </div>
        <div>
          {card !== null && (
            <Section title="What runs">
              <WhatRuns card={card} live={live} release={desired} />
            </Section>
          )}
          <Section title="Live">
            <Cluster cluster={cluster}>
              <LiveOutline environment={environment} live={live} pods={pods} />
            </Cluster>
          </Section>
          <Warnings warnings={data.warnings} />
        </div>
      </div>
      <ActionPanel action={action} place={place} close={() => setAction(null)} run={run} />
    </>
  );
}

function titleOf(release: Release | null, releases: readonly Release[]): string {
  return release === null || release === releases[0] ? "Newest release" : "Selected release";
}

function Cluster({ cluster, children }: { cluster: View; children: ReactNode }) {
  if (cluster.state === "loading") return <Loading what="the cluster" />;
  if (cluster.state === "failed") return <Failed {...cluster} what="the cluster" />;
  return children;
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="section">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

interface HeadingProps {
  readonly environment: Environment;
  readonly data: AppData;
  readonly place: Place;
  readonly mayDelete: boolean;
  readonly ask: (action: Action) => void;
}

function Heading({ environment, data: { card }, place, mayDelete, ask }: HeadingProps) {
  const now = useNow();
  const health = card === null ? null : shownHealth(card, environment.agent, now);
  return (
    <div className="heading">
      <title>{`${place.app} in ${environment.name} · Gimlet`}</title>
      <nav aria-label="Up">
        <Link to="/">Apps</Link> <span className="quiet">/</span>
      </nav>
      <h1>
        {place.app} <span className="quiet">in {environment.name}</span>
      </h1>
      {health !== null && (
        <span className="heading-health">
          <State tone={healthTone(health.word)} testId="health" data={{ "data-word": health.word }}>
            {health.word}
          </State>
          {health.reason !== "" && health.word !== "Healthy" && (
            <span className="cell-reason" data-testid="health-reason">
              {[health.object, health.reason].filter(Boolean).join(": ")}
            </span>
          )}
          <span className="quiet">
            <Age at={health.since} />
          </span>
        </span>
      )}
      <span className="grow" />
      {card?.desired && (
        <ActionButton testId="action-delete" mayRun={mayDelete} run={() => ask({ kind: "delete" })}>
          Delete…
        </ActionButton>
      )}
    </div>
  );
}

function NeverHere({ place }: { place: Place }) {
  return (
    <Empty title={`${place.app} has never been released to ${place.environment}.`}>
      <p>
        Push a commit whose <code>.gimlet/</code> holds a manifest with <code>app: {place.app}</code> and{" "}
        <code>env: {place.environment}</code>.
      </p>
    </Empty>
  );
}

function Warnings({ warnings }: { warnings: AppData["warnings"] }) {
  if (warnings.length === 0) return null;
  return (
    <Section title="Warnings">
      <ul className="outline">
        {warnings.map(({ object, reason, message, count, last_at: lastAt }) => (
          <li key={`${object} ${reason} ${message}`} className="pod">
            <code>{object}</code>
            <State tone="warn">{reason}</State>
            {count > 1 && <span className="quiet">{`${count} times`}</span>}
            <span className="quiet">
              <Age at={lastAt} />
            </span>
            <span className="cell-reason">{message}</span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

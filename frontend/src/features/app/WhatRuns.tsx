/** What Git holds and the cluster runs: version, who, when; where to reach it. */
import type { Card, LiveApp, Release } from "../../api/bodies";
import { OutLink } from "../../ui/Link";
import { Sha } from "../../ui/Sha";
import { Age } from "../../ui/Time";

interface Props {
  readonly card: Card;
  readonly live: LiveApp | null;
  readonly release: Release | null; // the desired one, when it is known
}

export function WhatRuns({ card, live, release }: Props) {
  const { desired } = card;
  return (
    <dl className="facts" data-testid="what-runs">
      <dt>Version</dt>
      <dd>
        {desired === null ? (
          <span className="quiet">nothing released</span>
        ) : (
          <>
            <Sha value={desired.sha} /> {desired.message}
          </>
        )}
      </dd>
      {desired !== null && (
        <>
          <dt>Released</dt>
          <dd>
            {desired.who} <Age at={desired.at} suffix=" ago" />
            {release?.version?.author ? <span className="quiet">{` · commit by ${release.version.author}`}</span> : null}
          </dd>
          <dt>GitOps commit</dt>
          <dd>
            <Sha value={desired.commit} what="GitOps commit" />
          </dd>
        </>
      )}
      <Seen card={card} />
      {card.repository !== "" && (
        <>
          <dt>Repository</dt>
          <dd>{card.repository}</dd>
        </>
      )}
      {live !== null && <Reach live={live} />}
    </dl>
  );
}

function Seen({ card: { desired, live } }: { card: Card }) {
  if (live === null) return null;
  const differs = desired !== null && live.commit !== "" && live.commit !== desired.sha;
  return (
    <>
      <dt>In the cluster</dt>
      <dd>
        {`${live.ready} of ${live.wanted} pods ready`}
        {differs && (
          <>
            {", which say they run "}
            <Sha value={live.commit} />
          </>
        )}
      </dd>
    </>
  );
}

function Reach({ live }: { live: LiveApp }) {
  const links = Object.entries(live.links);
  return (
    <>
      {live.urls.length > 0 && (
        <>
          <dt>Addresses</dt>
          <dd className="facts-list">
            {live.urls.map((url) => (
              <OutLink key={url} href={url} />
            ))}
          </dd>
        </>
      )}
      {live.services.length > 0 && (
        <>
          <dt>Services</dt>
          <dd className="facts-list">
            {live.services.map(({ namespace, name, ports }) => (
              <span key={`${namespace}/${name}`}>{`${name}.${namespace}: ${ports.join(", ")}`}</span>
            ))}
          </dd>
        </>
      )}
      {live.owner !== "" && (
        <>
          <dt>Owner</dt>
          <dd>{live.owner}</dd>
        </>
      )}
      {links.length > 0 && (
        <>
          <dt>Links</dt>
          <dd className="facts-list">
            {links.map(([name, href]) => (
              <OutLink key={name} href={href}>
                {name}
              </OutLink>
            ))}
          </dd>
        </>
      )}
    </>
  );
}

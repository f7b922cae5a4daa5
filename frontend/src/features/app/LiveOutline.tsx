/** What the cluster runs, as an outline: Kustomization → workloads → pods. */
import { useState } from "react";
import type { Environment, FluxObject, LiveApp, Pod, Workload } from "../../api/bodies";
import { podTone } from "../../lib/words";
import type { Tone } from "../../lib/words";
import { State } from "../../ui/State";
import { Age } from "../../ui/Time";
import { Empty } from "../../ui/views";
import type { Branch } from "./pods";
import { branchesOf, folded } from "./pods";

interface Props {
  readonly environment: Environment;
  readonly live: LiveApp | null;
  readonly pods: readonly Pod[];
}

export function LiveOutline({ environment, live, pods }: Props) {
  const { agent } = environment;
  return (
    <div data-testid="live" data-agent={agent.state}>
      {agent.state === "away" && (
        <p className="stale">
          The agent of {environment.name} is away since <Age at={agent.since} suffix=" ago" />: this is what it saw last.
        </p>
      )}
      {live === null && pods.length === 0 ? (
        <NothingLive environment={environment} />
      ) : (
        <ul className="outline">
          {live?.kustomization && <Kustomization object={live.kustomization} />}
          {branchesOf(live?.workloads ?? [], pods).map((branch) => (
            <BranchItem key={branch.title} branch={branch} />
          ))}
        </ul>
      )}
    </div>
  );
}

function NothingLive({ environment: { name, agent } }: { environment: Environment }) {
  if (agent.state === "never") {
    return (
      <Empty title="Nothing is known of the cluster.">
        <p>{`No agent has connected for ${name} yet. What Git holds, the history and the differences are shown all the same.`}</p>
      </Empty>
    );
  }
  return (
    <Empty title="Nothing of this app is in the cluster.">
      <p>It appears here as soon as Flux has applied a release.</p>
    </Empty>
  );
}

const READY_TONES: Readonly<Record<string, Tone>> = { True: "good", False: "bad" };
const READY_WORDS: Readonly<Record<string, string>> = { True: "Ready", False: "not ready" };

function Kustomization({ object }: { object: FluxObject }) {
  const tone = object.suspended ? "idle" : (READY_TONES[object.ready] ?? "busy");
  const word = object.suspended ? "suspended" : (READY_WORDS[object.ready] ?? "reconciling");
  const text = object.reconciling || (object.ready === "True" ? "" : [object.reason, object.message].filter(Boolean).join(": "));
  return (
    <li className="outline-head" data-testid="kustomization" data-ready={object.ready}>
      <span className="outline-name">Kustomization/{object.name}</span>
      <State tone={tone}>{word}</State>
      <span className="quiet">{revision(object.last_applied) && `applied ${revision(object.last_applied)}`}</span>
      <span className="quiet">
        <Age at={object.since} />
      </span>
      {text !== "" && <span className="cell-reason">{text}</span>}
    </li>
  );
}

function revision(text: string): string {
  return /[0-9a-f]{7,64}$/.exec(text)?.[0].slice(0, 7) ?? "";
}

function BranchItem({ branch }: { branch: Branch }) {
  const [isOpen, setOpen] = useState(false);
  const { shown, rest } = folded(branch.pods);
  return (
    <li className="outline-branch" data-testid="workload" data-workload={branch.title}>
      <div className="outline-head">
        <span className="outline-name">{branch.title}</span>
        {branch.workload !== null && <Numbers workload={branch.workload} />}
        {branch.workload?.conditions.map(({ type, reason, message }) => (
          <span key={type} className="cell-reason">
            {[type, reason, message].filter(Boolean).join(": ")}
          </span>
        ))}
      </div>
      <ul className="outline-pods">
        {(isOpen ? branch.pods : shown).map((pod) => (
          <PodRow key={`${pod.namespace}/${pod.name}`} pod={pod} />
        ))}
      </ul>
      {!isOpen && rest.length > 0 && (
        <button type="button" className="link" onClick={() => setOpen(true)}>
          {rest.map(({ state, count }) => `${count} ${state}`).join(", ")}
        </button>
      )}
    </li>
  );
}

function Numbers({ workload }: { workload: Workload }) {
  const isFull = workload.ready >= workload.wanted && workload.updated >= workload.wanted && workload.settled;
  return (
    <>
      <State tone={workload.suspended ? "idle" : isFull ? "good" : "busy"}>
        {`${workload.ready} of ${workload.wanted} ready`}
      </State>
      {!isFull && <span className="quiet">{`${workload.updated} updated`}</span>}
    </>
  );
}

function PodRow({ pod }: { pod: Pod }) {
  const details = [pod.reason === pod.state ? "" : pod.reason, pod.message, pod.last_exit].filter(Boolean).join(" · ");
  return (
    <li className="pod" data-testid="pod-row" data-pod={pod.name} data-state={pod.state} data-ready={String(pod.ready)}>
      <code className="pod-name">{pod.name}</code>
      <State tone={podTone(pod.state)}>{pod.state}</State>
      {pod.restarts > 0 && <span className="quiet">{`${pod.restarts} restarts`}</span>}
      <span className="quiet">
        <Age at={pod.since} />
      </span>
      {details !== "" && <span className="cell-reason">{details}</span>}
    </li>
  );
}

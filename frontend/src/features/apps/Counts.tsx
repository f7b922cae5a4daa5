/** The first line: what is not fine, in numbers that filter; one calm sentence when all is. */
import { Link, useNavigate } from "@tanstack/react-router";
import type { Environment } from "../../api/bodies";
import type { Tone } from "../../lib/words";
import { State } from "../../ui/State";
import { Age } from "../../ui/Time";
import type { Concern, Filter, Row } from "./rows";
import { countsOf } from "./rows";

const TONES: Readonly<Record<Concern, Tone>> = {
  failing: "bad",
  degraded: "warn",
  held: "warn",
  deploying: "busy",
  stale: "warn",
};

interface Props {
  readonly rows: readonly Row[];
  readonly environments: readonly Environment[];
  readonly filter: Filter;
  readonly sortAgain: (() => void) | null;
}

export function Counts({ rows, environments, filter, sortAgain }: Props) {
  const counts = countsOf(rows);
  const absent = environments.filter(({ agent }) => agent.state !== "online");
  return (
    <div className="counts" data-testid="counts">
      {counts.length === 0 && absent.length === 0 && <span>{`All ${rows.length} apps are fine.`}</span>}
      {counts.map(({ concern, count }) => (
        <Chip key={concern} concern={concern} count={count} filter={filter} />
      ))}
      {absent.map((environment) => (
        <Absent key={environment.id} environment={environment} />
      ))}
      <span className="grow" />
      {sortAgain !== null && (
        <button type="button" className="link" onClick={sortAgain}>
          Urgent first
        </button>
      )}
      <Search filter={filter} />
    </div>
  );
}

function Chip({ concern, count, filter }: { concern: Concern; count: number; filter: Filter }) {
  const isOn = filter.show === concern;
  return (
    <Link
      to="/"
      search={isOn ? withoutKey(filter, "show") : { ...filter, show: concern }}
      className="chip"
      aria-current={isOn ? "true" : undefined}
      data-testid={`filter-${concern}`}
    >
      <State tone={TONES[concern]}>{`${count} ${concern}`}</State>
    </Link>
  );
}

function withoutKey(filter: Filter, key: keyof Filter): Filter {
  return Object.fromEntries(Object.entries(filter).filter(([name]) => name !== key));
}

function Absent({ environment: { name, agent } }: { environment: Environment }) {
  return (
    <State tone="warn" testId="agent-absent">
      {agent.state === "never" ? `${name}: no agent yet` : `${name}: agent away `}
      {agent.state !== "never" && <Age at={agent.since} />}
    </State>
  );
}

function Search({ filter }: { filter: Filter }) {
  const navigate = useNavigate();
  const change = (q: string) => {
    void navigate({ to: "/", search: q === "" ? withoutKey(filter, "q") : { ...filter, q }, replace: true });
  };
  return (
    <input
      type="search"
      className="search"
      placeholder="Find an app"
      aria-label="Find an app"
      value={filter.q ?? ""}
      onChange={(event) => change(event.target.value)}
    />
  );
}

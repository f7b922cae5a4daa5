/** The hop line: one component in two sizes, dots in a cell and labelled steps. Words are the same everywhere. */
import type { Hop } from "../api/bodies";
import { openHop } from "../lib/hops";
import { hopTone, hopWord } from "../lib/words";

interface Props {
  readonly hops: readonly Hop[];
  readonly size: "dots" | "line";
}

export function HopLine({ hops, size }: Props) {
  const open = openHop(hops);
  const words = open === null ? "all hops done" : `${hopWord(open.name)}: ${open.state}`;
  return (
    <ol className={`hops hops-${size}`} aria-label={words}>
      {hops.map((hop) => (
        <li
          key={hop.name}
          className="hop"
          data-tone={hopTone(hop.state)}
          data-testid="hop"
          data-hop={hop.name}
          data-state={hop.state}
          title={`${hopWord(hop.name)}: ${hop.state}`}
        >
          {size === "line" ? hopWord(hop.name) : <span className="hidden">{`${hopWord(hop.name)}: ${hop.state}`}</span>}
        </li>
      ))}
    </ol>
  );
}

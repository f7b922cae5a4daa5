/** Pods under their workloads, the worst first; what is many and alike is folded into a count. Pure. */
import type { Pod, Workload } from "../../api/bodies";
import type { Tone } from "../../lib/words";
import { podTone } from "../../lib/words";

const MOST_SHOWN = 20;
const ORDER: readonly Tone[] = ["bad", "warn", "busy", "idle", "good"];

export interface Branch {
  readonly title: string;
  readonly workload: Workload | null; // null: pods of no workload that we know
  readonly pods: readonly Pod[];
}

/** Workloads with their pods, then the pods that belong to none of them. */
export function branchesOf(workloads: readonly Workload[], pods: readonly Pod[]): Branch[] {
  const left = new Set(pods);
  const branches = workloads.map((workload): Branch => {
    const title = `${workload.kind}/${workload.name}`;
    const own = pods.filter((pod) => pod.workload === title && pod.namespace === workload.namespace);
    own.forEach((pod) => left.delete(pod));
    return { title, workload, pods: worstFirst(own) };
  });
  const others = new Map<string, Pod[]>();
  for (const pod of left) {
    const title = pod.workload === "" ? "Pods of no workload" : pod.workload;
    others.set(title, [...(others.get(title) ?? []), pod]);
  }
  return [...branches, ...[...others].map(([title, own]) => ({ title, workload: null, pods: worstFirst(own) }))];
}

function worstFirst(pods: readonly Pod[]): Pod[] {
  const rank = (pod: Pod) => ORDER.indexOf(podTone(pod.state));
  return [...pods].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}

/** The first twenty as they are, the rest by state: `480 Running`. */
export function folded(pods: readonly Pod[]): { shown: readonly Pod[]; rest: { state: string; count: number }[] } {
  const rest = new Map<string, number>();
  for (const { state } of pods.slice(MOST_SHOWN)) rest.set(state, (rest.get(state) ?? 0) + 1);
  return { shown: pods.slice(0, MOST_SHOWN), rest: [...rest].map(([state, count]) => ({ state, count })) };
}

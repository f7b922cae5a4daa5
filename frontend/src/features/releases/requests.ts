/**
 * Requests of this page, from the click to their end. A request is shown as *requested* at once; what has not happened
 * is never shown as if it had. Pure.
 */
import type { Release } from "../../api/bodies";
import type { Problem } from "../../api/problem";
import type { Action } from "./actions";

export interface Asked {
  readonly key: number; // ours, before the server gave an id
  readonly action: Action;
  readonly title: string;
  readonly id: string | null; // the server's
  readonly isDone: boolean; // for what has no release: a hold that was released
  readonly problem: Problem | null;
  readonly requestedAt: string;
}

export type AskedEvent =
  | { readonly type: "asked"; readonly asked: Asked }
  | { readonly type: "accepted"; readonly key: number; readonly id: string | null }
  | { readonly type: "refused"; readonly key: number; readonly problem: Problem }
  | { readonly type: "dismissed"; readonly key: number };

export function foldAsked(all: readonly Asked[], event: AskedEvent): readonly Asked[] {
  switch (event.type) {
    case "asked":
      return [event.asked, ...all];
    case "accepted":
      return change(all, event.key, (asked) => ({ ...asked, id: event.id, isDone: event.id === null }));
    case "refused":
      return change(all, event.key, (asked) => ({ ...asked, problem: event.problem }));
    case "dismissed":
      return all.filter(({ key }) => key !== event.key);
    default:
      return event satisfies never;
  }
}

function change(all: readonly Asked[], key: number, to: (asked: Asked) => Asked): readonly Asked[] {
  return all.map((asked) => (asked.key === key ? to(asked) : asked));
}

/** The releases of a request that are known by now. */
export function releasesOf(asked: Asked, releases: readonly Release[]): Release[] {
  return asked.id === null ? [] : releases.filter(({ request_id, id }) => request_id === asked.id || id === asked.id);
}

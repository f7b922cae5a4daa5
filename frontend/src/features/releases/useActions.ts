/** Runs actions and keeps what was asked. */
import { useReducer, useRef } from "react";
import { deleteApp, deployArtifact, releaseHold, rollBack } from "../../api/calls";
import { problemFrom } from "../../api/problem";
import type { Action, Place } from "./actions";
import { announce } from "./actions";
import type { Asked } from "./requests";
import { foldAsked } from "./requests";

/** The id of the request, or null for what is done with the answer. */
async function perform(action: Action, { environment, app }: Place): Promise<string | null> {
  switch (action.kind) {
    case "deploy":
      return (await deployArtifact(environment, app, action.release.artifact_id)).id;
    case "rollback":
      return (await rollBack(environment, app, action.release.id)).id;
    case "delete":
      return (await deleteApp(environment, app)).id;
    case "release-hold":
      await releaseHold(environment, app);
      return null;
    default:
      return action satisfies never;
  }
}

export interface Actions {
  readonly asked: readonly Asked[];
  readonly run: (action: Action) => void;
  readonly dismiss: (key: number) => void;
}

export function useActions(place: Place): Actions {
  const [asked, dispatch] = useReducer(foldAsked, []);
  const lastKey = useRef(0);
  const run = (action: Action) => {
    lastKey.current += 1;
    const key = lastKey.current;
    const { title } = announce(action, place);
    const requestedAt = new Date().toISOString();
    dispatch({ type: "asked", asked: { key, action, title, id: null, isDone: false, problem: null, requestedAt } });
    perform(action, place).then(
      (id) => dispatch({ type: "accepted", key, id }),
      (error: unknown) => dispatch({ type: "refused", key, problem: problemFrom(error) }),
    );
  };
  return { asked, run, dismiss: (key) => dispatch({ type: "dismissed", key }) };
}

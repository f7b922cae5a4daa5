/** Bodies of documents, each decoded once however often it is drawn. One that can't be read is left out, not guessed. */
import * as v from "valibot";
import type { Document } from "../live/reducer";
import { card, environment, events, liveApp, pod, release } from "./bodies";

function reader<T>(body: v.GenericSchema<unknown, T>): (docs: readonly Document[]) => T[] {
  const known = new WeakMap<Document, T | null>();
  const read = (doc: Document): T | null => {
    let value = known.get(doc);
    if (value === undefined) {
      const result = v.safeParse(body, doc.body);
      value = result.success ? result.output : null;
      known.set(doc, value);
    }
    return value;
  };
  return (docs) => docs.flatMap((doc) => read(doc) ?? []);
}

export const readCards = reader(card);
export const readReleases = reader(release);
export const readEnvironments = reader(environment);
export const readPods = reader(pod);
export const readApps = reader(liveApp);
export const readEvents = reader(events);

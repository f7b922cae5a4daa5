/**
 * The two folds of live state: they commute, so order, repetition and loss do not matter.
 *
 * `observe` keeps the highest seq of each key; `raiseFloor` forgets everything at or below a number. The same folds in
 * Python are `chalicelib/core/documents.py`; both are held to the same generated histories.
 */

/** One version of one key of a topic. `body` null is a tombstone. `seq` orders versions of this key only. */
export interface Document {
  readonly key: string;
  readonly seq: number;
  readonly body: unknown;
}

/** What is known of a topic: a floor and the newest document of each key, tombstones included. */
export interface Topic {
  readonly floor: number;
  readonly documents: ReadonlyMap<string, Document>;
}

export const EMPTY_TOPIC: Topic = { floor: 0, documents: new Map() };

/** Fold one document in; the same object comes back when nothing changed. */
export function observe(topic: Topic, doc: Document): Topic {
  return observeAll(topic, [doc]);
}

/** `observe` for many documents with one copy of the topic: a burst of a thousand must not copy a thousand times. */
export function observeAll(topic: Topic, docs: readonly Document[]): Topic {
  let documents: Map<string, Document> | null = null;
  for (const doc of docs) {
    const known = (documents ?? topic.documents).get(doc.key);
    if (doc.seq <= topic.floor || (known !== undefined && doc.seq <= known.seq)) continue;
    documents ??= new Map(topic.documents);
    documents.set(doc.key, doc);
  }
  return documents === null ? topic : { floor: topic.floor, documents };
}

/** Forget all documents at or below `seq`; the same object comes back when nothing changed. */
export function raiseFloor(topic: Topic, seq: number): Topic {
  if (seq <= topic.floor) return topic;
  return { floor: seq, documents: new Map([...topic.documents].filter(([, doc]) => doc.seq > seq)) };
}

/** The documents under a prefix that exist: no tombstones. */
export function living(topic: Topic, prefix = ""): Document[] {
  return [...topic.documents.values()].filter((doc) => doc.body !== null && doc.key.startsWith(prefix));
}

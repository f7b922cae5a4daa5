/** Holds the folded topics outside React, so that a frame redraws only who looks at its topic. */
import type { TopicEvent, TopicState } from "./topics";
import { foldTopic, NO_TOPIC } from "./topics";

type Listener = () => void;

export class LiveStore {
  private readonly topics = new Map<string, TopicState>();
  private readonly listeners = new Map<string, Set<Listener>>();

  get(topic: string): TopicState {
    return this.topics.get(topic) ?? NO_TOPIC;
  }

  fold(topic: string, event: TopicEvent): void {
    const before = this.get(topic);
    const after = foldTopic(before, event);
    if (after === before) return;
    if (after.paints.size === 0) this.topics.delete(topic);
    else this.topics.set(topic, after);
    this.listeners.get(topic)?.forEach((listener) => listener());
  }

  /** Call `listener` after each change of a topic; returns what ends it. */
  subscribe(topic: string, listener: Listener): () => void {
    const listeners = this.listeners.get(topic) ?? new Set();
    this.listeners.set(topic, listeners.add(listener));
    return () => listeners.delete(listener);
  }
}

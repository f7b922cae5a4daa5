/** Which prefixes of which topics somebody looks at, counted: two views of one prefix share one subscription. */

export class Wants {
  private readonly counts = new Map<string, Map<string, number>>();

  /** True when nobody wanted it before. */
  add(topic: string, prefix: string): boolean {
    const prefixes = this.counts.get(topic) ?? new Map<string, number>();
    const count = prefixes.get(prefix) ?? 0;
    this.counts.set(topic, prefixes.set(prefix, count + 1));
    return count === 0;
  }

  /** True when nobody wants it any more. */
  drop(topic: string, prefix: string): boolean {
    const prefixes = this.counts.get(topic);
    const count = prefixes?.get(prefix) ?? 0;
    if (prefixes === undefined || count === 0) return false;
    if (count > 1) prefixes.set(prefix, count - 1);
    else prefixes.delete(prefix);
    if (prefixes.size === 0) this.counts.delete(topic);
    return count === 1;
  }

  has(topic: string): boolean {
    return this.counts.has(topic);
  }

  prefixes(topic: string): string[] {
    return [...(this.counts.get(topic)?.keys() ?? [])];
  }

  topics(): string[] {
    return [...this.counts.keys()];
  }
}

/** The longest prefix of all: what one subscription must cover so that none of them misses anything. */
export function commonPrefix(prefixes: readonly string[]): string {
  const [first = "", ...others] = prefixes;
  let length = first.length;
  while (!others.every((other) => other.startsWith(first.slice(0, length)))) length -= 1;
  return first.slice(0, length);
}

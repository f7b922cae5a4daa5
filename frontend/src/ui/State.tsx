/** A state: always colour, icon and word together. */
import type { ReactNode } from "react";
import type { Tone } from "../lib/words";

const ICONS: Readonly<Record<Tone, string>> = { good: "✓", busy: "↻", warn: "!", bad: "✕", idle: "–" };

interface Props {
  readonly tone: Tone;
  readonly children: ReactNode;
  readonly testId?: string;
  readonly data?: Readonly<Record<`data-${string}`, string>>;
}

export function State({ tone, children, testId, data }: Props) {
  return (
    <span className="state" data-tone={tone} data-testid={testId} {...data}>
      <span className="state-icon" aria-hidden="true">
        {ICONS[tone]}
      </span>
      {children}
    </span>
  );
}

/** Its content fades from the accent when the value changes; seldom, and not for who asked for less motion. */
import type { ReactNode } from "react";
import { useEffect, useRef } from "react";
import { allowed, NO_FADES } from "../lib/fade";

let fades = NO_FADES;

interface Props {
  readonly value: string;
  readonly group: string;
  readonly children: ReactNode;
}

export function Fading({ value, group, children }: Props) {
  const element = useRef<HTMLDivElement>(null);
  const before = useRef(value);
  useEffect(() => {
    if (before.current === value) return;
    before.current = value;
    const next = allowed(fades, group, Date.now());
    if (next === null || element.current === null) return;
    fades = next;
    const { current } = element;
    current.classList.remove("faded");
    requestAnimationFrame(() => current.classList.add("faded")); // a frame apart, so that the animation starts anew
  }, [value, group]);
  return (
    <div ref={element} className="fading">
      {children}
    </div>
  );
}

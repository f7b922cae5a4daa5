/** A link to another site: only http and https; anything else is shown as text. */
import type { ReactNode } from "react";
import { safeHref } from "../lib/links";

export function OutLink({ href, children }: { href: string; children?: ReactNode }) {
  const safe = safeHref(href);
  if (safe === null) return <span>{children ?? href}</span>;
  return (
    <a href={safe} target="_blank" rel="noopener noreferrer">
      {children ?? safe}
    </a>
  );
}

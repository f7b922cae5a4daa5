/** A commit in seven letters; a click copies all of it. */
import { useEffect, useState } from "react";

const SHORT = 7;
const COPIED_MS = 1_500;

export function Sha({ value, what = "commit" }: { value: string; what?: string }) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), COPIED_MS);
    return () => clearTimeout(timer);
  }, [isCopied]);
  if (value === "") return null;
  const copy = () => void navigator.clipboard.writeText(value).then(() => setCopied(true));
  return (
    <button type="button" className="sha" title={`Copy ${value}`} aria-label={`Copy ${what} ${value}`} onClick={copy}>
      {isCopied ? "copied" : value.slice(0, SHORT)}
    </button>
  );
}

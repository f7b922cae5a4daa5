/** What went wrong, in a form a view can draw: an RFC 9457 problem document, or our own words for no answer at all. */
import * as v from "valibot";

export interface Problem {
  readonly status: number; // 0: no answer
  readonly title: string;
  readonly detail: string;
  readonly requestId: string;
}

const body = v.object({
  title: v.optional(v.string(), ""),
  detail: v.optional(v.string(), ""),
  instance: v.optional(v.string(), ""),
});

export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail || problem.title);
    this.name = "Refused";
  }
}

/** The problem in an answer that is no success. */
export function problemOf(status: number, answer: unknown, requestId: string): Problem {
  const parsed = v.safeParse(body, answer);
  const known = parsed.success ? parsed.output : { title: "", detail: "", instance: "" };
  return {
    status,
    title: known.title || `The server answered ${status}`,
    detail: known.detail,
    requestId: known.instance || requestId,
  };
}

/** The problem behind anything thrown while asking the server. */
export function problemFrom(error: unknown): Problem {
  if (error instanceof Refused) return error.problem;
  if (v.isValiError(error)) {
    return { status: 0, title: "The answer was not understood", detail: error.message, requestId: "" };
  }
  return { status: 0, title: "No answer from the server", detail: "", requestId: "" };
}

/** True when asking again later may help. */
export function isTransient(problem: Problem): boolean {
  return problem.status === 0 || problem.status === 429 || problem.status >= 500;
}

/** Nobody is signed in: says how to. */
import type { Problem } from "../../api/problem";
import { Notice } from "../../ui/Notice";
import { ProblemDetail } from "../../ui/views";

export function SignedOut({ refused }: { refused: Problem | null }) {
  return (
    <main className="gate" data-testid="signed-out">
      <h1>
        Gimlet <Notice />
      </h1>
      {refused !== null && (
        <div role="alert" className="gate-refused">
          <p>The sign-in link was not accepted. A link works once and not for long.</p>
          <ProblemDetail problem={refused} />
        </div>
      )}
      <p>You are not signed in. Open the sign-in link that this system printed when it started.</p>
      <p className="quiet">
        For a new link run <code>make run</code> again: it keeps its state and prints one.
      </p>
    </main>
  );
}

/** No app yet: what to do next. */
import type { Environment } from "../../api/bodies";
import { Empty } from "../../ui/views";

export function FirstPush({ environments }: { environments: readonly Environment[] }) {
  const names = environments.map(({ name }) => name).join(", ");
  return (
    <Empty title="No app has been released yet.">
      <p>Push a commit with a manifest in <code>.gimlet/</code>; this page shows each hop as it happens.</p>
      <pre className="block">
        {`# the clone line that \`make run\` printed, for example\ngit clone ${location.origin}/git/demo.git\ncd demo && git commit --allow-empty -m "First push" && git push`}
      </pre>
      <p className="quiet">
        {names === "" ? "There is no environment yet either: create one with POST /v1/environments." : `Environments: ${names}.`}
      </p>
    </Empty>
  );
}

/** Automatic releases are stopped: by whom, why, and the way out. */
import type { Hold } from "../../api/bodies";
import { State } from "../../ui/State";
import { Age } from "../../ui/Time";
import { ActionButton } from "../releases/ReleaseList";

export function HoldBanner({ hold, mayRelease, release }: { hold: Hold; mayRelease: boolean; release: () => void }) {
  return (
    <div className="banner" data-testid="hold">
      <State tone="warn">held</State>
      <span>
        Automatic releases are stopped by {hold.by} <Age at={hold.since} suffix=" ago" />
        {hold.why === "" ? "." : `: ${hold.why}`}
      </span>
      <span className="grow" />
      <ActionButton testId="action-release-hold" mayRun={mayRelease} run={release}>
        Release hold
      </ActionButton>
    </div>
  );
}

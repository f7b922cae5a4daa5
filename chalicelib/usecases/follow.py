"""Wait for a release's next state, as a CI job does: by looking again, bounded in time."""

from chalicelib.core.releases import Release, State
from chalicelib.ports.live import Pace
from chalicelib.ports.records import Records
from chalicelib.usecases.transitions import get_release

LOOK_EVERY_SECONDS = 0.5
FINAL = frozenset(
    {
        State.LIVE,
        State.UNCHANGED,
        State.SUPERSEDED,
        State.HELD,
        State.REJECTED,
        State.FAILED,
        State.OVERTAKEN,
    }
)


def follow_release(release: Release, wanted: str, seconds: int, records: Records, pace: Pace) -> Release:
    """The release as it is once its state changed, or is the wanted or a final one, or the time is over."""
    end = pace.monotonic() + seconds
    now = release
    while now.state == release.state and now.state != wanted and now.state not in FINAL:
        if pace.monotonic() >= end:
            break
        pace.sleep(LOOK_EVERY_SECONDS)
        now = get_release(release.organization_id, release.id, records)
    return now

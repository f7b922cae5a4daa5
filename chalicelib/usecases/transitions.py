"""One transition of a release: its row, its app's row, its card and its event move together, or none does."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from chalicelib.core import apps, releases
from chalicelib.core.apps import App
from chalicelib.core.errors import NotFound, StaleRecord
from chalicelib.core.events import Transition
from chalicelib.core.records import app_key, release_key
from chalicelib.core.releases import TOWARDS_LIVE, Release, State
from chalicelib.ports.records import Create, Records, Replace, ShowCard, Write

ATTEMPTS = 5  # somebody else moving the same app at the same moment is rare, five times in a row is not chance


def get_release(organization_id: str, release_id: str, records: Records) -> Release:
    """One release. Raises `NotFound`."""
    release = records.get(Release, release_key(organization_id, release_id))
    if release is None:
        raise NotFound(f"there is no release {release_id!r}")
    return release


def get_app(organization_id: str, environment_id: str, environment: str, app: str, records: Records) -> App:
    """The app's row; one that was never written has version 0."""
    row = records.get(App, app_key(organization_id, environment_id, app))
    return row or App(organization_id, environment_id, environment, app)


def advance(
    organization_id: str,
    release_id: str,
    change: Callable[[Release], Release],
    records: Records,
    *,
    extra: Sequence[Write] = (),
) -> Release:
    """Apply `change` to the release as it stands now, and again when somebody was faster.

    `extra` is written in the same transaction, and alone when `change` answers the same object.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return _advance_once(organization_id, release_id, change, records, extra)
        except StaleRecord:
            continue
    return _advance_once(organization_id, release_id, change, records, extra)


def _advance_once(
    organization_id: str,
    release_id: str,
    change: Callable[[Release], Release],
    records: Records,
    extra: Sequence[Write],
) -> Release:
    before = get_release(organization_id, release_id, records)
    after = change(before)
    if after is before:
        if extra:
            records.write(*extra)
        return before
    app = get_app(organization_id, after.environment_id, after.environment, after.app, records)
    records.write(*_moves(before, after, app, records), *extra)
    return after


def _moves(before: Release, after: Release, app: App, records: Records) -> list[Write]:
    writes: list[Write] = [Replace(after), Create(event_of(before, after))]
    old = app.desired
    if after.state is State.COMMITTED and old and old.id != after.id and State(old.state) in TOWARDS_LIVE:
        writes += _overtake(old.id, after, records)
    row = apps.next_version(apps.with_release(app, after))
    return [*writes, write_app(row), ShowCard(row)]


def _overtake(old_id: str, by: Release, records: Records) -> list[Write]:
    old = get_release(by.organization_id, old_id, records)
    if old.state not in TOWARDS_LIVE or by.committed_at is None:
        return []
    gone = releases.overtaken(old, by.id, by.committed_at)
    return [Replace(gone), Create(event_of(old, gone))]


def write_app(row: App) -> Write:
    """The write of an app's row that already has its next version."""
    return Create(row) if row.version == 1 else Replace(row)


def event_of(before: Release | None, after: Release) -> Transition:
    """The event of a transition; `number` is the release's version, so a repetition is refused as a duplicate."""
    at = max((hop.ended_at or hop.started_at or after.created_at) for hop in after.hops)
    return Transition(
        organization_id=after.organization_id,
        subject=f"RELEASE#{after.id}",
        number=after.version,
        name=f"release.{after.state}",
        actor=after.actor,
        cause=f"{after.cause.kind}:{after.cause.id}",
        at=at,
        before=before.state if before else "",
        after=after.state,
    )


def with_hold(app: App, hold: apps.Hold | None) -> App:
    """The app's row with its hold set or lifted, as it is written next."""
    return apps.next_version(replace(app, hold=hold))

"""Releases of an app or an environment, newest first, and what an environment holds now: from the index alone."""

from collections.abc import Callable

from chalicelib.core.apps import App, is_deleted
from chalicelib.core.errors import NotFound, Rejected
from chalicelib.core.records import (
    app_key,
    apps_pk,
    release_key,
    releases_of_app_pk,
    releases_of_environment_pk,
)
from chalicelib.core.releases import IN_GIT, Release, State
from chalicelib.ports.records import Page, Records

SHORTEST_PREFIX = 4
PAGE = 200
MOST = 2000
MOST_READ = 10_000  # rows looked at for one answer, however few of them fit


def get_visible_release(organization_id: str, release_id: str, records: Records) -> Release | None:
    """The release, or none while it is not recorded yet."""
    return records.get(Release, release_key(organization_id, release_id))


def releases_of_app(
    organization_id: str, environment_id: str, app: str, records: Records, *, cursor: str = "", limit: int = 50
) -> Page[Release]:
    """A page of an app's releases, newest first, failed ones too."""
    pk = releases_of_app_pk(organization_id, environment_id, app)
    return records.list_index(Release, "index1", pk, newest_first=True, limit=limit, cursor=cursor)


def newest_releases(
    organization_id: str,
    environment_id: str,
    app: str,
    records: Records,
    *,
    most: int,
    fits: Callable[[Release], bool],
    since: str = "",
    until: str = "",
) -> list[Release]:
    """The newest `most` releases that fit, of an app, or of all apps of the environment when `app` is empty.

    Those still on their way to Git are left out. `since` and `until` are sort keys, see `instant_key`.
    """
    if app:
        pk = releases_of_app_pk(organization_id, environment_id, app)
        return _collect("index1", pk, records, most, fits, since, until)
    pk = releases_of_environment_pk(organization_id, environment_id)
    return _collect("index2", pk, records, most, fits, since, until)


def instant_key(seconds: float) -> str:
    """A sort key of the release indexes for an instant."""
    return f"{seconds:017.6f}"


def find_by_commit(organization_id: str, environment_id: str, app: str, sha: str, records: Records) -> Release:
    """The release of an app that made a GitOps commit, by the commit or a unique prefix of at least 4.

    Raises:
        Rejected: the prefix is too short, fits several commits, or none of the app's.
    """
    if len(sha) < SHORTEST_PREFIX:
        raise Rejected(f"sha {sha!r} is too short: give at least {SHORTEST_PREFIX} characters")
    pk = releases_of_app_pk(organization_id, environment_id, app)
    made = _collect("index1", pk, records, MOST, lambda release: release.commit.startswith(sha))
    found = {release.commit: release for release in made}  # the oldest of a commit made it, others found it there
    if not found:
        raise Rejected(f"no release of {app!r} has a commit that starts with {sha!r}")
    if len(found) > 1:
        raise Rejected(f"{sha!r} fits {len(found)} commits of {app!r}: give more characters")
    return next(iter(found.values()))


def newest_held(organization_id: str, environment_id: str, app: str, records: Records) -> Release | None:
    """The newest release of the app that a hold stopped, unless a newer one is in Git by now."""
    for release in releases_of_app(organization_id, environment_id, app, records, limit=PAGE).items:
        if release.state is State.HELD:
            return release
        if release.state in IN_GIT:
            return None
    return None


def standing(organization_id: str, environment_id: str, app: str, records: Records) -> dict[str, Release]:
    """App → the release that the environment's repository holds now; deleted apps are left out."""
    rows = [_app(organization_id, environment_id, app, records)] if app else _apps(organization_id, records)
    result = {}
    for row in rows:
        if row is None or row.environment_id != environment_id or row.desired is None or is_deleted(row):
            continue
        release = records.get(Release, release_key(organization_id, row.desired.id))
        if release is not None:
            result[row.app] = release
    return result


def get_app_row(organization_id: str, environment_id: str, app: str, records: Records) -> App:
    """The app's row. Raises `NotFound`."""
    row = _app(organization_id, environment_id, app, records)
    if row is None:
        raise NotFound(f"there is no app {app!r} in this environment")
    return row


def _app(organization_id: str, environment_id: str, app: str, records: Records) -> App | None:
    return records.get(App, app_key(organization_id, environment_id, app))


def _apps(organization_id: str, records: Records) -> list[App]:
    rows: list[App] = []
    cursor = ""
    while True:
        page = records.list_index(App, "index1", apps_pk(organization_id), limit=PAGE, cursor=cursor)
        rows += page.items
        cursor = page.next
        if not cursor:
            return rows


def _collect(
    index: str,
    pk: str,
    records: Records,
    most: int,
    fits: Callable[[Release], bool],
    since: str = "",
    until: str = "",
) -> list[Release]:
    found: list[Release] = []
    cursor = ""
    for _ in range(MOST_READ // PAGE):
        page = records.list_index(
            Release, index, pk, newest_first=True, limit=PAGE, cursor=cursor, since=since, until=until
        )
        found += filter(fits, page.items)
        cursor = page.next
        if not cursor or len(found) >= most:
            break
    return found[:most]

"""The row of one (environment, app): its owner, its counter, its hold, and what the apps page shows of its releases."""

from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.core.actors import Actor
from chalicelib.core.releases import IN_GIT, OPEN, Kind, Release, State, open_hop

MESSAGE_LIMIT = 80
REASON_LIMIT = 120


@dataclass(frozen=True, slots=True)
class Hold:
    """Automatic releases of the app are stopped."""

    by: Actor
    why: str
    since: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """A release as the card shows it."""

    id: str
    sha: str
    state: str
    number: int
    commit: str = ""
    message: str = ""
    who: str = ""
    at: datetime | None = None
    hop: str = ""
    reason: str = ""
    kind: str = "deploy"


@dataclass(frozen=True, slots=True)
class App:
    """`counter` numbers releases, `committed_number` is the highest that is in Git; both only rise.

    `standing_id` is the release whose wish stands: the newest that was committed, or found its files there already.
    """

    organization_id: str
    environment_id: str
    environment: str
    app: str
    owner_repository_id: str = ""
    repository: str = ""
    counter: int = 0
    committed_number: int = 0
    desired: Mark | None = None
    under_way: Mark | None = None
    hold: Hold | None = None
    artifact_id: str = ""
    standing_id: str = ""
    preview_branch: str = ""  # of the repository's branch that the app is the preview of
    version: int = 0


def next_version(app: App) -> App:
    """The row as it is written next."""
    return replace(app, version=app.version + 1)


def with_release(app: App, release: Release) -> App:
    """The row after a transition of one of its releases: who is under way, and what Git holds."""
    mark = mark_of(release)
    if release.state in IN_GIT and release.number >= app.committed_number:
        app = replace(
            app,
            committed_number=release.number,
            desired=mark,
            artifact_id=release.artifact_id,
            standing_id=release.id,
        )
    elif release.state in IN_GIT and app.desired is not None and app.desired.id == release.id:
        app = replace(app, desired=mark)  # a newer release changed nothing: this one's commit still stands
    if release.state is State.UNCHANGED and release.number >= app.committed_number:
        app = replace(app, committed_number=release.number, standing_id=release.id)
    return replace(app, under_way=_under_way(app, release, mark))


def _under_way(app: App, release: Release, mark: Mark) -> Mark | None:
    moving = release.state in OPEN or release.state in (State.COMMITTED, State.RECONCILING, State.UNHEALTHY)
    stuck = release.state in (State.REJECTED, State.FAILED, State.HELD)
    newer = app.under_way is None or release.number >= app.under_way.number
    if (moving or stuck) and newer:
        return mark
    if app.under_way is not None and app.under_way.number <= release.number:
        return None
    return app.under_way


def mark_of(release: Release) -> Mark:
    """A release in the few words of a card."""
    version = release.artifact_version
    return Mark(
        id=release.id,
        sha=version.sha if version else "",
        state=release.state,
        number=release.number,
        commit=release.commit,
        message=_first_line(version.message if version else "")[:MESSAGE_LIMIT],
        who=release.actor.name or release.actor.id,
        at=release.committed_at or release.created_at,
        hop=open_hop(release).name,
        reason=(release.reason.text if release.reason else "")[:REASON_LIMIT],
        kind=release.kind,
    )


def is_held(app: App, now: datetime) -> bool:
    """Whether a hold stops automatic releases now."""
    return app.hold is not None and (app.hold.expires_at is None or app.hold.expires_at > now)


def is_deleted(app: App) -> bool:
    """Whether Git no longer holds the app, by a delete of ours."""
    return app.desired is not None and app.desired.kind == Kind.DELETE


def _first_line(text: str) -> str:
    return text.split("\n", 1)[0]

"""A release is one decision to put an artifact in an environment; its hops are data, moved by pure functions.

A release ends its way to Git as exactly one of `ENDS`. What was committed goes on by what the cluster says.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chalicelib.core.actors import Actor
from chalicelib.core.artifacts import Version


class Kind(StrEnum):
    """What a release does to its app."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    DELETE = "delete"


class State(StrEnum):
    """Where a release is."""

    REQUESTED = "requested"
    WAITING = "waiting"
    RENDERED = "rendered"
    COMMITTED = "committed"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    HELD = "held"
    REJECTED = "rejected"
    FAILED = "failed"
    RECONCILING = "reconciling"
    UNHEALTHY = "unhealthy"
    LIVE = "live"
    OVERTAKEN = "overtaken"


OPEN = frozenset({State.REQUESTED, State.WAITING, State.RENDERED})
ENDS = frozenset(
    {State.COMMITTED, State.UNCHANGED, State.SUPERSEDED, State.HELD, State.REJECTED, State.FAILED},
)
IN_GIT = frozenset({State.COMMITTED, State.RECONCILING, State.UNHEALTHY, State.LIVE, State.OVERTAKEN})
TOWARDS_LIVE = frozenset({State.COMMITTED, State.RECONCILING, State.UNHEALTHY})


class HopName(StrEnum):
    """Steps in their order. Readers show names they do not know as they are."""

    RECEIVED = "received"
    DECIDED = "decided"
    RENDERED = "rendered"
    COMMITTED = "committed"
    FETCHED = "fetched"
    APPLIED = "applied"
    HEALTHY = "healthy"
    LIVE = "live"


TO_GIT = (HopName.RECEIVED, HopName.DECIDED, HopName.RENDERED, HopName.COMMITTED)
TO_LIVE = (HopName.FETCHED, HopName.APPLIED, HopName.HEALTHY, HopName.LIVE)


class HopState(StrEnum):
    """How a hop stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something waits, failed, or was not done. `kind` is stable, `text` is for people."""

    kind: str
    text: str
    until: datetime | None = None
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Hop:
    """One step with its times."""

    name: HopName
    state: HopState = HopState.WAITING
    started_at: datetime | None = None
    ended_at: datetime | None = None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """What asked for the release: policy, person, ci, rollback, repair …, and the id of that thing."""

    kind: str
    id: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class ChartPin:
    """The chart that was rendered."""

    repository: str
    name: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Release:
    """One (app, environment) release, from request to live."""

    id: str
    organization_id: str
    request_id: str
    app: str
    environment: str
    environment_id: str
    gitops_repository_id: str
    kind: Kind
    actor: Actor
    cause: Cause
    automatic: bool
    number: int
    created_at: datetime
    hops: tuple[Hop, ...]
    state: State = State.REQUESTED
    reason: Reason | None = None
    artifact_id: str = ""
    artifact_version: Version | None = None
    source_index: int = 0  # which source of the artifact
    manifest_index: int = 0  # which manifest of that source
    repository_id: str = ""  # owner of the app
    preview_branch: str = ""  # the manifest is rendered as the instance of this branch
    tree: str = ""  # digest of the rendered tree
    inputs_digest: str = ""
    chart: ChartPin | None = None
    notes: tuple[str, ...] = ()
    commit: str = ""
    committed_at: datetime | None = None
    restores: str = ""
    restores_commit: str = ""
    live_at: datetime | None = None
    version: int = 1


Change = Callable[[Release], Release]


def first_hops(received_at: datetime, decided_at: datetime, *, rendered: bool = True) -> tuple[Hop, ...]:
    """The hops of a new release: received and decided done; rollbacks and deletes have nothing to render."""
    render = Hop(HopName.RENDERED, HopState.RUNNING, decided_at)
    if not rendered:
        render = Hop(HopName.RENDERED, HopState.SKIPPED, decided_at, decided_at)
    done = (
        Hop(HopName.RECEIVED, HopState.DONE, received_at, received_at),
        Hop(HopName.DECIDED, HopState.DONE, received_at, decided_at),
        render,
        Hop(HopName.COMMITTED, HopState.WAITING if rendered else HopState.RUNNING, None if rendered else decided_at),
    )
    return (*done, *(Hop(name) for name in TO_LIVE))


def has_ended(release: Release) -> bool:
    """Whether the release ended its way to Git."""
    return release.state not in OPEN


def with_hop(
    release: Release, name: HopName, state: HopState, at: datetime, reason: Reason | None = None
) -> tuple[Hop, ...]:
    """The hops with one moved on: it starts when it first leaves `waiting`, and ends when done, failed or skipped."""
    ended = state in (HopState.DONE, HopState.FAILED, HopState.SKIPPED)

    def moved(hop: Hop) -> Hop:
        if hop.name is not name:
            return hop
        started = hop.started_at or at
        return Hop(name, state, started, (hop.ended_at or at) if ended else None, reason)

    return tuple(moved(hop) for hop in release.hops)


def rendered(
    release: Release, at: datetime, *, tree: str, inputs_digest: str, chart: ChartPin | None, notes: tuple[str, ...]
) -> Release:
    """Rendered: the train may take it."""
    hops = with_hop(release, HopName.RENDERED, HopState.DONE, at)
    hops = with_hop(replace(release, hops=hops), HopName.COMMITTED, HopState.RUNNING, at)
    return replace(
        release,
        state=State.RENDERED,
        reason=None,
        hops=hops,
        tree=tree,
        inputs_digest=inputs_digest,
        chart=chart,
        notes=notes,
        version=release.version + 1,
    )


def waiting(release: Release, at: datetime, reason: Reason) -> Release:
    """Still on its way, with the reason on the hop that is open."""
    name = open_hop(release).name
    hops = with_hop(release, name, HopState.RUNNING, at, reason)
    state = State.WAITING if release.state is State.REQUESTED else release.state
    return replace(release, state=state, reason=reason, hops=hops, version=release.version + 1)


def ended(release: Release, state: State, at: datetime, reason: Reason) -> Release:
    """Ended its way to Git without a commit of its own: superseded, held, rejected, failed."""
    stopped = open_hop(release).name
    is_failure = state in (State.REJECTED, State.FAILED)
    hops = with_hop(release, stopped, HopState.FAILED if is_failure else HopState.SKIPPED, at, reason)
    return replace(release, state=state, reason=reason, hops=_skip_rest(hops, at), version=release.version + 1)


def committed(release: Release, sha: str, at: datetime) -> Release:
    """Its commit is on the branch."""
    hops = with_hop(release, HopName.COMMITTED, HopState.DONE, at)
    hops = with_hop(replace(release, hops=hops), HopName.FETCHED, HopState.RUNNING, at)
    return replace(
        release,
        state=State.COMMITTED,
        reason=None,
        hops=hops,
        commit=sha,
        committed_at=at,
        version=release.version + 1,
    )


def unchanged(release: Release, holder: str, at: datetime) -> Release:
    """The repository already holds exactly this, by commit `holder`."""
    reason = Reason("unchanged", f"commit {holder[:10] or 'none'} already holds exactly these files")
    hops = with_hop(release, HopName.COMMITTED, HopState.DONE, at, reason)
    return replace(
        release,
        state=State.UNCHANGED,
        reason=reason,
        hops=_skip_rest(hops, at),
        commit=holder,
        version=release.version + 1,
    )


def overtaken(release: Release, by: str, at: datetime) -> Release:
    """A newer commit of the app came before this one was live."""
    reason = Reason("overtaken", f"a newer release of the app came first: {by}")
    hops = tuple(
        hop if hop.state is not HopState.RUNNING else replace(hop, state=HopState.SKIPPED, ended_at=at, reason=reason)
        for hop in release.hops
    )
    return replace(
        release, state=State.OVERTAKEN, reason=reason, hops=_skip_rest(hops, at), version=release.version + 1
    )


def open_hop(release: Release) -> Hop:
    """The first hop that is not through; the last hop when all are."""
    through = (HopState.DONE, HopState.SKIPPED)
    return next((hop for hop in release.hops if hop.state not in through), release.hops[-1])


def _skip_rest(hops: tuple[Hop, ...], at: datetime) -> tuple[Hop, ...]:
    return tuple(
        replace(hop, state=HopState.SKIPPED, ended_at=at) if hop.state in (HopState.WAITING, HopState.RUNNING) else hop
        for hop in hops
    )

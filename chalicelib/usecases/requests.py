"""What people and CI ask for: deploy, roll back, delete, hold. Each is durably recorded before it is answered."""

from dataclasses import replace

from chalicelib.core import apps
from chalicelib.core.actors import Caller, Permission
from chalicelib.core.apps import App, Hold
from chalicelib.core.artifacts import Artifact
from chalicelib.core.decisions import Request
from chalicelib.core.environments import Environment
from chalicelib.core.errors import DuplicateRecord, NotFound, Rejected, StaleRecord
from chalicelib.core.identity import derive_id
from chalicelib.core.records import app_key, artifact_key, request_key
from chalicelib.core.releases import Cause, Kind, Release, State, first_hops
from chalicelib.ports.records import Create, Records, Replace, ShowCard
from chalicelib.ports.stores import Clock
from chalicelib.usecases.desk import Desk
from chalicelib.usecases.environments import get_environment
from chalicelib.usecases.history import find_by_commit, get_visible_release, newest_held
from chalicelib.usecases.releases import record, waiting_row

ATTEMPTS = 5


def request_deploy(
    caller: Caller, environment: str, app: str, artifact_id: str, desk: Desk, *, key: str = ""
) -> Request:
    """Ask for an artifact in an environment; an empty `app` means all its apps there.

    Idempotent on the caller's `key`, as all requests here are: the same key again answers what it answered.

    Raises:
        NotFound: no such artifact or environment.
        Rejected: the key was used for something else.
    """
    get_environment(caller.organization_id, environment, desk.records)
    if desk.records.get(Artifact, artifact_key(caller.organization_id, artifact_id)) is None:
        raise NotFound(f"there is no artifact {artifact_id!r}")
    request = Request(
        id=_request_id(caller, key, desk),
        organization_id=caller.organization_id,
        kind="release",
        actor=caller.actor,
        created_at=desk.clock(),
        automatic=not caller.may(Permission.DEPLOY),
        artifact_id=artifact_id,
        environment=environment,
        app=app,
    )
    asked_before = _asked_before(request, desk.records)
    if asked_before is None:
        desk.records.write(Create(request))
    desk.queues.send_intake({"kind": "request", "organization_id": caller.organization_id, "request_id": request.id})
    return asked_before or request


def request_rollback(
    caller: Caller, environment: str, app: str, target: Release, desk: Desk, *, key: str = ""
) -> Request:
    """Ask to bring back what `target` wrote; holds automatic releases until somebody lifts that."""
    where = get_environment(caller.organization_id, environment, desk.records)
    if target.app != app or target.environment_id != where.id or not target.commit:
        raise Rejected(f"release {target.id} never was in {environment}/{app}")
    why = f"rolled back to {target.commit[:10]}"
    for _ in range(ATTEMPTS):
        row = _known_app(where, app, desk.records)
        hold = Hold(caller.actor, why, desk.clock())
        request, release = _asked(caller, where, row, Kind.ROLLBACK, desk, key)
        release = replace(
            release,
            restores=target.id,
            restores_commit=target.commit,
            artifact_id=target.artifact_id,
            artifact_version=target.artifact_version,
            cause=Cause("rollback", target.id, why),
        )
        if asked_before := _asked_before(request, desk.records, restores=target.id):
            return asked_before
        try:
            record(release, replace(row, hold=hold), desk.records, Create(request), waiting_row(release))
        except (StaleRecord, DuplicateRecord):
            continue
        desk.queues.ring_train(caller.organization_id, where.gitops_repository_id)
        return request
    raise StaleRecord(f"{environment}/{app} is being written by many at once: try again")


def request_rollback_to(caller: Caller, environment: str, app: str, sha: str, desk: Desk, *, key: str = "") -> Request:
    """The same, by a GitOps commit of the app or a unique prefix of at least 4."""
    where = get_environment(caller.organization_id, environment, desk.records)
    target = find_by_commit(caller.organization_id, where.id, app, sha, desk.records)
    return request_rollback(caller, environment, app, target, desk, key=key)


def request_delete(caller: Caller, environment: str, app: str, desk: Desk, *, key: str = "") -> Request:
    """Ask to remove the app from the GitOps repository."""
    where = get_environment(caller.organization_id, environment, desk.records)
    for _ in range(ATTEMPTS):
        row = _known_app(where, app, desk.records)
        request, release = _asked(caller, where, row, Kind.DELETE, desk, key)
        if asked_before := _asked_before(request, desk.records):
            return asked_before
        try:
            record(release, row, desk.records, Create(request), waiting_row(release))
        except (StaleRecord, DuplicateRecord):
            continue
        desk.queues.ring_train(caller.organization_id, where.gitops_repository_id)
        return request
    raise StaleRecord(f"{environment}/{app} is being written by many at once: try again")


def set_hold(caller: Caller, environment: str, app: str, why: str, records: Records, clock: Clock) -> None:
    """Stop automatic releases of the app until the hold is lifted."""
    where = get_environment(caller.organization_id, environment, records)
    _write_hold(_known_app(where, app, records), Hold(caller.actor, why or "no reason given", clock()), records)


def lift_hold(caller: Caller, environment: str, app: str, desk: Desk) -> Request | None:
    """Let automatic releases go again, and ask the newest held one again; none when nothing was held back."""
    where = get_environment(caller.organization_id, environment, desk.records)
    row = _known_app(where, app, desk.records)
    if row.hold is None:
        return None
    _write_hold(row, None, desk.records)
    held = newest_held(caller.organization_id, where.id, app, desk.records)
    return request_deploy(caller, environment, app, held.artifact_id, desk) if held else None


def get_request(organization_id: str, request_id: str, records: Records, *, within: tuple[str, ...] = ()) -> Request:
    """One request. Raises `NotFound`, for one of an environment outside `within` too (empty: all are inside)."""
    request = records.get(Request, request_key(organization_id, request_id))
    hidden = request is not None and within and request.environment and request.environment not in within
    if request is None or hidden:
        raise NotFound(f"there is no request {request_id!r}")
    return request


def releases_of(request: Request, records: Records) -> list[Release]:
    """The releases of a request that are recorded so far."""
    found = [get_visible_release(request.organization_id, one, records) for one in request.release_ids]
    return [release for release in found if release is not None]


def _known_app(environment: Environment, app: str, records: Records) -> App:
    row = records.get(App, app_key(environment.organization_id, environment.id, app))
    if row is None:
        raise NotFound(f"there is no app {app!r} in {environment.name}")
    return row


def _request_id(caller: Caller, key: str, desk: Desk) -> str:
    """Made of the caller's own key, so that the same key finds the request again; by chance without one."""
    if not key:
        return desk.chance.id()
    return derive_id("idempotency", caller.organization_id, caller.actor.kind, caller.actor.id, key)


def _asked_before(request: Request, records: Records, *, restores: str = "") -> Request | None:
    """The stored request with this id. Raises `Rejected` when it asked for something else."""
    stored = records.get(Request, request_key(request.organization_id, request.id))
    if stored is None:
        return None
    release = next(iter(releases_of(stored, records)), None)
    restored = release.restores if release and stored.kind == Kind.ROLLBACK else ""
    if _wish(stored) != _wish(request) or restored != restores:
        raise Rejected("this Idempotency-Key was used for another request: take a new one")
    return stored


def _wish(request: Request) -> tuple[str, ...]:
    return (request.kind, request.environment, request.app, request.artifact_id)


def _asked(
    caller: Caller, environment: Environment, row: App, kind: Kind, desk: Desk, key: str
) -> tuple[Request, Release]:
    now = desk.clock()
    release = Release(
        id=desk.chance.id(),
        organization_id=caller.organization_id,
        request_id=_request_id(caller, key, desk),
        app=row.app,
        environment=environment.name,
        environment_id=environment.id,
        gitops_repository_id=environment.gitops_repository_id,
        kind=kind,
        actor=caller.actor,
        cause=Cause("person", caller.actor.id),
        automatic=False,
        number=row.counter + 1,
        created_at=now,
        hops=first_hops(now, now, rendered=False),
        state=State.RENDERED,
        repository_id=row.owner_repository_id,
    )
    request = Request(
        id=release.request_id,
        organization_id=caller.organization_id,
        kind=kind,
        actor=caller.actor,
        created_at=now,
        automatic=False,
        state="processed",
        environment=environment.name,
        app=row.app,
        release_ids=(release.id,),
    )
    return request, release


def _write_hold(row: App, hold: Hold | None, records: Records) -> None:
    after = apps.next_version(replace(row, hold=hold))
    records.write(Replace(after), ShowCard(after))

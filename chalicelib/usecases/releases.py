"""New releases: numbered in the app's row, owned by a repository, recorded with their event and card together."""

from dataclasses import replace

from chalicelib.core import apps
from chalicelib.core.apps import App
from chalicelib.core.artifacts import Artifact
from chalicelib.core.decisions import AppDecision, DecisionRecord
from chalicelib.core.environments import Environment
from chalicelib.core.errors import Conflict, DuplicateRecord, NotFound, Rejected, StaleRecord
from chalicelib.core.records import release_key, waiting_key
from chalicelib.core.releases import Cause, Kind, Release, State, first_hops
from chalicelib.core.trains import Waiting
from chalicelib.ports.queues import Queues
from chalicelib.ports.records import Create, Put, Records, Remove, ShowCard, Write
from chalicelib.usecases.environments import find_environment
from chalicelib.usecases.transitions import event_of, get_app, write_app

ATTEMPTS = 5


def complete(decision: DecisionRecord, artifact: Artifact, records: Records, queues: Queues) -> None:
    """Make the decision's releases, those that are missing, and send what must follow. Idempotent."""
    for item in decision.items:
        if item.deploy:
            follow_up(_ensure(decision, item, artifact, records), queues)


def follow_up(release: Release, queues: Queues) -> None:
    """Wake whoever works on the release next; waking somebody twice is harmless."""
    if release.state in (State.REQUESTED, State.WAITING):
        queues.send_render({"organization_id": release.organization_id, "release_id": release.id})
    elif release.state is State.RENDERED:
        queues.ring_train(release.organization_id, release.gitops_repository_id)


def record(release: Release, app: App, records: Records, *extra: Write) -> None:
    """Write a new release with its number, in one transaction with the app's row, its card and its event.

    Raises:
        DuplicateRecord: it is recorded already.
        StaleRecord: another release of the app was recorded at the same moment.
    """
    row = apps.next_version(apps.with_release(replace(app, counter=release.number), release))
    records.write(Create(release), Create(event_of(None, release)), write_app(row), ShowCard(row), *extra)


def waiting_row(release: Release) -> Put:
    """The row with which the release waits for its train."""
    return Put(
        Waiting(
            organization_id=release.organization_id,
            gitops_repository_id=release.gitops_repository_id,
            release_id=release.id,
            environment_id=release.environment_id,
            app=release.app,
            number=release.number,
            queued_at=release.created_at,
        )
    )


def no_waiting_row(release: Release) -> Remove:
    """The release no longer waits for its train."""
    return Remove(waiting_key(release.organization_id, release.gitops_repository_id, release.id))


def check_owner(app: App, repository_id: str) -> None:
    """Raises `Rejected`, naming the owner, when the app belongs to another repository."""
    if app.owner_repository_id and repository_id and app.owner_repository_id != repository_id:
        owner = app.repository or app.owner_repository_id
        raise Rejected(f"{app.environment}/{app.app} belongs to repository {owner}: an admin must transfer it first")


def check_no_preview(app: App) -> None:
    """Raises `Rejected` when the app is a preview: it belongs to its branch alone."""
    if app.preview_branch and not apps.is_deleted(app):
        raise Rejected(f"{app.environment}/{app.app} is the preview of branch {app.preview_branch!r}")


def _ensure(decision: DecisionRecord, item: AppDecision, artifact: Artifact, records: Records) -> Release:
    for _ in range(ATTEMPTS):
        known = records.get(Release, release_key(decision.organization_id, item.release_id))
        if known:
            return known
        environment = find_environment(decision.organization_id, item.environment, records)
        if environment is None:
            raise NotFound(f"environment {item.environment!r} was deleted meanwhile")
        app = get_app(decision.organization_id, environment.id, environment.name, item.app, records)
        release = _release(decision, item, artifact, environment, app)
        owned = replace(
            app,
            owner_repository_id=app.owner_repository_id or decision.repository_id,
            repository=app.repository or artifact.version_of.repository,
            preview_branch=item.preview_branch,
        )
        try:
            record(release, owned, records)
        except (DuplicateRecord, StaleRecord):
            continue
        return release
    raise Conflict(f"{item.environment}/{item.app} is being written by many at once")


def _release(
    decision: DecisionRecord, item: AppDecision, artifact: Artifact, environment: Environment, app: App
) -> Release:
    return Release(
        id=item.release_id,
        organization_id=decision.organization_id,
        request_id=decision.request_id,
        app=item.app,
        environment=environment.name,
        environment_id=environment.id,
        gitops_repository_id=environment.gitops_repository_id,
        kind=Kind.DEPLOY,
        actor=decision.actor,
        cause=Cause(decision.cause_kind, decision.cause_id, item.reason),
        automatic=decision.cause_kind in ("policy", "ci"),
        number=app.counter + 1,
        created_at=decision.decided_at,
        hops=first_hops(decision.received_at, decision.decided_at),
        artifact_id=artifact.id,
        artifact_version=artifact.version_of,
        source_index=item.source_index,
        manifest_index=item.manifest_index,
        repository_id=decision.repository_id,
        preview_branch=item.preview_branch,
    )

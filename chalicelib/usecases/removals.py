"""Apps that go with their branch: deleted by a release of their own, and only what the branch itself put there.

An app whose current release came from another repository or branch stays, whatever a policy says.
"""

from dataclasses import replace

from chalicelib.core.apps import App
from chalicelib.core.decisions import AppDecision, DecisionRecord
from chalicelib.core.environments import Environment
from chalicelib.core.errors import Conflict, DuplicateRecord, StaleRecord
from chalicelib.core.identity import derive_id
from chalicelib.core.payloads import BRANCHES
from chalicelib.core.records import release_key
from chalicelib.core.releases import IN_GIT, OPEN, Cause, Kind, Release, State, first_hops
from chalicelib.core.repositories import Repository
from chalicelib.ports.queues import Queues
from chalicelib.ports.records import Records
from chalicelib.usecases.decide import branch_of
from chalicelib.usecases.environments import find_environment
from chalicelib.usecases.preview_names import forget_preview
from chalicelib.usecases.releases import follow_up, record, waiting_row
from chalicelib.usecases.transitions import get_app

ATTEMPTS = 5


def complete_removals(decision: DecisionRecord, records: Records, queues: Queues) -> None:
    """Make the decision's delete releases, those that are missing, and ring for them. Idempotent."""
    for item in decision.items:
        if item.kind is Kind.DELETE and item.release_id:
            release = _ensure(decision, item, records)
            if release is not None:
                follow_up(release, queues)
        if item.kind is Kind.DELETE and item.preview_of:
            forget_preview(decision.organization_id, decision.repository_id, item, records)


def why_it_stays(app: App, repository_id: str, branch: str, records: Records) -> str:
    """Why a branch's deletion does not take the app with it; empty when it does."""
    standing = [release for release in _current(app, records) if release.kind is not Kind.DELETE]
    if not standing:
        return f"{app.environment}/{app.app} is not deployed"
    for release in standing:
        version = release.artifact_version
        if release.repository_id != repository_id:
            return f"the current release of {app.environment}/{app.app} came from another repository"
        if version is None or branch_of(version) != branch:
            came = f"{version.event} {version.ref!r}" if version else "elsewhere"
            return f"the current release of {app.environment}/{app.app} came from {came}"
    return ""


def _current(app: App, records: Records) -> list[Release]:
    """The release whose wish stands in Git, and the one on its way there."""
    stands = app.standing_id or (app.desired.id if app.desired else "")
    ids = {stands, app.under_way.id if app.under_way else ""} - {""}
    found = [records.get(Release, release_key(app.organization_id, id)) for id in sorted(ids)]
    states = OPEN | IN_GIT | {State.UNCHANGED}
    return [release for release in found if release is not None and release.state in states]


def _ensure(decision: DecisionRecord, item: AppDecision, records: Records) -> Release | None:
    """The delete release; none when the app meanwhile is somebody else's, or its environment is gone."""
    for _ in range(ATTEMPTS):
        known = records.get(Release, release_key(decision.organization_id, item.release_id))
        if known:
            return known
        environment = find_environment(decision.organization_id, item.environment, records)
        if environment is None:
            return None
        app = get_app(decision.organization_id, environment.id, environment.name, item.app, records)
        branch = item.preview_branch or decision.ref.removeprefix(BRANCHES)
        if why_it_stays(app, decision.repository_id, branch, records):
            return None
        release = _release(decision, item, environment, app)
        try:
            record(release, app, records, waiting_row(release))
        except (DuplicateRecord, StaleRecord):
            continue
        return release
    raise Conflict(f"{item.environment}/{item.app} is being written by many at once")


def removal(repository: Repository, branch: str, item: AppDecision, key: str, records: Records) -> AppDecision:
    """The answer to a wish to remove `item.app`: with the release that does it, or why it stays."""
    organization_id = repository.organization_id
    item = replace(item, deploy=False, kind=Kind.DELETE)
    environment = find_environment(organization_id, item.environment, records)
    if environment is None:
        return replace(item, reason=f"environment {item.environment!r} does not exist any more")
    row = get_app(organization_id, environment.id, environment.name, item.app, records)
    stays = why_it_stays(row, repository.id, branch, records)
    if stays:
        return replace(item, reason=f"not deleted: {stays}")
    return replace(item, release_id=derive_id("release", key, item.environment, item.app))


def _release(decision: DecisionRecord, item: AppDecision, environment: Environment, app: App) -> Release:
    return Release(
        id=item.release_id,
        organization_id=decision.organization_id,
        request_id=decision.request_id,
        app=item.app,
        environment=environment.name,
        environment_id=environment.id,
        gitops_repository_id=environment.gitops_repository_id,
        kind=Kind.DELETE,
        actor=decision.actor,
        cause=Cause(decision.cause_kind, decision.cause_id, item.reason),
        automatic=True,
        number=app.counter + 1,
        created_at=decision.decided_at,
        hops=first_hops(decision.received_at, decision.decided_at, rendered=False),
        state=State.RENDERED,
        repository_id=decision.repository_id,
    )

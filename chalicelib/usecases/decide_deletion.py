"""A branch or tag is said to be gone: the host is asked first, then what goes with it is decided and recorded.

A deleted branch can't be read, so the policies and names are those stored with its last decision. The deletion is a
decision of the ref's own row: a ref that is made again is decided anew, even at the commit where it was.
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.core.actors import POLICY
from chalicelib.core.decisions import AppDecision, DecisionRecord
from chalicelib.core.errors import Conflict
from chalicelib.core.identity import derive_id
from chalicelib.core.payloads import BRANCHES
from chalicelib.core.records import branch_key, decision_key
from chalicelib.core.releases import Kind
from chalicelib.core.repositories import Branch, Repository
from chalicelib.ports.records import Create, Replace
from chalicelib.usecases.decide_push import ATTEMPTS, Intake, request_of
from chalicelib.usecases.environments import find_environment
from chalicelib.usecases.removals import complete_removals, why_it_stays
from chalicelib.usecases.transitions import get_app


def decide_deletion(repository: Repository, ref: str, received_at: datetime, intake: Intake) -> str:
    """Decide what goes with a deleted ref; answers what was done, in a word for the delivery's row.

    Raises:
        Conflict: others went on deciding this ref at the same moment.
        Unavailable: the host or a store does not answer.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return _decide_once(repository, ref, received_at, intake)
        except Conflict:
            continue
    return _decide_once(repository, ref, received_at, intake)


def _decide_once(repository: Repository, ref: str, received_at: datetime, intake: Intake) -> str:
    row = intake.records.get(Branch, branch_key(repository.organization_id, repository.id, ref))
    if intake.source_of(repository).head(ref) is not None:
        return "still there"
    if row is None or row.number == 0:
        return "nothing was decided about it"
    key = decision_key(repository.organization_id, repository.id, ref, row.number)
    last = intake.records.get(DecisionRecord, key)
    if row.head and last is not None:
        last = _store(repository, row, last, received_at, intake)
    if last is not None:
        complete_removals(last, intake.records, intake.queues)
    return "deleted"


def _store(
    repository: Repository, row: Branch, last: DecisionRecord, received_at: datetime, intake: Intake
) -> DecisionRecord:
    number = row.number + 1
    key = f"{repository.id}\x00{row.ref}\x00{number}"
    decision = DecisionRecord(
        organization_id=repository.organization_id,
        repository_id=repository.id,
        ref=row.ref,
        number=number,
        artifact_id="",
        sha=row.head,
        request_id=derive_id("request", repository.organization_id, key),
        actor=POLICY,
        cause_kind="policy",
        cause_id=f"{repository.path}@{row.ref.split('/', 2)[2]} deleted",
        items=_items(repository, row, last, key, intake),
        received_at=received_at,
        decided_at=intake.clock(),
    )
    moved = replace(row, head="", number=number, version=row.version + 1)
    intake.records.write(Replace(moved), Create(decision), Create(replace(request_of(decision), kind="delete")))
    return decision


def _items(
    repository: Repository, row: Branch, last: DecisionRecord, key: str, intake: Intake
) -> tuple[AppDecision, ...]:
    """One answer a cleanup policy that names an app for this branch."""
    branch = row.ref.removeprefix(BRANCHES)
    wanted = {(item.environment, item.cleanup_app): item for item in last.items if item.cleanup_app}
    return tuple(_item(repository, branch, names, item.file, key, intake) for names, item in wanted.items())


def _item(
    repository: Repository, branch: str, names: tuple[str, str], file: str, key: str, intake: Intake
) -> AppDecision:
    env, app = names
    organization_id = repository.organization_id
    environment = find_environment(organization_id, env, intake.records)
    if environment is None:
        return AppDecision(env, app, False, f"environment {env!r} does not exist any more", file, kind=Kind.DELETE)
    row = get_app(organization_id, environment.id, env, app, intake.records)
    stays = why_it_stays(row, repository.id, branch, intake.records)
    if stays:
        return AppDecision(env, app, False, f"not deleted: {stays}", file, kind=Kind.DELETE)
    reason = f"deleted with branch {branch!r}"
    return AppDecision(env, app, False, reason, file, kind=Kind.DELETE, release_id=derive_id("release", key, env, app))

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
from chalicelib.core.records import branch_key, decision_key, preview_key
from chalicelib.core.repositories import Branch, Preview, Repository
from chalicelib.ports.records import Create, Replace
from chalicelib.usecases.decide_push import ATTEMPTS, Intake, request_of
from chalicelib.usecases.preview_names import item_of, previews_of
from chalicelib.usecases.removals import complete_removals, removal


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
    items = _items(repository, row, last, f"{repository.id}\x00{row.ref}\x00{number}", intake)
    decision = _decision(repository, row, items, received_at, intake)
    moved = replace(row, head="", number=number, version=row.version + 1)
    intake.records.write(Replace(moved), Create(decision), Create(replace(request_of(decision), kind="delete")))
    return decision


def _decision(
    repository: Repository, row: Branch, items: tuple[AppDecision, ...], received_at: datetime, intake: Intake
) -> DecisionRecord:
    """The next decision of the ref's row."""
    number = row.number + 1
    key = f"{repository.id}\x00{row.ref}\x00{number}"
    return DecisionRecord(
        organization_id=repository.organization_id,
        repository_id=repository.id,
        ref=row.ref,
        number=number,
        artifact_id="",
        sha=row.head,
        request_id=derive_id("request", repository.organization_id, key),
        actor=POLICY,
        cause_kind="policy",
        cause_id=f"{repository.path}@{row.ref.split('/', 2)[2]}",
        items=items,
        received_at=received_at,
        decided_at=intake.clock(),
    )


def _items(
    repository: Repository, row: Branch, last: DecisionRecord, key: str, intake: Intake
) -> tuple[AppDecision, ...]:
    """One answer a preview of the branch, and one a cleanup policy that names an app for it."""
    branch = row.ref.removeprefix(BRANCHES)
    reason = f"deleted with branch {branch!r}"
    wanted = {
        (item.environment, item.cleanup_app): AppDecision(item.environment, item.cleanup_app, False, reason, item.file)
        for item in last.items
        if item.cleanup_app
    }
    for preview in previews_of(repository, branch, intake.records) if row.ref.startswith(BRANCHES) else ():
        wanted[(preview.environment, preview.app)] = item_of(preview, reason)
    return tuple(removal(repository, branch, item, key, intake.records) for item in wanted.values())


def expire_preview(repository: Repository, branch: str, environment_id: str, of: str, intake: Intake) -> str:
    """Remove a preview whose branch has not moved for so long; answers what was done."""
    key = preview_key(repository.organization_id, repository.id, branch, environment_id, of)
    preview = intake.records.get(Preview, key)
    now = intake.clock()
    if preview is None or preview.expires_at > now:
        return "kept"
    number = int(preview.expires_at.timestamp())
    ref = f"expired/{environment_id}/{preview.app}"
    decision_id = decision_key(repository.organization_id, repository.id, ref, number)
    decision = intake.records.get(DecisionRecord, decision_id)
    if decision is None:
        item = item_of(preview, f"branch {branch!r} was not pushed to for {repository.preview_days} days")
        parts = f"{repository.id}\x00{ref}\x00{number}"
        item = removal(repository, branch, item, parts, intake.records)
        at = branch_key(repository.organization_id, repository.id, BRANCHES + branch)
        row = intake.records.get(Branch, at) or Branch(repository.organization_id, repository.id, ref, "", 0)
        decision = _decision(repository, replace(row, ref=ref, number=number - 1), (item,), now, intake)
        intake.records.write(Create(decision), Create(replace(request_of(decision), kind="delete")))
    complete_removals(decision, intake.records, intake.queues)
    return "removed"

"""What happened to a pull request: decided as event `pr`, cleaned up when its branch is gone, or waiting as a fork's.

Of a fork nothing is read, rendered or deployed until somebody who may write here labels it.
"""

from datetime import datetime

from chalicelib.core.actors import POLICY
from chalicelib.core.decisions import AppDecision, DecisionRecord
from chalicelib.core.identity import derive_id
from chalicelib.core.payloads import BRANCHES, PullAction, PullRequest, Push
from chalicelib.core.records import branch_key
from chalicelib.core.repositories import Branch, Repository
from chalicelib.ports.records import Create, Replace
from chalicelib.usecases.decide_deletion import decide_deletion
from chalicelib.usecases.decide_push import Intake, decide_push


def decide_pull(repository: Repository, pull: PullRequest, received_at: datetime, intake: Intake) -> str:
    """Decide what a pull request brought; answers what was done, in a word for the delivery's row."""
    if pull.action is PullAction.CLOSED:
        if pull.is_fork:
            return "of a fork"
        return decide_deletion(repository, BRANCHES + pull.source_branch, received_at, intake)
    if pull.is_fork:
        return _note_fork(repository, pull, received_at, intake)
    if pull.action is PullAction.LABELLED:
        return "labelled"
    target = intake.source_of(repository).head(BRANCHES + pull.target_branch)
    push = Push(pull_ref(pull.number), target or "", pull.head_sha)
    return decide_push(repository, push, received_at, intake, pull)


def pull_ref(number: int) -> str:
    """The ref under which a pull request is decided."""
    return f"refs/pull/{number}/head"


def _note_fork(repository: Repository, pull: PullRequest, received_at: datetime, intake: Intake) -> str:
    """Record that nothing happens, once a head commit."""
    ref = pull_ref(pull.number)
    row = intake.records.get(Branch, branch_key(repository.organization_id, repository.id, ref))
    if row is not None and row.head == pull.head_sha:
        return "decided before"
    number = row.number + 1 if row else 1
    reason = f"pull request {pull.number} is from a fork: it waits for a maintainer's label"
    decision = DecisionRecord(
        organization_id=repository.organization_id,
        repository_id=repository.id,
        ref=ref,
        number=number,
        artifact_id="",
        sha=pull.head_sha,
        request_id=derive_id("request", repository.organization_id, f"{repository.id}\x00{ref}\x00{number}"),
        actor=POLICY,
        cause_kind="policy",
        cause_id=f"{repository.path}#{pull.number}",
        items=(AppDecision("", "", False, reason),),
        received_at=received_at,
        decided_at=intake.clock(),
    )
    moved = Branch(repository.organization_id, repository.id, ref, pull.head_sha, number, row.version + 1 if row else 1)
    intake.records.write(Replace(moved) if row else Create(moved), Create(decision))
    return "waits for a label"

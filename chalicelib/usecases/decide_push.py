"""A ref moved: decide each commit that was not decided yet, oldest first, in the order of the branch.

Each (repository, ref) has one row. A decision moves the row from the head it read to the commit it decided, in the
transaction that stores it, so a late or repeated worker can't put an old commit on top.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial

from chalicelib.core.actors import POLICY
from chalicelib.core.artifacts import Artifact, Source
from chalicelib.core.decisions import AppDecision, DecisionRecord, Request
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.identity import derive_id
from chalicelib.core.payloads import BRANCHES, PullRequest, Push
from chalicelib.core.records import artifact_key, branch_key, decision_key
from chalicelib.core.repositories import Artifacts, Branch, Repository
from chalicelib.ports.git import CommitInfo, SourceRepo
from chalicelib.ports.queues import Queues
from chalicelib.ports.records import Create, Records, Replace, Write
from chalicelib.ports.rendering import Cue, Templates
from chalicelib.ports.stores import Clock
from chalicelib.usecases.collect_artifact import Pushed, collect_artifact
from chalicelib.usecases.decide import WAITING_FOR_CI, Question, decide_artifact
from chalicelib.usecases.preview_names import extend_previews
from chalicelib.usecases.releases import complete
from chalicelib.usecases.removals import complete_removals

Arrival = tuple[datetime, Callable[[], tuple[str, ...] | None]]  # when it was heard of, and which files changed
MAX_MISSED = 50  # commits decided one by one after a gap; past it only the head is
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Intake:
    """What `intake` works with."""

    records: Records
    source_of: Callable[[Repository], SourceRepo]
    templates: Templates
    queues: Queues
    clock: Clock
    cue: Cue


def decide_push(
    repository: Repository, push: Push, received_at: datetime, intake: Intake, pull: PullRequest | None = None
) -> str:
    """Decide what the push brought; answers what was done, in a word for the delivery's row.

    With `pull`, `push.ref` is the pull request's, and its head is that of the source branch.

    Raises:
        Conflict: others went on deciding this ref at the same moment.
        Unavailable: the host or a store does not answer.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return _decide_once(repository, push, received_at, intake, pull)
        except Conflict:
            continue
    return _decide_once(repository, push, received_at, intake, pull)


def _decide_once(
    repository: Repository, push: Push, received_at: datetime, intake: Intake, pull: PullRequest | None
) -> str:
    branch = intake.records.get(Branch, branch_key(repository.organization_id, repository.id, push.ref))
    source = intake.source_of(repository)
    head = source.head(BRANCHES + pull.source_branch if pull else push.ref)
    if branch is not None and branch.number:
        _complete_last(repository, branch, intake)
    if head is None:
        return "deleted"
    if pull is not None:
        commits = [] if branch is not None and branch.head == head else [source.commit(head)]
    else:
        commits = commits_to_decide(push, branch, head, source)
    for place, commit in enumerate(commits):
        changed = cache(partial(_changed, push, branch, commits, place, source))
        branch = _decide_commit(repository, Pushed(push.ref, commit, pull), branch, (received_at, changed), intake)
    return f"decided {len(commits)}"


def commits_to_decide(push: Push, branch: Branch | None, head: str, source: SourceRepo) -> list[CommitInfo]:
    """The commits of a ref that have no decision yet and are on the way to what was pushed."""
    after = push.after if push.after and source.contains(head, push.after) else head
    if branch is None or branch.number == 0 or not branch.head:  # new here, or deleted and made again
        return [source.commit(after)]
    if branch.head == head:
        return []
    if source.contains(branch.head, after) and after != head:
        return []
    if branch.head == push.before or not source.contains(after, branch.head):
        return [source.commit(after)]
    missed = source.first_parents(branch.head, after, MAX_MISSED + 1)
    return missed if len(missed) <= MAX_MISSED else [source.commit(after)]


def _changed(
    push: Push, branch: Branch | None, commits: Sequence[CommitInfo], place: int, source: SourceRepo
) -> tuple[str, ...] | None:
    """The files that this commit brought to the ref, as far as they can be known."""
    if len(commits) > 1:
        return tuple(source.changed_files(None, commits[place].sha))
    base = push.before or (branch.head if branch else "")
    try:
        return tuple(source.changed_files(base or None, commits[place].sha))
    except NotFound:
        return None


def _decide_commit(
    repository: Repository, pushed: Pushed, branch: Branch | None, arrival: Arrival, intake: Intake
) -> Branch:
    received_at, changed = arrival
    source = intake.source_of(repository)
    artifact = collect_artifact(repository, pushed, source, created=int(intake.clock().timestamp()))
    number = branch.number + 1 if branch else 1
    question = Question(
        artifact,
        repository.id,
        f"{repository.id}\x00{pushed.ref}\x00{number}",
        changed,
        repository.default_branch,
        _default_sources(repository, pushed, source),
        waits_for_ci=repository.artifacts is Artifacts.CI,
        preview_until=intake.clock() + timedelta(days=repository.preview_days),
    )
    decision = _decision(question, pushed, number, received_at, intake, repository.path)
    moved = _moved(repository, pushed, branch, number)
    first: Write = Replace(moved) if branch else Create(moved)
    intake.records.write(first, Create(decision), Create(request_of(decision)), *_store(artifact, intake.records))
    complete(decision, artifact, intake.records, intake.queues)
    if pushed.ref.startswith(BRANCHES):
        extend_previews(repository, pushed.ref.removeprefix(BRANCHES), question.preview_until, intake.records)
    return moved


def _decision(
    question: Question, pushed: Pushed, number: int, received_at: datetime, intake: Intake, path: str
) -> DecisionRecord:
    items = decide_artifact(question, intake.records, intake.templates, intake.cue)
    if question.waits_for_ci and not items:
        items = (AppDecision("", "", False, WAITING_FOR_CI),)
    artifact = question.artifact
    return DecisionRecord(
        organization_id=artifact.organization_id,
        repository_id=question.repository_id,
        ref=pushed.ref,
        number=number,
        artifact_id=artifact.id,
        sha=pushed.commit.sha,
        request_id=derive_id("request", artifact.organization_id, question.key),
        actor=POLICY,
        cause_kind="policy",
        cause_id=f"{path}@{pushed.commit.sha[:10]}",
        items=items,
        received_at=received_at,
        decided_at=intake.clock(),
    )


def _moved(repository: Repository, pushed: Pushed, branch: Branch | None, number: int) -> Branch:
    version = branch.version + 1 if branch else 1
    return Branch(repository.organization_id, repository.id, pushed.ref, pushed.commit.sha, number, version)


def request_of(decision: DecisionRecord) -> Request:
    """The request that a decision answers: what `/api` tracks."""
    return Request(
        id=decision.request_id,
        organization_id=decision.organization_id,
        kind="release",
        actor=decision.actor,
        created_at=decision.decided_at,
        automatic=True,
        state="processed",
        artifact_id=decision.artifact_id,
        release_ids=tuple(item.release_id for item in decision.items if item.release_id),
    )


def _store(artifact: Artifact, records: Records) -> list[Write]:
    known = records.get(Artifact, artifact_key(artifact.organization_id, artifact.id))
    return [] if known else [Create(artifact)]


def _default_sources(repository: Repository, pushed: Pushed, source: SourceRepo) -> dict[str, Source] | None:
    """The manifests of the default branch's head; none when the push is to that branch."""
    ref = f"refs/heads/{repository.default_branch}"
    if pushed.ref == ref:
        return None
    head = source.head(ref)
    if head is None:
        return {}
    standing = collect_artifact(repository, Pushed(ref, source.commit(head)), source)
    return {one.file: one for one in standing.sources}


def _complete_last(repository: Repository, branch: Branch, intake: Intake) -> None:
    """Finish what a worker that died after storing its decision left undone."""
    key = decision_key(repository.organization_id, repository.id, branch.ref, branch.number)
    decision = intake.records.get(DecisionRecord, key)
    if decision is None:
        return
    complete_removals(decision, intake.records, intake.queues)
    if not any(item.deploy for item in decision.items):
        return
    artifact = intake.records.get(Artifact, artifact_key(repository.organization_id, decision.artifact_id))
    if artifact is not None:
        complete(decision, artifact, intake.records, intake.queues)

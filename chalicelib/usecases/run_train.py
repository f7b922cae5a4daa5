"""The train: everything that waits for one GitOps repository becomes commits, and one push.

Woken by a doorbell; a ring too many finds no rows. What is wrong with one release ends that release; only what is
wrong with the host or the store fails the ring. Idempotent: a commit that is already there is found by its Release-Id.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from chalicelib.core import releases
from chalicelib.core.errors import Failure, PushRefused, Rejected, ScmUnavailable, StaleHead
from chalicelib.core.records import attempt_key, train_pk, waiting_key
from chalicelib.core.releases import Reason, Release, State
from chalicelib.core.repositories import Repository
from chalicelib.core.trains import MAX_RELEASES_PER_PUSH, Attempt, TrackedCommit, Waiting
from chalicelib.ports.git import GitOpsRepo
from chalicelib.ports.queues import Queues
from chalicelib.ports.records import Put, Records, Remove
from chalicelib.ports.stores import Clock, Trees
from chalicelib.usecases.number_commits import number_commits, read_chain
from chalicelib.usecases.plan_commits import Planned, Planner, sort_out
from chalicelib.usecases.transitions import advance, get_release

REPLANS = 3
RETRY_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Train:
    """One repository's train and what it works with."""

    repository: Repository
    repo: GitOpsRepo
    records: Records
    trees: Trees
    clock: Clock

    @property
    def organization_id(self) -> str:
        """The repository's tenant."""
        return self.repository.organization_id


def run_train(train: Train, queues: Queues) -> int | None:
    """Take what waits; answers the seconds after which the doorbell must ring again, or none.

    A host that refuses us (a revoked credential, a repository that is gone) is no reason to ring at once again: the
    releases say so, and `sweep` rings for them.

    Raises:
        Unavailable: the Git host or a store did not answer; the rows still wait.
    """
    rows = train.records.list_below(Waiting, _pk(train), "WAITING#", limit=MAX_RELEASES_PER_PUSH + 1)
    if not rows:
        return None
    wait = _seconds_to_slot(train)
    if wait:
        return wait
    try:
        done = _commit(train, rows[:MAX_RELEASES_PER_PUSH])
    except ScmUnavailable as error:
        _note_wait(train, rows, error)
        raise
    except Rejected as error:
        _note_wait(train, rows, error)
        return None
    if not done:
        return RETRY_SECONDS
    if len(rows) > MAX_RELEASES_PER_PUSH:
        queues.ring_train(train.organization_id, train.repository.id)
    return None


def number_only(train: Train) -> None:
    """Number the branch's commits without writing any: somebody asked about a revision that has no number."""
    head = train.repo.head()
    if head is not None:
        number_commits(train.repository, train.repo, head, train.records)


def _commit(train: Train, rows: Sequence[Waiting]) -> bool:
    """Plan and push, planned again when somebody else pushed first; false when that went on too long."""
    waiting = [get_release(train.organization_id, row.release_id, train.records) for row in rows]
    for _ in range(1 + REPLANS):
        head = train.repo.head()
        waiting = _record_found(train, waiting, head)
        planned = _plan(train, waiting, head)
        if not planned:
            _finish(train)
            return True
        try:
            _push(train, planned, head)
        except StaleHead:
            waiting = [plan.release for plan in planned]  # the others have ended, and are not planned again
            continue
        return True
    return False


def _record_found(train: Train, waiting: list[Release], head: str | None) -> list[Release]:
    """Record the releases whose commit is already on the branch; answers the others."""
    if head is None:
        return waiting
    attempt = train.records.get(Attempt, attempt_key(train.organization_id, train.repository.id))
    found = number_commits(train.repository, train.repo, head, train.records, since=attempt.base if attempt else None)
    left = []
    for release in waiting:
        sha = found.get(release.id)
        if sha:
            _record_commit(train, release.id, sha)
        else:
            left.append(release)
    return left


def _plan(train: Train, waiting: list[Release], head: str | None) -> list[Planned]:
    now = train.clock()
    sorted_out = sort_out(waiting, train.records, now)
    for release, state, reason in sorted_out.ended:
        _end(train, release, state, reason)
    planner = Planner(train.repo, train.records, train.trees, head)
    planner.prefetch(sorted_out.chosen)
    planned: list[Planned] = []
    for release in sorted_out.chosen:
        outcome = planner.plan(release)
        if isinstance(outcome, Planned):
            planned.append(outcome)
        elif isinstance(outcome, Reason):
            state = State.FAILED if outcome.kind == "bug" else State.REJECTED
            _end(train, release, state, outcome)
        else:
            _settle(train, release.id, partial(_unchanged, holder=outcome.commit, at=now))
    return planned


def _push(train: Train, planned: list[Planned], head: str | None) -> None:
    """Write the attempt, push once, record every commit.

    The attempt keeps the first base: whatever the push does, the commits are looked for from there on.
    """
    shas = train.repo.build(head, [plan.commit for plan in planned])
    tracked = tuple(TrackedCommit(plan.release.id, sha) for plan, sha in zip(planned, shas, strict=True))
    old = train.records.get(Attempt, attempt_key(train.organization_id, train.repository.id))
    base = old.base if old else head or ""
    attempt = Attempt(train.organization_id, train.repository.id, base, shas[-1], tracked, train.clock())
    train.records.write(Put(attempt))
    try:
        train.repo.push(shas[-1], head)
    except PushRefused as error:
        for plan in planned:
            _end(train, plan.release, State.REJECTED, Reason("push-refused", error.message))
        _finish(train)
        return
    number_commits(train.repository, train.repo, shas[-1], train.records, pushed_at=train.clock())
    for commit in tracked:
        _record_commit(train, commit.release_id, commit.sha)
    _finish(train)


def _unchanged(release: Release, holder: str, at: datetime) -> Release:
    return releases.unchanged(release, holder, at)


def _record_commit(train: Train, release_id: str, sha: str) -> None:
    now = train.clock()
    _settle(train, release_id, lambda r: releases.committed(r, sha, now))


def _end(train: Train, release: Release, state: State, reason: Reason) -> None:
    now = train.clock()
    _settle(train, release.id, lambda r: releases.ended(r, state, now, reason))


def _settle(train: Train, release_id: str, change: releases.Change) -> None:
    """Move a release that has not ended, and take its row off the train, together."""
    gone = Remove(waiting_key(train.organization_id, train.repository.id, release_id))
    advance(
        train.organization_id,
        release_id,
        lambda release: release if releases.has_ended(release) else change(release),
        train.records,
        extra=[gone],
    )


def _note_wait(train: Train, rows: Iterable[Waiting], error: Failure) -> None:
    reason = Reason("git-host", f"waiting for the Git host: {error.message}")
    now = train.clock()
    for row in rows:
        advance(
            train.organization_id,
            row.release_id,
            lambda r: r if releases.has_ended(r) or r.reason == reason else releases.waiting(r, now, reason),
            train.records,
        )


def _finish(train: Train) -> None:
    train.records.write(Remove(attempt_key(train.organization_id, train.repository.id)))


def _seconds_to_slot(train: Train) -> int:
    spacing = train.repository.push_spacing_seconds
    chain = read_chain(train.repository, train.records) if spacing else None
    if chain is None or chain.pushed_at is None:
        return 0
    left = chain.pushed_at + timedelta(seconds=spacing) - train.clock()
    return max(0, -int(-left.total_seconds() // 1))


def _pk(train: Train) -> str:
    return train_pk(train.organization_id, train.repository.id)

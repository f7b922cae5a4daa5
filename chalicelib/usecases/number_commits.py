"""Numbers for the first-parent chain of a GitOps branch, others' commits too, so that "contains" is a comparison.

A head that does not contain the last numbered commit starts a new era. Only the train calls this.
"""

from collections.abc import Sequence
from datetime import datetime

from chalicelib.core.records import chain_commit_key, chain_key
from chalicelib.core.repositories import Repository
from chalicelib.core.trains import Chain, ChainCommit
from chalicelib.ports.git import CommitInfo, GitOpsRepo
from chalicelib.ports.records import Create, Put, Records, Replace, Write

MAX_COMMITS = 1000  # a gap longer than this is numbered from its newest part on
WRITES_PER_TRANSACTION = 90


def read_chain(repository: Repository, records: Records) -> Chain | None:
    """The branch's numbers so far."""
    return records.get(Chain, chain_key(repository.organization_id, repository.id))


def number_of(repository_id: str, organization_id: str, sha: str, records: Records) -> ChainCommit | None:
    """The number of a commit, or none when it was never numbered."""
    return records.get(ChainCommit, chain_commit_key(organization_id, repository_id, sha))


def number_commits(
    repository: Repository,
    repo: GitOpsRepo,
    head: str,
    records: Records,
    *,
    since: str | None = None,
    pushed_at: datetime | None = None,
) -> dict[str, str]:
    """Number what is new up to `head`; answers Release-Id → SHA of the commits since `since` or the last number."""
    chain = read_chain(repository, records)
    if chain and chain.head == head and (since is None or since == head) and pushed_at is None:
        return {}
    base = chain.head if chain else None
    new = repo.log(base, head, MAX_COMMITS)
    looked = new if since is None or since == base else repo.log(since or None, head, MAX_COMMITS)
    if chain is None or chain.head != head or pushed_at is not None:
        _write(repository, chain, new, head, pushed_at, records)
    return {commit.trailers["Release-Id"]: commit.sha for commit in looked if "Release-Id" in commit.trailers}


def _write(
    repository: Repository,
    chain: Chain | None,
    new: Sequence[CommitInfo],
    head: str,
    pushed_at: datetime | None,
    records: Records,
) -> None:
    follows = chain is None or not new or chain.head in new[0].parents
    if chain is None:
        chain = Chain(repository.organization_id, repository.id, era=1, number=0, head="", version=0)
    era = chain.era if follows else chain.era + 1
    numbered: list[Write] = [
        Put(ChainCommit(repository.organization_id, repository.id, commit.sha, era, chain.number + place))
        for place, commit in enumerate(new, start=1)
    ]
    after = Chain(
        repository.organization_id,
        repository.id,
        era,
        chain.number + len(new),
        head,
        pushed_at or chain.pushed_at,
        chain.version + 1,
    )
    last: Write = Create(after) if after.version == 1 else Replace(after)
    for start in range(0, len(numbered), WRITES_PER_TRANSACTION):
        records.write(*numbered[start : start + WRITES_PER_TRANSACTION])
    records.write(last)

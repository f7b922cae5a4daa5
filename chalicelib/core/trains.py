"""What the one writer of a repository keeps: rows that wait, the attempt under way, the numbers of its commits."""

from dataclasses import dataclass
from datetime import datetime

MAX_RELEASES_PER_PUSH = 100
MAX_BYTES_PER_PUSH = 50 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Waiting:
    """A release that waits for the train of its repository."""

    organization_id: str
    gitops_repository_id: str
    release_id: str
    environment_id: str
    app: str
    number: int
    queued_at: datetime
    version: int = 1


@dataclass(frozen=True, slots=True)
class TrackedCommit:
    """Which commit carries which release."""

    release_id: str
    sha: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """Written before the push: the first base, the tip, and each release's commit. Removed when all is recorded."""

    organization_id: str
    gitops_repository_id: str
    base: str
    tip: str
    commits: tuple[TrackedCommit, ...]
    started_at: datetime
    version: int = 1


@dataclass(frozen=True, slots=True)
class Chain:
    """The numbered first-parent chain of the branch: its last numbered commit. A rewritten branch is a new era."""

    organization_id: str
    gitops_repository_id: str
    era: int
    number: int
    head: str
    pushed_at: datetime | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class ChainCommit:
    """The number of one commit."""

    organization_id: str
    gitops_repository_id: str
    sha: str
    era: int
    number: int
    version: int = 1


def contains(revision: ChainCommit, commit: ChainCommit) -> bool:
    """Whether a revision holds a commit: the same era, and numbered no lower."""
    return revision.era == commit.era and revision.number >= commit.number

"""Git repositories: the GitOps repository that the train writes, and the repositories that intake reads.

Both are reached by their address alone; which host is behind it does not matter here. Paths are relative to the
repository's root, with `/`, never starting or ending with one. Nothing here rewrites history: there is no force.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

MAX_FILE_BYTES = 1024 * 1024  # one file of an application repository's folder, read at intake
MAX_FILES = 500  # files of such a folder


@dataclass(frozen=True, slots=True)
class RepoAddress:
    """Where one repository is. `url` is https (http on loopback) and never holds a credential."""

    url: str
    branch: str
    credential: str | None = None  # a reference; only the adapter's secret lookup knows what is behind it


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file's new content; None deletes it (also when it is not there)."""

    path: str
    content: bytes | None


@dataclass(frozen=True, slots=True)
class CommitPlan:
    """All that a commit's SHA depends on, besides its parent. `at` is in unix seconds."""

    changes: tuple[FileChange, ...]
    message: str
    author_name: str
    author_email: str
    at: int


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """A commit without its tree. `committed_at` is in unix seconds."""

    sha: str
    parents: tuple[str, ...]
    message: str
    author_name: str
    author_email: str
    committer_name: str
    committer_email: str
    committed_at: int

    @property
    def trailers(self) -> Mapping[str, str]:
        """The trailers by name; of a name given twice the last value."""
        return dict(parse_trailers(self.message))


def parse_trailers(message: str) -> list[tuple[str, str]]:
    """The `Name: value` lines of the last paragraph, in order; empty unless all its lines are such (never the title).

    Source: git-interpret-trailers, of which this is the part that our own commits use.
    """
    paragraphs = [part for part in message.replace("\r\n", "\n").strip().split("\n\n") if part.strip()]
    lines = paragraphs[-1].strip().split("\n") if len(paragraphs) > 1 else []
    pairs = [(name, value.strip()) for name, colon, value in (line.partition(":") for line in lines) if colon]
    named = all(name and name.replace("-", "").isalnum() for name, _ in pairs)
    return pairs if named and len(pairs) == len(lines) else []


class GitOpsRepo(Protocol):
    """One branch of one GitOps repository, read and written without a work tree.

    Every method may raise ScmUnavailable (the host answers 5xx, 429, or not at all) and Rejected (it refuses our
    credential, or there is no such repository).
    """

    def head(self) -> str | None:
        """Ask the host for the branch's head and make it readable here; None when there is no such branch yet."""
        ...

    def prefetch(self, commit: str, paths: Sequence[str]) -> None:
        """Fetch what `read` needs for all these folders in as few round trips as for one; changes no answer."""
        ...

    def read(self, commit: str, path: str) -> dict[str, bytes]:
        """All files below the folder `path` (of the whole repository for ""), by path from the root; {} when absent.

        Symbolic links and submodules are left out.
        """
        ...

    def read_file(self, commit: str, path: str) -> bytes | None:
        """One file's content, or None when it is not there or no plain file."""
        ...

    def log(self, base: str | None, head: str, limit: int) -> list[CommitInfo]:
        """The first-parent chain of `head` without what `base` contains: its newest `limit` commits, oldest first.

        When there were more, the first one's first parent is not `base`. A `base` that `head` does not contain (a
        rewritten history) excludes nothing.
        """
        ...

    def is_ancestor(self, ancestor: str, commit: str) -> bool:
        """Whether `commit` contains `ancestor` (a commit contains itself; nothing contains an unknown one)."""
        ...

    def build(self, base: str | None, plans: Sequence[CommitPlan]) -> list[str]:
        """Make one commit per plan, each on top of the one before, the first on `base`; return their SHAs in order.

        Local only, and deterministic: the same base and plans give the same SHAs, here and anywhere.

        Raises:
            Rejected: a path that may not be in a repository (`..`, `.git`, empty parts).
        """
        ...

    def push(self, tip: str, expected: str | None) -> None:
        """Move the branch from `expected` (None: make it) to `tip`, a built commit on top of it; all or nothing.

        Says nothing when the branch is at `tip` already, as after an answer that was lost.

        Raises:
            StaleHead: the branch is no longer at `expected`.
            PushRefused: the host refuses this push, in its own words (a hook, a protected branch).
        """
        ...


class SourceRepo(Protocol):
    """One application repository on any git host, read at single commits; raises as `GitOpsRepo` does."""

    def heads(self) -> dict[str, str]:
        """The commit of every branch and tag by full ref (`refs/heads/main`); annotated tags are peeled."""
        ...

    def head(self, ref: str) -> str | None:
        """The commit that the full `ref` stands at now, or None when there is no such ref."""
        ...

    def commit(self, sha: str) -> CommitInfo:
        """The commit.

        Raises:
            NotFound: the host does not have it.
        """
        ...

    def contains(self, ref_head: str, sha: str) -> bool:
        """Whether the history of `ref_head` contains `sha`."""
        ...

    def first_parents(self, base: str | None, head: str, limit: int) -> list[CommitInfo]:
        """As `GitOpsRepo.log`."""
        ...

    def files(self, sha: str, folder: str) -> dict[str, bytes]:
        """The files directly in `folder`, by path from the root; {} when absent. Subfolders are left out.

        Raises:
            Rejected: a symbolic link, a file above MAX_FILE_BYTES, or more than MAX_FILES.
        """
        ...

    def changed_files(self, base: str | None, sha: str) -> list[str]:
        """The paths whose content differs between `base` and `sha`, sorted.

        Without a base, against the commit's first parent; of a root commit, every file.
        """
        ...

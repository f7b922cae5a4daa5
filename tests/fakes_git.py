"""Git in memory: a host with repositories, several writers of one of them, and the SHAs that git would give."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.core.errors import NotFound, PushRefused, Rejected, ScmUnavailable, StaleHead
from chalicelib.ports.git import (
    MAX_FILE_BYTES,
    MAX_FILES,
    CommitInfo,
    CommitPlan,
    FileChange,
    RepoAddress,
)


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link, which only a person's push can make."""

    target: str


Content = bytes | Link
Files = dict[str, Content]


@dataclass(slots=True)
class FakeGitServer:
    """Holds every repository's objects and refs by URL; `is_down` and `refuses_pushes` make it misbehave."""

    commits: dict[str, tuple[CommitInfo, Files]] = field(default_factory=dict)
    refs: dict[str, dict[str, str]] = field(default_factory=dict)  # url → ref → sha
    refuses_pushes: str | None = None
    is_down: bool = False
    pushes: int = 0

    def create(self, url: str) -> None:
        self.refs.setdefault(url, {})

    def commit(
        self,
        url: str,
        ref: str,
        changes: Mapping[str, Content | None],
        message: str = "change",
        *,
        parents: Sequence[str] | None = None,
        at: int = 1_700_000_000,
    ) -> str:
        """What a person pushes: a commit on top of `ref` (or of `parents`), with `ref` moved to it."""
        head = self.refs.setdefault(url, {}).get(ref)
        onto = tuple(parents) if parents is not None else ((head,) if head is not None else ())
        files: Files = dict(self.commits[onto[0]][1]) if onto else {}
        sha = self.store(
            CommitInfo("", onto, message, "Jane", "jane@acme.org", "Jane", "jane@acme.org", at), files, changes
        )
        self.refs[url][ref] = sha
        return sha

    def store(self, info: CommitInfo, files: Files, changes: Mapping[str, Content | None]) -> str:
        for path, content in changes.items():
            files.pop(path, None)
            if content is not None:
                _make_room(files, path)
                files[path] = content
        raw = _raw_commit(info, _tree(files))
        sha = _hash("commit", raw)
        self.commits[sha] = (
            CommitInfo(
                sha,
                info.parents,
                info.message,
                info.author_name,
                info.author_email,
                info.committer_name,
                info.committer_email,
                info.committed_at,
            ),
            files,
        )
        return sha

    def reach(self, url: str) -> dict[str, str]:
        if self.is_down:
            raise ScmUnavailable(f"{url} does not answer")
        if url not in self.refs:
            raise NotFound(f"there is no repository at {url}")
        return self.refs[url]

    def history(self, sha: str) -> set[str]:
        found: set[str] = set()
        left = [sha]
        while left:
            if (here := left.pop()) not in found and here in self.commits:
                found.add(here)
                left += self.commits[here][0].parents
        return found

    def chain(self, base: str | None, head: str, limit: int) -> list[CommitInfo]:
        excluded = self.history(base) if base is not None and base in self.history(head) else set()
        found: list[CommitInfo] = []
        here: str | None = head
        while here is not None and here not in excluded and len(found) < limit:
            info = self.get(here)[0]
            found.append(info)
            here = info.parents[0] if info.parents else None
        return found[::-1]

    def get(self, sha: str) -> tuple[CommitInfo, Files]:
        if sha not in self.commits:
            raise NotFound(f"there is no commit {sha}")
        return self.commits[sha]


@dataclass(slots=True)
class FakeGitOpsRepo:
    """One writer of one repository; make several on one server and they race."""

    server: FakeGitServer
    address: RepoAddress

    @property
    def _ref(self) -> str:
        return f"refs/heads/{self.address.branch}"

    def head(self) -> str | None:
        return self.server.reach(self.address.url).get(self._ref)

    def prefetch(self, commit: str, paths: Sequence[str]) -> None:
        self.server.get(commit)

    def read(self, commit: str, path: str) -> dict[str, bytes]:
        files = self.server.get(commit)[1]
        return {
            name: content
            for name, content in files.items()
            if isinstance(content, bytes) and (not path or name.startswith(path + "/"))
        }

    def read_file(self, commit: str, path: str) -> bytes | None:
        content = self.server.get(commit)[1].get(path)
        return content if isinstance(content, bytes) else None

    def log(self, base: str | None, head: str, limit: int) -> list[CommitInfo]:
        return self.server.chain(base, head, limit)

    def is_ancestor(self, ancestor: str, commit: str) -> bool:
        self.server.get(commit)
        return ancestor in self.server.history(commit)

    def build(self, base: str | None, plans: Sequence[CommitPlan]) -> list[str]:
        made: list[str] = []
        for plan in plans:
            for change in plan.changes:
                _check_path(change)
            files: Files = dict(self.server.get(base)[1]) if base is not None else {}
            who = (plan.author_name, plan.author_email)
            parents = (base,) if base is not None else ()
            info = CommitInfo("", parents, plan.message, *who, *who, plan.at)
            base = self.server.store(info, files, {change.path: change.content for change in plan.changes})
            made.append(base)
        return made

    def push(self, tip: str, expected: str | None) -> None:
        refs = self.server.reach(self.address.url)
        now = refs.get(self._ref)
        if now == tip:
            return
        if now != expected:
            raise StaleHead(f"{self._ref} is no longer at {expected}")
        if tip not in self.server.commits or (expected is not None and expected not in self.server.history(tip)):
            raise ValueError(f"{tip} was not built on {expected}")
        if self.server.refuses_pushes is not None:
            raise PushRefused(f"{self.address.url} refuses the push: {self.server.refuses_pushes}")
        refs[self._ref] = tip
        self.server.pushes += 1


@dataclass(slots=True)
class FakeSourceRepo:
    """One application repository on the fake host."""

    server: FakeGitServer
    address: RepoAddress

    def heads(self) -> dict[str, str]:
        return dict(self.server.reach(self.address.url))

    def head(self, ref: str) -> str | None:
        return self.server.reach(self.address.url).get(ref)

    def commit(self, sha: str) -> CommitInfo:
        return self._get(sha)[0]

    def contains(self, ref_head: str, sha: str) -> bool:
        self._get(ref_head)
        return sha in self.server.history(ref_head)

    def first_parents(self, base: str | None, head: str, limit: int) -> list[CommitInfo]:
        self._get(head)
        return self.server.chain(base, head, limit)

    def files(self, sha: str, folder: str) -> dict[str, bytes]:
        files = self._get(sha)[1]
        if folder in files:
            raise Rejected(f"{folder} is not a folder")
        here = {path: content for path, content in files.items() if path.rpartition("/")[0] == folder}
        if len(here) > MAX_FILES:
            raise Rejected(f"{folder} holds {len(here)} files; {MAX_FILES} are read")
        return {path: _small_file(path, content) for path, content in here.items()}

    def changed_files(self, base: str | None, sha: str) -> list[str]:
        info, after = self._get(sha)
        before_sha = base or (info.parents[0] if info.parents else None)
        before: Files = self._get(before_sha)[1] if before_sha is not None else {}
        return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))

    def _get(self, sha: str) -> tuple[CommitInfo, Files]:
        self.server.reach(self.address.url)
        return self.server.get(sha)


def _make_room(files: Files, path: str) -> None:
    """Drop what can't stand beside a file at `path`: files below it, and a file where it needs a folder."""
    for other in list(files):
        if other.startswith(path + "/") or path.startswith(other + "/"):
            del files[other]


def _small_file(path: str, content: Content) -> bytes:
    if isinstance(content, Link):
        raise Rejected(f"{path} is a symbolic link")
    if len(content) > MAX_FILE_BYTES:
        raise Rejected(f"{path} is larger than {MAX_FILE_BYTES} bytes")
    return content


def _check_path(change: FileChange) -> None:
    parts = change.path.split("/")
    if "\0" in change.path or any(part in ("", ".", "..") or part.lower() == ".git" for part in parts):
        raise Rejected(f"{change.path!r} may not be the path of a file in a repository")


def _hash(kind: str, content: bytes) -> str:
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()


def _tree(files: Files) -> str:
    folders: dict[str, Files] = {}
    entries: list[tuple[bytes, str, str]] = []
    for path, content in files.items():
        name, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(name, {})[rest] = content
        elif isinstance(content, Link):
            entries.append((name.encode(), "120000", _hash("blob", content.target.encode())))
        else:
            entries.append((name.encode(), "100644", _hash("blob", content)))
    entries += [(name.encode(), "40000", _tree(below)) for name, below in folders.items()]
    entries.sort(key=lambda entry: entry[0] + (b"/" if entry[1] == "40000" else b""))
    return _hash(
        "tree", b"".join(b"%s %s\0" % (mode.encode(), name) + bytes.fromhex(sha) for name, mode, sha in entries)
    )


def _raw_commit(info: CommitInfo, tree: str) -> bytes:
    parents = "".join(f"parent {parent}\n" for parent in info.parents)
    author = f"author {info.author_name} <{info.author_email}> {info.committed_at} +0000\n"
    committer = f"committer {info.committer_name} <{info.committer_email}> {info.committed_at} +0000\n"
    return f"tree {tree}\n{parents}{author}{committer}\n{info.message}".encode()

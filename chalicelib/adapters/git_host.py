"""Reads application repositories on any git host, by the git protocol alone; what intake needs of one commit.

No work tree and no full clone: the commits asked for, and the trees and files on the way. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from chalicelib.adapters.git_clone import WarmClone
from chalicelib.adapters.git_memory import Entry
from chalicelib.adapters.git_objects import (
    commits,
    contains,
    ensure_commit,
    fetch_objects,
    first_parents,
    list_refs,
    read_present,
    root_tree,
    trees,
)
from chalicelib.adapters.git_run import LIMITS, Git, Limits
from chalicelib.adapters.git_trees import changed_paths, join, resolve
from chalicelib.core.errors import Rejected
from chalicelib.ports.git import MAX_FILE_BYTES, MAX_FILES, CommitInfo, RepoAddress

_PEELED = "^{}"


class GitHost:
    """The application repository at `address` (its branch does not matter here); `secret_of` as in `GitRepo`."""

    def __init__(
        self, address: RepoAddress, cache: Path, secret_of: Callable[[str], str], limits: Limits = LIMITS
    ) -> None:
        credential = address.credential

        def header() -> str | None:
            return secret_of(credential) if credential is not None else None

        self._clone = WarmClone(address.url, cache, header, limits)

    def heads(self) -> dict[str, str]:
        return _peeled(self._clone.use(lambda git: list_refs(git, "refs/heads/*", "refs/tags/*")))

    def head(self, ref: str) -> str | None:
        if not ref.startswith("refs/"):
            raise ValueError(f"{ref!r} is not a full ref")
        refs = self._clone.use(lambda git: list_refs(git, ref, ref + _PEELED))
        return _peeled(refs).get(ref)

    def commit(self, sha: str) -> CommitInfo:
        def work(git: Git) -> CommitInfo:
            ensure_commit(git, sha)
            return commits(git, [sha])[0]

        return self._clone.use(work, may_renew=True)

    def contains(self, ref_head: str, sha: str) -> bool:
        return self._clone.use(lambda git: contains(git, ref_head, sha))

    def first_parents(self, base: str | None, head: str, limit: int) -> list[CommitInfo]:
        return self._clone.use(lambda git: first_parents(git, base, head, limit))

    def files(self, sha: str, folder: str) -> dict[str, bytes]:
        return self._clone.use(lambda git: _files(git, sha, folder))

    def changed_files(self, base: str | None, sha: str) -> list[str]:
        def work(git: Git) -> list[str]:
            ensure_commit(git, sha)
            parents = commits(git, [sha])[0].parents
            before = base or (parents[0] if parents else None)
            return changed_paths(git, root_tree(git, before) if before is not None else None, root_tree(git, sha))

        return self._clone.use(work)


def _peeled(refs: dict[str, str]) -> dict[str, str]:
    plain = {ref: sha for ref, sha in refs.items() if not ref.endswith(_PEELED)}
    return plain | {ref.removesuffix(_PEELED): sha for ref, sha in refs.items() if ref.endswith(_PEELED)}


def _files(git: Git, sha: str, folder: str) -> dict[str, bytes]:
    entry = resolve(git, sha, [folder]).get(folder)
    if entry is None:
        return {}
    if not entry.is_tree:
        raise Rejected(f"{folder} at {sha[:10]} is not a folder")
    content = trees(git, [entry.sha])[entry.sha]
    files = {join(folder, name): file for name, file in content.items() if not file.is_tree}
    _check_kinds(files, folder)
    return _read_small(git, entry, files)


def _check_kinds(files: dict[str, Entry], folder: str) -> None:
    if len(files) > MAX_FILES:
        raise Rejected(f"{folder} holds {len(files)} files; {MAX_FILES} are read")
    for path, file in files.items():
        if not file.is_file:  # a link could lead out of the folder, a submodule out of the repository
            raise Rejected(f"{path} is a symbolic link or a submodule, which is not followed")


def _read_small(git: Git, folder: Entry, files: dict[str, Entry]) -> dict[str, bytes]:
    """Fetch the folder again with its files up to the limit, so that a larger one is never transferred."""
    shas = [file.sha for file in files.values()]
    found = read_present(git, shas)
    if len(found) < len(set(shas)):
        fetch_objects(git, [folder.sha], object_filter=f"blob:limit={MAX_FILE_BYTES + 1}")
        found = read_present(git, shas)
    for path, file in files.items():
        if len(found.get(file.sha, b" " * (MAX_FILE_BYTES + 1))) > MAX_FILE_BYTES:
            raise Rejected(f"{path} is larger than {MAX_FILE_BYTES} bytes")
    return {path: found[file.sha] for path, file in files.items()}

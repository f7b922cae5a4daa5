"""Commits, trees and files out of a warm clone, fetched in as few round trips as levels of folders, never one by one.

History is shallow too: it is deepened only as far as a question needs. Nothing here writes to a host.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from chalicelib.adapters.git_memory import Memory, Tree
from chalicelib.adapters.git_run import BrokenClone, Git
from chalicelib.core.errors import NotFound, Rejected
from chalicelib.ports.git import CommitInfo

DEPTHS = (64, 1024, 16384)  # commits fetched at first, then when a question reaches further back; then all
FETCH_BATCH = 5000  # objects named in one request (some 250 KB)
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PERSON = re.compile(r"(.*?) ?<([^>]*)> (-?[0-9]+) [+-][0-9]{4}")
_FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")

T = TypeVar("T")


class MissingObjects(BrokenClone):
    """The host does not have (or does not give) objects that we named."""

    def __init__(self, git: Git, name: str) -> None:
        super().__init__(f"no {name}")
        self.failure = NotFound(f"{git.url} has no {name}")


def list_refs(git: Git, *patterns: str) -> dict[str, str]:
    """The host's refs that match, with the object each stands at; annotated tags also as `<ref>^{}`.

    Raises:
        ScmUnavailable, Rejected: by the host's HTTP status.
    """
    done = git.remote("ls-remote", "--quiet", "origin", *patterns)
    if done.code != 0:
        raise git.failure(done) or BrokenClone("git ls-remote failed")
    lines = (line.split("\t", 1) for line in done.stdout.decode(errors="replace").splitlines())
    return {ref: sha for sha, ref in lines}


def fetch(git: Git, *words: str, named: str) -> None:
    """Fetch without files and trees; `named` is what the message of a failure is about."""
    done = git.remote(*_FETCH, "--filter=tree:0", *words)
    if done.code != 0:
        raise git.failure(done) or MissingObjects(git, named)


def fetch_objects(git: Git, shas: Sequence[str], *, object_filter: str = "tree:0") -> None:
    """Fetch exactly these trees and files (and below them what the filter lets through), in one request.

    `--refetch`: a host takes it that we have all of a commit that we have, but here the trees are missing; and git
    would ask for nothing where it has what is named, though not all that is below.
    """
    for at in range(0, len(shas), FETCH_BATCH):
        stdin = "\n".join(shas[at : at + FETCH_BATCH]).encode()
        words = (*_FETCH, "--refetch", f"--filter={object_filter}", "--stdin", "origin")
        done = git.remote(*words, stdin=stdin)
        if done.code != 0:
            raise git.failure(done) or MissingObjects(git, f"object {shas[at]}")


def checked(sha: str) -> str:
    """The full hash itself; anything else (an option, a ref) is Rejected."""
    if not _SHA.fullmatch(sha):
        raise Rejected(f"{sha[:80]!r} is not the full hash of a commit")
    return sha


def read_present(git: Git, shas: Iterable[str]) -> dict[str, bytes]:
    """The content of those of the objects that are in the clone.

    Raises:
        Rejected: a name that is no full hash; every name from outside comes by here before git sees it.
    """
    wanted = list(dict.fromkeys(map(checked, shas)))
    if not wanted:
        return {}
    stream = git.local("cat-file", "--batch", "--buffer", stdin="".join(f"{sha}\n" for sha in wanted).encode())
    found, at = {}, 0
    for sha in wanted:
        end = stream.index(b"\n", at)
        words = stream[at:end].split()
        at = end + 1
        if words[1] != b"missing":
            size = int(words[2])
            found[sha] = stream[at : at + size]
            at += size + 1
    return found


def missing_of(git: Git, shas: Iterable[str]) -> list[str]:
    """Those of the objects that the clone does not have."""
    stdin = "".join(f"{checked(sha)}\n" for sha in shas).encode()
    answer = git.local("cat-file", "--batch-check", "--buffer", stdin=stdin)
    return [line.split()[0].decode() for line in answer.splitlines() if line.endswith(b" missing")]


def read_files(git: Git, shas: Iterable[str]) -> dict[str, bytes]:
    """The content of files, from memory, from the clone, or from the host."""
    return _remembered(git.memory.files, shas, lambda missing: read(git, missing))


def _remembered(
    memory: Memory[T], shas: Iterable[str], read_missing: Callable[[list[str]], dict[str, T]]
) -> dict[str, T]:
    known = {sha: memory.get(sha) for sha in shas}
    new = read_missing([sha for sha, value in known.items() if value is None])
    memory.keep(new)
    return {sha: value for sha, value in known.items() if value is not None} | new


def read(git: Git, shas: Iterable[str]) -> dict[str, bytes]:
    """The content of trees and files, fetched where missing."""
    wanted = list(dict.fromkeys(shas))
    found = read_present(git, wanted)
    missing = [sha for sha in wanted if sha not in found]
    if missing:
        fetch_objects(git, missing)
        found |= read_present(git, missing)
    if len(found) < len(wanted):
        raise MissingObjects(git, f"object {missing[0]}")
    return found


def trees(git: Git, shas: Iterable[str]) -> dict[str, Tree]:
    """These trees by hash, from memory, from the clone, or from the host."""

    def read_missing(missing: list[str]) -> dict[str, Tree]:
        return {sha: Tree(content) for sha, content in read(git, missing).items()}

    return _remembered(git.memory.trees, shas, read_missing)


def commits(git: Git, shas: Sequence[str]) -> list[CommitInfo]:
    """These commits, which are in the clone, in this order."""
    found = read_present(git, shas)
    if any(sha not in found for sha in shas):
        raise BrokenClone("a commit of the history is missing")
    return [parse_commit(sha, found[sha]) for sha in shas]


def parse_commit(sha: str, content: bytes) -> CommitInfo:
    """A raw commit object. Text that is not UTF-8 is read as far as it goes."""
    head, _, message = content.decode(errors="replace").partition("\n\n")
    fields: dict[str, list[str]] = {}
    for line in head.split("\n"):
        name, _, value = line.partition(" ")
        fields.setdefault(name, []).append(value)
    author = _person(fields.get("author", [""])[0])
    committer = _person(fields.get("committer", [""])[0])
    return CommitInfo(
        sha, tuple(fields.get("parent", [])), message, author[0], author[1], committer[0], committer[1], committer[2]
    )


def _person(line: str) -> tuple[str, str, int]:
    match = _PERSON.fullmatch(line)
    return (match[1], match[2], int(match[3])) if match else (line, "", 0)


def root_tree(git: Git, commit: str) -> str:
    """The tree of a commit, which is fetched when it is not in the clone."""
    if (known := git.memory.roots.get(commit)) is not None:
        return known
    found = read_present(git, [commit])
    if not found:
        ensure_commit(git, commit)
        found = read_present(git, [commit])
    root = found[commit].partition(b"\n")[0].split()[1].decode()
    git.memory.roots.keep({commit: root})
    return root


def ensure_commit(git: Git, sha: str) -> None:
    """Have the commit and some of its history.

    Raises:
        NotFound: the host does not have it.
    """
    if sha not in read_present(git, [sha]):
        fetch(git, *_depth(git), "origin", sha, named=f"commit {sha}")


def _depth(git: Git) -> tuple[str, ...]:
    """A clone that has all history stays so; any other gets a bounded piece."""
    is_whole = (git.folder / "gimlet-whole").exists()
    return () if is_whole else (f"--depth={DEPTHS[0]}",)


def boundary(git: Git) -> frozenset[str]:
    """The commits whose parents are not in the clone."""
    path = git.folder / "shallow"
    return frozenset(path.read_text().split()) if path.exists() else frozenset()


def deepened(git: Git, head: str, answer: Callable[[], T | None]) -> T | None:
    """Ask `answer` with more and more of the history of `head`, until it is not None or all history is there."""
    for depth in (*DEPTHS[1:], None):
        if (given := answer()) is not None or not boundary(git):
            return given
        if depth is None:
            fetch(git, "--unshallow", "origin", head, named=f"commit {head}")
            (git.folder / "gimlet-whole").touch()
        else:
            fetch(git, f"--depth={depth}", "origin", head, named=f"commit {head}")
    return answer()


def contains(git: Git, head: str, sha: str) -> bool:
    """Whether `sha` is in the history of `head`. A yes is cheap; a no needs all of the history, once."""
    ensure_commit(git, head)

    def answer() -> bool | None:
        is_there = sha in read_present(git, [sha])
        return True if is_there and git.tells("merge-base", "--is-ancestor", sha, head) else None

    return deepened(git, head, answer) or False


def first_parents(git: Git, base: str | None, head: str, limit: int) -> list[CommitInfo]:
    """The newest `limit` commits of the first-parent chain of `head` after `base`, oldest first."""
    ensure_commit(git, head)

    def answer() -> list[str] | None:
        excluded = [f"^{base}"] if base is not None and read_present(git, [base]) else []
        words = ("rev-list", "--first-parent", f"--max-count={limit}", head, *excluded, "--")
        chain = git.local(*words).decode().split()
        is_cut = not boundary(git).isdisjoint(chain)
        is_told = base is None or (excluded and git.tells("merge-base", "--is-ancestor", base, head))
        return chain if is_told and (not is_cut or (base is None and len(chain) == limit)) else None

    found = deepened(git, head, answer)
    if found is None:  # all history is there, and `base` is not in it
        found = git.local("rev-list", "--first-parent", f"--max-count={limit}", head, "--").decode().split()
    return commits(git, found[::-1])

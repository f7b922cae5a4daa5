"""Writes one branch of a GitOps repository: commits by `git fast-import`, then one push; no work tree, no index.

What it costs depends on what is written, not on how much is there: of a commit it needs the trees on the way to the
files it changes. It never forces: a push names the head it was planned on, and the host compares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from chalicelib.adapters.git_clone import WarmClone
from chalicelib.adapters.git_objects import (
    DEPTHS,
    contains,
    fetch,
    first_parents,
    list_refs,
    read_files,
    read_present,
)
from chalicelib.adapters.git_run import LIMITS, BrokenClone, Finished, Git, Limits
from chalicelib.adapters.git_trees import files_below, folders_on_the_way, have_folders, resolve
from chalicelib.core.errors import PushRefused, Rejected, ScmUnavailable, StaleHead
from chalicelib.ports.git import CommitInfo, CommitPlan, RepoAddress

_HEAD = "refs/gimlet/head"  # the last head we saw or made: what we tell the host we have
_BUILD = "refs/gimlet/build"
_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+=@-]*")
# git push --porcelain: flag, tab, from:to, tab, summary. "[rejected]" is git's own judgement (the head is not where
# we expect it), "[remote rejected]" and "[remote failure]" are the host's (git-push, OUTPUT).
_REPORT = re.compile(r"^([ +*=!-])\t[^\t]*:(\S+)\t(\[[a-z ]+\])?(.*)$", re.MULTILINE)


class GitRepo:
    """The GitOps repository at `address`; its warm clone is kept below the folder `cache`.

    `secret_of` gives the header line ("Authorization: ...") behind the address's credential reference, at every use.
    """

    def __init__(
        self, address: RepoAddress, cache: Path, secret_of: Callable[[str], str], limits: Limits = LIMITS
    ) -> None:
        branch = address.branch
        if not _BRANCH.fullmatch(branch) or ".." in branch or "//" in branch or branch.endswith(("/", ".lock", ".")):
            raise Rejected(f"{branch!r} is not a branch name")
        self._ref = f"refs/heads/{branch}"
        credential = address.credential

        def header() -> str | None:
            return secret_of(credential) if credential is not None else None

        self._clone = WarmClone(address.url, cache, header, limits)

    def head(self) -> str | None:
        return self._clone.use(self._head, may_renew=True)

    def prefetch(self, commit: str, paths: Sequence[str]) -> None:
        def work(git: Git) -> None:
            read_files(git, self._files(git, commit, paths).values())

        self._clone.use(work)

    def read(self, commit: str, path: str) -> dict[str, bytes]:
        def work(git: Git) -> dict[str, bytes]:
            files = self._files(git, commit, [path])
            content = read_files(git, files.values())
            return {name: content[sha] for name, sha in files.items()}

        return self._clone.use(work)

    def read_file(self, commit: str, path: str) -> bytes | None:
        def work(git: Git) -> bytes | None:
            entry = resolve(git, commit, [path]).get(path)
            return read_files(git, [entry.sha])[entry.sha] if entry is not None and entry.is_file else None

        return self._clone.use(work)

    def log(self, base: str | None, head: str, limit: int) -> list[CommitInfo]:
        return self._clone.use(lambda git: first_parents(git, base, head, limit))

    def is_ancestor(self, ancestor: str, commit: str) -> bool:
        return self._clone.use(lambda git: contains(git, commit, ancestor))

    def build(self, base: str | None, plans: Sequence[CommitPlan]) -> list[str]:
        stream = _import_stream(base, plans)
        paths = [change.path for plan in plans for change in plan.changes]

        def work(git: Git) -> list[str]:
            if base is not None:
                have_folders(git, base, folders_on_the_way(paths))
            return git.local("fast-import", "--quiet", "--force", "--done", stdin=stream).decode().split()

        return self._clone.use(work) if plans else []

    def push(self, tip: str, expected: str | None) -> None:
        def work(git: Git) -> None:
            try:
                self._push(git, tip, expected)
            except BrokenClone as error:
                git.is_suspect = True
                raise StaleHead(f"the local clone of {git.url} was broken; the commits must be made again") from error
            self._remember(git, tip)

        self._clone.use(work)

    def _head(self, git: Git) -> str | None:
        head = list_refs(git, self._ref).get(self._ref)
        if head is None or read_present(git, [head]):
            return head
        is_new = not (git.folder / _HEAD).exists()
        depth = (f"--depth={DEPTHS[0]}",) if is_new else ()
        fetch(git, *depth, "origin", f"+{self._ref}:{_HEAD}", named=self._ref)
        return git.local("rev-parse", "--verify", _HEAD).decode().strip()

    def _files(self, git: Git, commit: str, paths: Sequence[str]) -> dict[str, str]:
        found = resolve(git, commit, paths)
        below = files_below(git, {path: found[path] for path in paths if path in found})
        return {path: entry.sha for path, entry in below.items() if entry.is_file}

    def _push(self, git: Git, tip: str, expected: str | None) -> None:
        known = [tip] if expected is None else [tip, expected]
        if len(read_present(git, known)) < len(known):
            raise BrokenClone(f"{tip} or what it was built on is not in the clone")
        if expected is not None and not git.tells("merge-base", "--is-ancestor", expected, tip):
            raise ValueError(f"{tip} was not built on {expected}")  # the lease alone would let it replace the branch
        lease = f"--force-with-lease={self._ref}:{expected or ''}"
        done = git.remote("push", "--porcelain", "--no-verify", lease, "origin", f"{tip}:{self._ref}")
        if done.code != 0:
            self._explain(git, done, tip, expected)

    def _remember(self, git: Git, tip: str) -> None:
        """Have the next fetch tell the host that we have `tip`. The push is done: nothing here may fail it."""
        try:
            git.local("update-ref", _HEAD, tip)
        except BrokenClone:
            git.is_suspect = True

    def _explain(self, git: Git, done: Finished, tip: str, expected: str | None) -> None:
        """Say why a push failed, by its report and by where the branch stands now; return when it is at `tip`.

        Hosts tell a lost race in many sentences; that the branch has moved says it in all of them.
        """
        reports = {ref: (kind, why) for _, ref, kind, why in _REPORT.findall(done.stdout.decode(errors="replace"))}
        kind, why = reports.get(self._ref, ("", ""))
        if kind == "[rejected]":
            raise StaleHead(f"{self._ref} of {git.url} is no longer at {expected}")
        if not kind and done.statuses and (failure := git.failure(done)) is not None and not _is_unsure(failure):
            raise failure
        now = list_refs(git, self._ref).get(self._ref)
        if now == tip:
            return
        if now != expected:
            raise StaleHead(f"{self._ref} of {git.url} is no longer at {expected}")
        if kind:
            raise PushRefused(f"{git.url} refuses the push{_own_words(why, done.words)}")
        raise git.failure(done) or ScmUnavailable(f"{git.url} did not finish the push")


def _is_unsure(failure: Exception) -> bool:
    return isinstance(failure, ScmUnavailable)


def _own_words(why: str, remote: str) -> str:
    said = " ".join(part for part in (why.strip(), remote) if part)
    return f": {said}" if said else ""


def _import_stream(base: str | None, plans: Sequence[CommitPlan]) -> bytes:
    """The commits as git-fast-import reads them. The branch it needs exists only while it runs."""
    parts: list[bytes] = [b"feature done\n"]
    for number, plan in enumerate(plans, start=1):
        person = f"{_plain(plan.author_name)} <{_plain(plan.author_email)}> {plan.at} +0000"
        parts += [f"commit {_BUILD}\nmark :{number}\nauthor {person}\ncommitter {person}\n".encode()]
        parts += [_data(plan.message.encode())]
        if number == 1 and base is not None:
            parts += [f"from {base}\n".encode()]
        for change in plan.changes:
            path = _quoted(change.path)
            if change.content is None:
                parts += [b"D " + path + b"\n"]
            else:
                parts += [b"M 100644 inline " + path + b"\n", _data(change.content)]
        parts += [f"get-mark :{number}\n".encode()]
    parts += [f"reset {_BUILD}\nfrom {'0' * 40}\n\ndone\n".encode()]
    return b"".join(parts)


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _plain(text: str) -> str:
    """A name without what would end it in a commit's header."""
    return re.sub(r"[<>\n\0]", "", text).strip()


def _quoted(path: str) -> bytes:
    """The path as a C-style string.

    Raises:
        Rejected: it is not the path of a file in a repository.
    """
    parts = path.split("/")
    if "\0" in path or any(part in ("", ".", "..") or part.lower() == ".git" for part in parts):
        raise Rejected(f"{path!r} may not be the path of a file in a repository")
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return b'"' + escaped.encode(errors="surrogateescape") + b'"'

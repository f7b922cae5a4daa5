"""Two git hosts that must be alike to whoever uses the ports: one in memory, one over smart HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from chalicelib.adapters.git_host import GitHost
from chalicelib.adapters.gitops import GitRepo
from chalicelib.ports.git import GitOpsRepo, RepoAddress, SourceRepo
from infra.local.git_server import GitServer
from tests.fakes_git import Content, FakeGitOpsRepo, FakeGitServer, FakeSourceRepo
from tests.real_git import commit_on_host, git_on_host, refuse_pushes


class Host(Protocol):
    """One repository, what people do to it, and readers and writers of it."""

    def commit(
        self,
        ref: str,
        changes: Mapping[str, Content | None],
        message: str = "change",
        *,
        parents: Sequence[str] | None = None,
        at: int = 1_700_000_000,
    ) -> str: ...
    def move(self, ref: str, sha: str | None) -> None: ...
    def refuse_pushes(self, words: str) -> None: ...
    def writer(self) -> GitOpsRepo: ...
    def reader(self) -> SourceRepo: ...
    def stop(self) -> None: ...


class FakeHost:
    def __init__(self) -> None:
        self.server = FakeGitServer()
        self.address = RepoAddress("https://git.example.com/acme/repo", "main")
        self.server.create(self.address.url)

    def commit(
        self,
        ref: str,
        changes: Mapping[str, Content | None],
        message: str = "change",
        *,
        parents: Sequence[str] | None = None,
        at: int = 1_700_000_000,
    ) -> str:
        return self.server.commit(self.address.url, ref, changes, message, parents=parents, at=at)

    def move(self, ref: str, sha: str | None) -> None:
        refs = self.server.refs[self.address.url]
        refs.pop(ref, None)
        if sha is not None:
            refs[ref] = sha

    def refuse_pushes(self, words: str) -> None:
        self.server.refuses_pushes = words

    def writer(self) -> GitOpsRepo:
        return FakeGitOpsRepo(self.server, self.address)

    def reader(self) -> SourceRepo:
        return FakeSourceRepo(self.server, self.address)

    def stop(self) -> None:
        self.server.is_down = True


class RealHost:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = GitServer(folder / "host").start()
        self.path = self.server.create("acme/repo")
        self.address = RepoAddress(self.server.url_of("acme/repo"), "main")
        self.writers = 0

    def commit(
        self,
        ref: str,
        changes: Mapping[str, Content | None],
        message: str = "change",
        *,
        parents: Sequence[str] | None = None,
        at: int = 1_700_000_000,
    ) -> str:
        return commit_on_host(self.path, ref, changes, message, parents=parents, at=at)

    def move(self, ref: str, sha: str | None) -> None:
        git_on_host(self.path, "update-ref", *(["-d", ref] if sha is None else [ref, sha]))

    def refuse_pushes(self, words: str) -> None:
        refuse_pushes(self.path, words)

    def writer(self) -> GitOpsRepo:
        self.writers += 1
        return GitRepo(self.address, self.folder / f"cache{self.writers}", lambda reference: reference)

    def reader(self) -> SourceRepo:
        return GitHost(self.address, self.folder / "reader", lambda reference: reference)

    def stop(self) -> None:
        self.server.stop()


@pytest.fixture(params=["fake", "real"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    host: Host = FakeHost() if request.param == "fake" else RealHost(tmp_path)
    yield host
    host.stop()

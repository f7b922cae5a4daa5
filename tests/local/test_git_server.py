"""The local git host: what Flux, the writer and people's own git clients rely on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from infra.local.git_push import RefChange
from infra.local.git_server import GitServer

ZERO = "0" * 40


def git(*words: str | Path, cwd: Path | None = None, ok: bool = True) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "T",
        "GIT_AUTHOR_EMAIL": "t@example.com",
        "GIT_COMMITTER_NAME": "T",
        "GIT_COMMITTER_EMAIL": "t@example.com",
    }
    done = subprocess.run(["git", *map(str, words)], cwd=cwd, env=environment, capture_output=True, timeout=60)
    assert (done.returncode == 0) is ok, done.stderr.decode()
    return done.stdout.decode().strip()


class Pushes:
    def __init__(self) -> None:
        self.seen: list[tuple[str, list[RefChange]]] = []

    def __call__(self, repository: str, changes: list[RefChange]) -> None:
        self.seen.append((repository, changes))


@pytest.fixture
def pushes() -> Pushes:
    return Pushes()


@pytest.fixture
def server(tmp_path: Path, pushes: Pushes) -> Iterator[GitServer]:
    with GitServer(tmp_path / "host", on_push=pushes) as running:
        running.create("acme/shop")
        yield running


def clone(server: GitServer, to: Path) -> Path:
    git("clone", "-q", server.url_of("acme/shop"), to)
    return to


def commit(work: Path, name: str, content: bytes = b"x") -> str:
    (work / name).write_bytes(content)
    git("add", ".", cwd=work)
    git("commit", "-q", "-m", name, cwd=work)
    return git("rev-parse", "HEAD", cwd=work)


def test_a_push_tells_which_refs_moved_before_the_client_returns(
    server: GitServer, pushes: Pushes, tmp_path: Path
) -> None:
    work = clone(server, tmp_path / "work")
    first = commit(work, "a")
    git("push", "-q", "origin", "HEAD:main", cwd=work)

    second = commit(work, "b")
    git("tag", "v1", cwd=work)
    git("push", "-q", "origin", "HEAD:main", "v1", cwd=work)

    assert pushes.seen == [
        ("acme/shop", [RefChange("refs/heads/main", ZERO, first)]),
        ("acme/shop", [RefChange("refs/heads/main", first, second), RefChange("refs/tags/v1", ZERO, second)]),
    ]


def test_a_deleted_branch_is_told_too(server: GitServer, pushes: Pushes, tmp_path: Path) -> None:
    work = clone(server, tmp_path / "work")
    head = commit(work, "a")
    git("push", "-q", "origin", "HEAD:main", "HEAD:old", cwd=work)

    git("push", "-q", "origin", ":old", cwd=work)

    assert pushes.seen[-1] == ("acme/shop", [RefChange("refs/heads/old", head, ZERO)])


def test_a_refused_push_tells_nothing(server: GitServer, pushes: Pushes, tmp_path: Path) -> None:
    work = clone(server, tmp_path / "work")
    commit(work, "a")
    hook = server.path_of("acme/shop") / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)

    git("push", "-q", "origin", "HEAD:main", cwd=work, ok=False)

    assert pushes.seen == []


def test_of_a_push_refused_in_part_only_what_moved_is_told(server: GitServer, pushes: Pushes, tmp_path: Path) -> None:
    work = clone(server, tmp_path / "work")
    head = commit(work, "a")
    hook = server.path_of("acme/shop") / "hooks" / "update"
    hook.write_text('#!/bin/sh\n[ "$1" != refs/heads/main ]\n')
    hook.chmod(0o755)

    git("push", "-q", "origin", "HEAD:main", "HEAD:other", cwd=work, ok=False)

    assert pushes.seen == [("acme/shop", [RefChange("refs/heads/other", ZERO, head)])]


def test_a_large_chunked_push_and_its_clone_keep_every_byte(server: GitServer, tmp_path: Path) -> None:
    work = clone(server, tmp_path / "work")
    content = os.urandom(5_000_000)  # above http.postBuffer (1 MiB): git sends it in chunks
    commit(work, "large", content)

    git("push", "-q", "origin", "HEAD:main", cwd=work)

    again = clone(server, tmp_path / "again")
    assert (again / "large").read_bytes() == content


def test_a_gzipped_request_is_understood(server: GitServer, tmp_path: Path) -> None:
    work = clone(server, tmp_path / "work")
    for n in range(30):  # a fetch whose negotiation is above 1,024 bytes is sent gzipped
        commit(work, f"f{n}")
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    other = clone(server, tmp_path / "other")
    for n in range(30):
        commit(other, f"g{n}")
    head = commit(work, "last")
    git("push", "-q", "origin", "HEAD:main", cwd=work)

    git("fetch", "-q", "origin", cwd=other)

    assert git("rev-parse", "origin/main", cwd=other) == head


def test_protocol_two_partial_clones_and_single_objects_are_served(server: GitServer, tmp_path: Path) -> None:
    work = clone(server, tmp_path / "work")
    commit(work, "a", b"content")
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    blob = git("rev-parse", "HEAD:a", cwd=work)

    git("clone", "-q", "--bare", "--depth=1", "--filter=tree:0", server.url_of("acme/shop"), tmp_path / "thin")

    assert git("cat-file", "--batch-all-objects", "--batch-check=%(objecttype)", cwd=tmp_path / "thin") == "commit"
    assert git("cat-file", "blob", blob, cwd=tmp_path / "thin") == "content"


def test_a_push_from_a_shallow_clone_is_told_too(server: GitServer, pushes: Pushes, tmp_path: Path) -> None:
    work = clone(server, tmp_path / "work")
    commit(work, "a")
    before = commit(work, "b")
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    git("clone", "-q", "--depth=1", server.url_of("acme/shop"), tmp_path / "shallow")

    after = commit(tmp_path / "shallow", "c")
    git("push", "-q", "origin", "HEAD:main", cwd=tmp_path / "shallow")

    assert pushes.seen[-1] == ("acme/shop", [RefChange("refs/heads/main", before, after)])


def test_writers_at_the_same_time_are_all_served(server: GitServer, pushes: Pushes, tmp_path: Path) -> None:
    works = [clone(server, tmp_path / f"work{n}") for n in range(6)]
    for n, work in enumerate(works):
        commit(work, f"f{n}")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: git("push", "-q", "origin", f"HEAD:b{n}", cwd=works[n]), range(6)))

    assert sorted(change.ref for _, changes in pushes.seen for change in changes) == [
        f"refs/heads/b{n}" for n in range(6)
    ]


def test_a_password_is_asked_when_set(tmp_path: Path) -> None:
    with GitServer(tmp_path / "host", password="canary") as server:
        server.create("acme/shop")
        url = server.url_of("acme/shop")

        git("ls-remote", url, ok=False)
        git("ls-remote", url.replace("//", "//anyone:wrong@"), ok=False)
        git("ls-remote", url.replace("//", "//anyone:canary@"))


@pytest.mark.parametrize("name", ["acme/none", "../host/acme/shop", "acme/%2e%2e/acme/shop", ".hidden"])
def test_only_repositories_below_the_root_are_served(server: GitServer, name: str) -> None:
    git("ls-remote", server.url_of(name), ok=False)


def test_nothing_but_the_smart_protocol_is_served(server: GitServer) -> None:
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=30)) as http:
        http.request("GET", "/acme/shop.git/HEAD")

        assert http.getresponse().status == 404

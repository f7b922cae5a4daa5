"""A credential reaches its host in a header, and nothing else: no argument, URL, file, message, other host."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from chalicelib.adapters.git_host import GitHost
from chalicelib.adapters.gitops import GitRepo
from chalicelib.core.errors import Failure, Rejected
from chalicelib.ports.git import CommitPlan, FileChange, RepoAddress
from infra.local.git_server import GitServer
from tests.real_git import commit_on_host

CANARY = "canary-7f3a9"
HEADER = "Authorization: Basic " + base64.b64encode(f"gimlet:{CANARY}".encode()).decode()
SECRETS = (CANARY.encode(), HEADER.split()[-1].encode())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "host", password=CANARY) as running:
        running.create("acme/gitops")
        commit_on_host(running.path_of("acme/gitops"), "refs/heads/main", {"a": b"1"})
        yield running


def secret_of(reference: str) -> str:
    assert reference == "ref/of/the/secret"
    return HEADER


def address(server: GitServer) -> RepoAddress:
    return RepoAddress(server.url_of("acme/gitops"), "main", "ref/of/the/secret")


def release(repo: GitRepo) -> None:
    head = repo.head()
    plan = CommitPlan((FileChange("a", os.urandom(8)),), "release", "Gimlet", "gimlet@gimlet.io", 1_800_000_000)
    repo.push(repo.build(head, [plan])[0], head)


class Watch:
    """Reads the arguments of all processes, over and over, until stopped."""

    def __init__(self) -> None:
        self.arguments: set[bytes] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._stop.is_set():
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    self.arguments.add(Path(f"/proc/{pid}/cmdline").read_bytes())
                except OSError:
                    continue

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_a_credential_is_in_no_argument_and_no_file(server: GitServer, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with Watch() as watch:
        for _ in range(5):
            release(GitRepo(address(server), cache, secret_of))
        GitHost(address(server), cache, secret_of).heads()

    assert any(b"push\0--porcelain" in words for words in watch.arguments)
    assert any(b"remote-http" in words for words in watch.arguments)
    for secret in SECRETS:
        assert not [words for words in watch.arguments if secret in words]
        assert not [path for path in cache.rglob("*") if path.is_file() and secret in path.read_bytes()]


def test_a_credential_is_in_no_message(server: GitServer, tmp_path: Path) -> None:
    repo = GitRepo(address(server), tmp_path / "cache", secret_of)
    repo.head()
    server.password = "another"

    with pytest.raises(Rejected, match="refuses our credential") as caught:
        repo.head()

    said = repr(caught.value) + repr(caught.value.__context__) + repr(repo.__dict__)
    assert not any(secret.decode() in said for secret in SECRETS)


def test_a_wrong_credential_is_rejected_when_writing_too(server: GitServer, tmp_path: Path) -> None:
    repo = GitRepo(address(server), tmp_path / "cache", secret_of)
    head = repo.head()
    plan = CommitPlan((FileChange("a", b"2"),), "release", "Gimlet", "gimlet@gimlet.io", 1_800_000_000)
    made = repo.build(head, [plan])
    server.password = "another"

    with pytest.raises(Rejected, match="401"):
        repo.push(made[0], head)


def test_a_missing_credential_is_rejected_without_a_prompt(server: GitServer, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="401"):
        GitRepo(RepoAddress(server.url_of("acme/gitops"), "main"), tmp_path / "cache", secret_of).head()


def test_a_credential_goes_to_no_other_host(tmp_path: Path) -> None:
    heard: list[str | None] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers.get("Authorization"))
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    class Redirect(Elsewhere):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{elsewhere.server_address[1]}{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()

    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as elsewhere,
        ThreadingHTTPServer(("127.0.0.1", 0), Redirect) as host,
    ):
        threads = [threading.Thread(target=http.serve_forever, args=(0.01,)) for http in (elsewhere, host)]
        for thread in threads:
            thread.start()
        url = f"http://127.0.0.1:{host.server_address[1]}/acme/gitops.git"
        with pytest.raises(Failure):
            GitRepo(RepoAddress(url, "main", "ref/of/the/secret"), tmp_path / "cache", secret_of).head()
        for http, thread in zip((elsewhere, host), threads, strict=True):
            http.shutdown()
            thread.join()

    assert heard == []


def test_nothing_of_the_functions_own_environment_reaches_git(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "environment-canary")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))

    release(GitRepo(address(server), tmp_path / "cache", secret_of))

    assert not (tmp_path / "trace").exists()

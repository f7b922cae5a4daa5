"""What a real host can do to the writer: refuse, vanish, answer with the wrong status, lose an answer, race."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from chalicelib.adapters.git_host import GitHost
from chalicelib.adapters.gitops import GitRepo
from chalicelib.core.errors import NotFound, PushRefused, Rejected, ScmUnavailable, StaleHead
from chalicelib.ports.git import CommitPlan, FileChange, RepoAddress
from infra.local.git_server import GitServer
from tests.real_git import commit_on_host, git_on_host

MAIN = "refs/heads/main"


def plan(path: str, content: bytes = b"x") -> CommitPlan:
    return CommitPlan((FileChange(path, content),), "release", "Gimlet", "gimlet@gimlet.io", 1_800_000_000)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "host") as running:
        running.create("acme/gitops")
        yield running


def writer(server: GitServer, folder: Path) -> GitRepo:
    return GitRepo(RepoAddress(server.url_of("acme/gitops"), "main"), folder, str)


@contextmanager
def host_answering(status: int, *headers: tuple[str, str]) -> Iterator[str]:
    """A host that answers everything with one status."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in (("Content-Length", "0"), *headers):
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}/acme/gitops.git"
        http.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, Rejected),
        (403, Rejected),
        (404, NotFound),
        (410, NotFound),
        (413, Rejected),
        (429, ScmUnavailable),
        (500, ScmUnavailable),
        (502, ScmUnavailable),
        (503, ScmUnavailable),
    ],
)
def test_the_hosts_status_says_who_must_act(status: int, expected: type[Exception], tmp_path: Path) -> None:
    with host_answering(status) as url, pytest.raises(expected, match=f"HTTP {status}") as caught:
        GitRepo(RepoAddress(url, "main"), tmp_path, str).head()

    assert type(caught.value) is expected


def test_the_hosts_wish_to_be_left_alone_is_kept(tmp_path: Path) -> None:
    with host_answering(429, ("Retry-After", "77")) as url, pytest.raises(ScmUnavailable) as caught:
        GitRepo(RepoAddress(url, "main"), tmp_path, str).head()

    assert caught.value.retry_after_seconds == 77


def test_a_redirect_is_not_followed(server: GitServer, tmp_path: Path) -> None:
    commit_on_host(server.path_of("acme/gitops"), MAIN, {"a": b"1"})
    location = ("Location", server.url_of("acme/gitops") + "/info/refs?service=git-upload-pack")

    with host_answering(302, location) as url, pytest.raises(Rejected, match="302"):
        GitRepo(RepoAddress(url, "main"), tmp_path / "cache", str).head()


def test_a_host_that_is_gone_before_the_push_leaves_the_commit_for_later(server: GitServer, tmp_path: Path) -> None:
    base = commit_on_host(server.path_of("acme/gitops"), MAIN, {"a": b"1"})
    repo = writer(server, tmp_path / "cache")
    made = repo.build(base, [plan("b")])
    port = server.port
    server.stop()

    with pytest.raises(ScmUnavailable):
        repo.push(made[0], base)

    with GitServer(tmp_path / "host", port=port):
        repo.push(made[0], base)
        assert repo.head() == made[0]


def test_an_answer_that_was_lost_is_found_on_the_branch(tmp_path: Path) -> None:
    def cut(_: str, __: object) -> None:
        raise ConnectionError  # the refs have moved; the client never hears of it

    with GitServer(tmp_path / "host", on_push=cut) as server:
        base = commit_on_host(server.create("acme/gitops"), MAIN, {"a": b"1"})
        repo = writer(server, tmp_path / "cache")
        made = repo.build(base, [plan("b")])

        repo.push(made[0], base)

        assert repo.head() == made[0]


def push_inside_the_hook(server: GitServer, script: str) -> None:
    hook = server.path_of("acme/gitops") / "hooks" / "pre-receive"
    hook.write_text(f"#!/bin/sh\nunset GIT_QUARANTINE_PATH\n{script}\n")
    hook.chmod(0o755)


def test_a_race_lost_inside_the_hosts_own_push_is_stale_not_refused(server: GitServer, tmp_path: Path) -> None:
    path = server.path_of("acme/gitops")
    base = commit_on_host(path, MAIN, {"a": b"1"})
    theirs = commit_on_host(path, "refs/heads/theirs", {"a": b"2"}, parents=[base])
    repo = writer(server, tmp_path / "cache")
    made = repo.build(base, [plan("b")])
    push_inside_the_hook(server, f"git update-ref {MAIN} {theirs}")

    with pytest.raises(StaleHead):
        repo.push(made[0], base)

    assert repo.head() == theirs


def test_an_update_hook_that_declines_is_a_refusal_in_its_words(server: GitServer, tmp_path: Path) -> None:
    path = server.path_of("acme/gitops")
    base = commit_on_host(path, MAIN, {"a": b"1"})
    hook = path / "hooks" / "update"
    hook.write_text("#!/bin/sh\necho 'main: only through pull requests'\nexit 1\n")
    hook.chmod(0o755)
    repo = writer(server, tmp_path / "cache")
    made = repo.build(base, [plan("b")])

    with pytest.raises(PushRefused, match="only through pull requests"):
        repo.push(made[0], base)


def test_a_history_that_was_rewritten_to_strangers_is_read_again(server: GitServer, tmp_path: Path) -> None:
    path = server.path_of("acme/gitops")
    commit_on_host(path, MAIN, {"a": b"1"})
    repo = writer(server, tmp_path / "cache")
    repo.head()
    other = commit_on_host(path, MAIN, {"z": b"26"}, parents=[])

    head = repo.head()

    assert head == other
    assert repo.read(other, "") == {"z": b"26"}
    repo.push(repo.build(other, [plan("b")])[0], other)


def test_others_commits_between_two_releases_are_fetched_without_their_files(server: GitServer, tmp_path: Path) -> None:
    path = server.path_of("acme/gitops")
    commit_on_host(path, MAIN, {"a": b"1", "dir/big": b"b" * 100_000})
    repo = writer(server, tmp_path / "cache")
    first = repo.head()
    theirs = [commit_on_host(path, MAIN, {"dir/big": b"%d" % n * 100_000}) for n in range(3)]

    head = repo.head()

    assert head == theirs[-1]
    assert [commit.sha for commit in repo.log(first, theirs[-1], 10)] == theirs
    clone = next((tmp_path / "cache").glob("*.git"))
    kinds = git_on_host(clone, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)").split()
    assert set(kinds) == {"commit"}


def test_annotated_tags_are_peeled(server: GitServer, tmp_path: Path) -> None:
    path = server.path_of("acme/gitops")
    head = commit_on_host(path, MAIN, {"a": b"1"})
    words = ("-c", "user.name=Jane", "-c", "user.email=jane@acme.org", "tag", "-a", "-m", "one", "v1", head)
    git_on_host(path, *words)
    reader = GitHost(RepoAddress(server.url_of("acme/gitops"), "main"), tmp_path / "cache", str)

    assert reader.heads()["refs/tags/v1"] == head
    assert reader.head("refs/tags/v1") == head


@pytest.mark.parametrize(
    "url",
    [
        "https://user:secret@git.example.com/a.git",
        "http://git.example.com/a.git",
        "ssh://git.example.com/a.git",
        "file:///etc",
        "ext::sh -c touch",
        "--upload-pack=touch",
        "https://git.example.com/a b.git",
        "https://git.example.com/a\n.git",
        "https:///a.git",
    ],
)
def test_an_address_that_could_do_more_than_reach_a_repository_is_rejected(url: str, tmp_path: Path) -> None:
    with pytest.raises(Rejected) as caught:
        GitRepo(RepoAddress(url, "main"), tmp_path, str)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("branch", ["--force", "a..b", "", "a b", "a:b", "x.lock", "a/"])
def test_a_branch_that_is_no_branch_name_is_rejected(branch: str, tmp_path: Path) -> None:
    with pytest.raises(Rejected):
        GitRepo(RepoAddress("https://git.example.com/a.git", branch), tmp_path, str)


def test_writers_in_threads_each_land_their_release(server: GitServer, tmp_path: Path) -> None:
    commit_on_host(server.path_of("acme/gitops"), MAIN, {"a": b"1"})

    def land(n: int) -> None:
        repo = writer(server, tmp_path / f"cache{n % 2}")  # two clones, shared
        for _ in range(200):
            head = repo.head()
            try:
                return repo.push(repo.build(head, [plan(f"file-{n}")])[0], head)
            except StaleHead:
                continue
        raise AssertionError(f"writer {n} never landed")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(land, range(8)))

    reader = writer(server, tmp_path / "reader")
    head = reader.head()
    assert head is not None
    assert len(reader.log(None, head, 100)) == 9
    assert len(reader.read(head, "")) == 9

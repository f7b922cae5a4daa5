"""The warm clone is never trusted: cut off, damaged or in use, the next use works or says that it must wait."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from chalicelib.adapters.git_run import LIMITS, Limits
from chalicelib.adapters.gitops import GitRepo
from chalicelib.core.errors import ScmUnavailable, StaleHead
from chalicelib.ports.git import CommitPlan, FileChange, RepoAddress
from infra.local.git_server import GitServer
from tests.real_git import commit_on_host

MAIN = "refs/heads/main"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "host") as running:
        running.create("acme/gitops")
        commit_on_host(running.path_of("acme/gitops"), MAIN, {"staging/shop/a.yaml": b"1", "b": b"2"})
        yield running


def writer(server: GitServer, folder: Path, limits: Limits = LIMITS) -> GitRepo:
    return GitRepo(RepoAddress(server.url_of("acme/gitops"), "main"), folder, str, limits)


def plan(content: bytes = b"2") -> CommitPlan:
    changes = (FileChange("staging/shop/a.yaml", content),)
    return CommitPlan(changes, "release", "Gimlet", "gimlet@gimlet.io", 1_800_000_000)


def release(repo: GitRepo, content: bytes = b"2") -> str:
    """As the train does it: what is stale is planned again."""
    try:
        return release_once(repo, content)
    except StaleHead:
        return release_once(repo, content)


def release_once(repo: GitRepo, content: bytes) -> str:
    head = repo.head()
    assert head is not None
    assert repo.read(head, "staging/shop")
    made = repo.build(head, [plan(content)])
    repo.push(made[0], head)
    return made[0]


def clone_in(cache: Path) -> Path:
    return next(cache.glob("*.git"))


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def empty_packs(clone: Path) -> None:
    for pack in (clone / "objects" / "pack").iterdir():
        pack.chmod(0o600)
        pack.write_bytes(b"")


def garble_packs(clone: Path) -> None:
    for pack in (clone / "objects" / "pack").glob("*.pack"):
        pack.chmod(0o600)
        size = pack.stat().st_size
        pack.write_bytes(pack.read_bytes()[:12] + b"\xff" * (size - 12))


def lose_objects(clone: Path) -> None:
    shutil.rmtree(clone / "objects")


def lose_config(clone: Path) -> None:
    (clone / "config").write_bytes(b"[core")


def lose_head(clone: Path) -> None:
    (clone / "HEAD").write_bytes(b"\x00")


def garble_shallow(clone: Path) -> None:
    (clone / "shallow").write_text("not a hash\n")


@pytest.mark.parametrize(
    "damage", [empty_packs, garble_packs, lose_objects, lose_config, lose_head, garble_shallow, shutil.rmtree]
)
def test_a_damaged_clone_is_made_again(damage: Callable[[Path], None], server: GitServer, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    release(writer(server, cache))
    damage(clone_in(cache))

    made = release(writer(server, cache), b"3")

    assert writer(server, tmp_path / "reader").head() == made


def test_commits_lost_with_their_clone_are_told_as_stale_so_that_they_are_made_again(
    server: GitServer, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    repo = writer(server, cache)
    head = repo.head()
    made = repo.build(head, [plan()])
    shutil.rmtree(clone_in(cache))

    with pytest.raises(StaleHead):
        repo.push(made[0], head)

    assert repo.build(repo.head(), [plan()]) == made
    repo.push(made[0], head)


@pytest.mark.parametrize("left", ["shallow.lock", "config.lock", "refs/gimlet/head.lock", "objects/pack/tmp_pack_x"])
def test_what_a_killed_use_left_behind_does_not_stop_the_next(left: str, server: GitServer, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    release(writer(server, cache))
    (clone_in(cache) / left).write_bytes(b"")
    next(cache.glob("*.lock")).write_bytes(b"busy")  # as a killed process leaves it

    release(writer(server, cache), b"3")

    assert not (clone_in(cache) / left).exists()


KILLED = """
import sys
from pathlib import Path
from chalicelib.adapters.gitops import GitRepo
from chalicelib.ports.git import CommitPlan, FileChange, RepoAddress
repo = GitRepo(RepoAddress(sys.argv[1], "main"), Path(sys.argv[2]), str)
head = repo.head()
changes = tuple(FileChange(f"staging/shop/{n}.yaml", b"x" * 20_000) for n in range(400))
print("building", flush=True)
while True:
    repo.build(head, [CommitPlan(changes, "release", "Gimlet", "gimlet@gimlet.io", 1_800_000_000)] * 5)
"""


def test_a_writer_killed_while_it_builds_is_healed_by_the_next(server: GitServer, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    command = [sys.executable, "-c", KILLED, server.url_of("acme/gitops"), str(cache)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=os.getcwd()) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"building\n"
        lock = next(cache.glob("*.lock"))
        wait_until(lambda: lock.read_bytes() == b"busy")
        child.send_signal(signal.SIGKILL)

    made = release(writer(server, cache), b"3")

    assert writer(server, tmp_path / "reader").head() == made


def test_a_clone_in_use_makes_others_wait_and_then_say_so(server: GitServer, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    writer(server, cache).head()
    impatient = writer(server, cache, Limits(lock_timeout_seconds=0.05))

    with next(cache.glob("*.lock")).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ScmUnavailable, match="in use"):
            impatient.head()

    assert impatient.head() is not None


def test_a_clone_that_gathered_too_many_packs_is_made_again(server: GitServer, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    repo = writer(server, cache, Limits(max_packs=1))
    release(repo)
    packs = set((clone_in(cache) / "objects" / "pack").glob("*.pack"))

    made = release(repo, b"3")

    assert packs.isdisjoint((clone_in(cache) / "objects" / "pack").glob("*.pack"))
    assert repo.head() == made


def test_a_host_that_never_answers_is_given_up_and_nothing_stays_behind(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/acme/gitops.git"
        repo = GitRepo(RepoAddress(url, "main"), tmp_path, str, Limits(remote_timeout_seconds=0.3))

        with pytest.raises(ScmUnavailable, match="took over"):
            repo.head()

    left = [words for words in arguments_of_all_processes() if url.encode() in words]
    assert left == []


def arguments_of_all_processes() -> Iterator[bytes]:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            yield Path(f"/proc/{pid}/cmdline").read_bytes()

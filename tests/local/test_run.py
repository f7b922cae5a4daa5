"""`make run` from the outside: one process that serves, keeps its state, heals what it missed, and ends with all it
started."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from infra.local.run import MARK, Options, Refused, free_port, own_folder
from infra.local.saves import Saves, StateInUse
from infra.local.seed import Incomplete, Memory, Seed
from tests.local.tiny import wait_for

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Run:
    """A running `make run` and what it printed."""

    process: subprocess.Popen[str]
    printed: str

    @property
    def url(self) -> str:
        return self._found(r"Sign in +(\S+)/#code=")

    @property
    def code(self) -> str:
        return self._found(r"#code=(\S+)")

    @property
    def clone(self) -> list[str]:
        return self._found(r"Clone +(git clone \S+)").split()

    @property
    def token(self) -> str:
        return self._found(r"Bearer ([^']+)'")

    def _found(self, pattern: str) -> str:
        match = re.search(pattern, self.printed)
        assert match, self.printed
        return match[1]

    def get(self, path: str) -> Any:
        request = Request(self.url + path, headers={"Authorization": f"Bearer {self.token}"})
        with urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def children(self) -> set[int]:
        """The process ids of all that it started, directly or not."""
        parents = {pid: parent for pid, parent, state in processes() if state != "Z"}
        found = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found - {self.process.pid}

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        code = self.process.wait(20)
        cast(IO[str], self.process.stdout).close()
        return code


def processes() -> list[tuple[int, int, str]]:
    """Process id, parent and state of every process (proc(5), stat)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent, *_ = entry.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found.append((int(entry.parent.name), int(parent), state))
    return found


def alive(pids: set[int]) -> set[int]:
    return pids & {pid for pid, _, state in processes() if state != "Z"}


def start(folder: Path, port: int, **settings: str) -> Run:
    environment = os.environ | {"STATE_DIR": str(folder / "state"), "PORT": str(port)} | settings
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.local"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    printed = ""
    for line in cast(IO[str], process.stdout):
        printed += line
        if "Ctrl-C" in line:
            return Run(process, printed)
    raise AssertionError(f"it ended with {process.wait()}:\n{printed}")


def git(*arguments: str | Path, cwd: Path | None = None) -> str:
    own = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    names = {
        f"GIT_{who}_{what}": "demo@gimlet.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    environment = {"PATH": os.environ["PATH"]} | own | names
    done = subprocess.run(["git", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def released(gitops: Path, sha: str) -> bool:
    """Whether the GitOps repository holds staging's release of the application's commit."""
    shown = subprocess.run(
        ["git", f"--git-dir={gitops}", "show", "main:staging/shop/release.json"], capture_output=True, text=True
    )
    return sha in shown.stdout


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@pytest.mark.timeout(300)
def test_the_whole_way_from_a_start_over_a_kill_to_ctrl_c(tmp_path: Path, taken_port: int) -> None:
    first = start(tmp_path, taken_port, GIMLET_LOCAL_TOKEN="gim_abcdefgh12345678_" + "s" * 43)
    gitops = tmp_path / "state" / "git" / "gitops.git"
    work = tmp_path / "shop"
    try:
        assert f"port {taken_port} is taken" in first.printed
        assert first.token.startswith("gim_abcdefgh12345678_")
        assert sign_in(first) == [204, 401]
        wait_for(lambda: released(gitops, git(f"--git-dir={tmp_path}/state/git/shop.git", "rev-parse", "main")), 40)
        assert {item["name"] for item in first.get("/v1/environments")["items"]} == {"staging", "production"}
        git(*first.clone[1:], str(work))
        pushed = commit(work, "first")
        git("push", "-q", "origin", "HEAD:main", cwd=work)
        wait_for(lambda: released(gitops, pushed), 40)
        time.sleep(1)  # a kill may lose the last second
        children = first.children()
    finally:
        first.end(signal.SIGKILL)

    assert children
    wait_for(lambda: not alive(children))
    missed = commit(work, "while nobody listened")
    git("push", "-q", tmp_path / "state" / "git" / "shop.git", "HEAD:main", cwd=work)

    second = start(tmp_path, taken_port + 1)
    try:
        assert second.token == first.token
        wait_for(lambda: released(gitops, missed), 60)
        children = second.children()
    finally:
        code = second.end(signal.SIGINT)

    assert code == 0
    wait_for(lambda: not alive(children))


def sign_in(run: Run) -> list[int]:
    """The statuses of two tries with the printed code."""
    statuses = []
    for _ in range(2):
        request = Request(f"{run.url}/v1/session", data=b"", headers={"Gimlet-Code": run.code, "Origin": run.url})
        try:
            with urlopen(request, timeout=20) as answer:
                statuses.append(answer.status)
        except HTTPError as error:
            with error:
                statuses.append(error.code)
    return statuses


def commit(work: Path, text: str) -> str:
    (work / "greeting.txt").write_text(text)
    git("commit", "-q", "-a", "-m", text, cwd=work)
    return git("rev-parse", "HEAD", cwd=work)


def test_what_is_asked_for_is_read_from_the_environment() -> None:
    assert Options.read({}) == Options(8000, Path(".local").resolve(), False, "", "")
    assert Options.read({"FRESH": "1", "PORT": "9", "CLUSTER": "real", "STATE_DIR": "/x"}) == Options(
        9, Path("/x"), True, "real", ""
    )


@pytest.mark.parametrize("environ", [{"PORT": "x"}, {"PORT": "70000"}, {"CLUSTER": "kind"}])
def test_what_can_t_be_meant_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(Refused):
        Options.read(environ)


def test_a_folder_that_holds_something_else_survives_fresh(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years")

    with pytest.raises(Refused):
        own_folder(tmp_path, fresh=True)

    assert (tmp_path / "thesis.txt").read_text() == "years"


def test_fresh_empties_our_folder_and_nothing_that_it_links_to(tmp_path: Path) -> None:
    state, outside = tmp_path / "state", tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    own_folder(state, fresh=False)
    (state / "git").mkdir()
    (state / "git" / "x").touch()
    (state / "link").symlink_to(outside)

    own_folder(state, fresh=True)

    assert [entry.name for entry in state.iterdir()] == [MARK]
    assert (outside / "kept").exists()


def test_fresh_leaves_a_running_system_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.local.saves.LOCK_TIMEOUT_SECONDS", 0.1)
    own_folder(tmp_path, fresh=False)
    running = Saves(tmp_path / "aws")
    running.lock()
    (tmp_path / "aws" / "current").write_text("save-1")

    with pytest.raises(StateInUse):
        own_folder(tmp_path, fresh=True)

    assert (tmp_path / "aws" / "current").exists()
    running.unlock()


def test_a_taken_port_gives_way_to_the_next_free_one(taken_port: int) -> None:
    assert free_port(taken_port) > taken_port


def test_what_is_remembered_is_for_its_owner_only(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "demo.json")
    memory.keep(a="1")
    memory.keep(b="2")

    again = Memory(tmp_path / "demo.json")

    assert (again.get("a"), again.get("b"), again.get("c")) == ("1", "2", "")
    assert (tmp_path / "demo.json").stat().st_mode & 0o777 == 0o600


def test_a_secret_that_was_not_kept_is_named(tmp_path: Path) -> None:
    seed = Seed(cast(Any, None), "http://localhost:1", Memory(tmp_path / "demo.json"))

    with pytest.raises(Incomplete, match=r"agent_key\.staging"):
        seed.agent_key("staging")

"""README's tour, run as it is written: the commands are read from it, only the port is another."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import create_server
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.house.sources import ROOT

READY_SECONDS = 120
RELEASE_SECONDS = 60
STOP_SECONDS = 30
T = TypeVar("T")
TOKEN = "gim_tourtourtourtour_" + "t" * 43
PERSON = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
}
COMMANDS = re.findall(r"^\$ (.+)$", (ROOT / "README.md").read_text(), re.MULTILINE)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[str]:
    """The address of what README's first command serves."""
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = os.environ | {
        "PORT": str(port),
        "STATE_DIR": str(tmp_path / "state"),
        "GIMLET_LOCAL_TOKEN": TOKEN,
        "PYTHONUNBUFFERED": "1",
    }
    with (tmp_path / "run.log").open("w+") as log:
        running = subprocess.Popen(
            COMMANDS[0].split(), cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait(lambda: "Clone" in (tmp_path / "run.log").read_text(), READY_SECONDS, lambda: log.name)
            yield f"http://localhost:{port}"
        finally:
            _stop(running)


def test_the_tour_works_as_written(origin: str, tmp_path: Path) -> None:
    clone, push, break_it = COMMANDS[1:4]

    _shell(clone.replace("http://localhost:8000", origin), tmp_path)
    _shell(push, tmp_path / "shop")
    tried = _release(origin, "Try it", "live")
    _shell(break_it, tmp_path / "shop")
    broken = _release(origin, "Break it", "unhealthy")
    _post(f"{origin}/v1/apps/staging/shop/rollback", {"release_id": tried["id"]})
    restored = _wait(lambda: _find(origin, lambda one: one["kind"] == "rollback" and one["state"] == "live"))

    assert {hop["name"]: hop["state"] for hop in broken["hops"]}["applied"] == "done"
    assert {hop["name"]: hop["state"] for hop in broken["hops"]}["healthy"] == "failed"
    assert "does-not-exist" in broken["reason"]["text"]
    assert restored["version"]["sha"] == tried["version"]["sha"]


def _stop(running: subprocess.Popen[bytes]) -> None:
    """Ctrl-C, as a terminal does it; what does not stop by it fails the test and is ended."""
    os.killpg(running.pid, signal.SIGINT)
    try:
        running.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        raise


def test_the_tour_has_four_commands() -> None:
    assert len(COMMANDS) == 4


def _shell(command: str, folder: Path) -> None:
    done = subprocess.run(
        ["bash", "-euc", command],
        cwd=folder,
        env=os.environ | PERSON,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def _release(origin: str, message: str, state: str) -> dict[str, Any]:
    """The release to staging of the commit with `message`, once it is in `state`."""

    def is_it(one: dict[str, Any]) -> bool:
        return bool(one.get("version", {}).get("message") == message and one["state"] == state)

    return _wait(lambda: _find(origin, is_it), told=lambda: json.dumps(_releases(origin)[:1]))


def _find(origin: str, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
    return next((one for one in _releases(origin) if is_it(one)), None)


def _releases(origin: str) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = _call(Request(f"{origin}/v1/apps/staging/shop"))["releases"]
    except HTTPError as error:
        if error.code == 404:  # the first push is not decided yet
            return []
        raise
    return found


def _post(url: str, body: dict[str, Any]) -> None:
    _call(Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"}))


def _call(request: Request) -> Any:
    request.add_header("Authorization", f"Bearer {TOKEN}")
    with urlopen(request, timeout=30) as answer:
        return json.load(answer)


def _wait(is_there: Callable[[], T | None], seconds: float = RELEASE_SECONDS, told: Callable[[], str] = str) -> T:
    """What `is_there` gives, once it gives something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := is_there():
            return found
        time.sleep(0.2)
    raise AssertionError(f"not after {seconds} s: {told()}")

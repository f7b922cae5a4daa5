"""The demo as `make run` starts it: how soon it is ready, what it takes of memory, and how soon a commit is shown.

Shown means: the app's card arrives at a WebSocket that subscribed to the topic `apps`, as the page does. The instant
of a commit is that of its ref in the GitOps repository. Seconds are for people; the memory of the one process that
serves everything is judged.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.bench.rows import Row, high_water_mib, quantiles, row
from tests.e2e.demo import TOKEN, Demo
from tests.road.world import Checkout, git, send, wait_until

PUSHES = {True: 3, False: 20}  # by `short`
SHOWN_SECONDS = 60.0
# One process holds the gateway, the functions with their SDK, the emulated AWS and the stand-in cluster: 170 MiB after
# the first releases. The rest is room for what the emulated AWS keeps in memory while somebody works with it.
MEMORY_BUDGET_MIB = 300
ENVIRONMENT = "staging"


def run(short: bool) -> list[Row]:
    """Start it on an empty folder, push to it, start it again on what it kept."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        demo = Demo(folder / "state", cluster="demo")
        with demo:
            rows = [row("make_run.ready_first_time", demo.ready_after_seconds, "s")]
            rows += commit_to_shown(demo, folder, PUSHES[short])
            rows += memory(demo, "first_run")
        with demo:
            rows.append(row("make_run.ready_again", demo.ready_after_seconds, "s", aim_s=5))
            rows += memory(demo, "again")
        return rows


def memory(demo: Demo, when: str) -> Iterator[Row]:
    """The process that serves everything, judged; and all that it started together, for people."""
    yield row(f"make_run.memory.{when}", high_water_mib(demo.pid), "MiB", MEMORY_BUDGET_MIB)
    started = list(descendants(demo.pid))
    yield row(f"make_run.memory.{when}.children", sum(map(child_mib, started)), "MiB", processes=len(started))


def descendants(pid: int) -> Iterator[int]:
    """The processes that a process started, and theirs."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                yield from (child, *descendants(child))


def child_mib(pid: int) -> float:
    """Memory of a child that may end at any moment."""
    try:
        return high_water_mib(pid)
    except (OSError, StopIteration):
        return 0.0


def commit_to_shown(demo: Demo, folder: Path, pushes: int) -> list[Row]:
    """Push, and note when the card shows the commit as desired, and when it shows it live and healthy."""
    git(folder, "clone", "-q", demo.clone_url, "shop")
    shop = Checkout(folder / "shop")
    gitops = demo.state_dir / "git" / "gitops.git" / "refs" / "heads" / "main"
    desired: list[float] = []
    live: list[float] = []
    first = git(shop.folder, "rev-parse", "HEAD").strip()
    wait_until("live first release", lambda: any(is_live(card, first) for card in cards(demo)), SHOWN_SECONDS)
    with subscribed(demo) as socket:
        for number in range(pushes):
            sha = shop.push(f"Greet {number}", {"greeting.txt": f"hello {number}\n"})
            shown_at = wait_for(socket, lambda card, sha=sha: is_desired(card, sha))  # type: ignore[misc] # bound now
            committed_at = gitops.stat().st_mtime
            live_at = wait_for(socket, lambda card, sha=sha: is_live(card, sha))  # type: ignore[misc] # bound now
            desired.append(shown_at - committed_at)
            live.append(live_at - committed_at)
    return quantiles("commit_to_shown.desired", desired) + quantiles("commit_to_shown.live", live)


def subscribed(demo: Demo) -> ClientConnection:
    """A browser's socket on the topic `apps`, once its subscription was answered."""
    own = {"Cookie": signed_in(demo), "Origin": demo.url, "X-Gimlet-CSRF": "1"}
    issued = send(Request(f"{demo.url}/v1/session/ticket", b"", own, method="POST"))
    assert issued.status == 201, issued
    offered = [Subprotocol("gimlet.v1"), Subprotocol(f"ticket.{issued.body['ticket']}")]
    url = demo.url.replace("http", "ws", 1) + "/ws"
    socket = connect(url, subprotocols=offered, origin=None, open_timeout=30)
    socket.send(json.dumps({"type": "subscribe", "topic": "apps"}))
    assert json.loads(socket.recv(timeout=30))["type"] == "floor"
    return socket


def cards(demo: Demo) -> list[dict[str, Any]]:
    """The environment's cards, as the API answers them."""
    asked = Request(f"{demo.url}/v1/apps", headers={"Authorization": f"Bearer {TOKEN}"})
    shown = [each["body"] for app in send(asked).body["items"] for each in app["environments"]]
    return [card for card in shown if card and card["environment"] == ENVIRONMENT]


def signed_in(demo: Demo) -> str:
    """The session's cookie, for the one-time code of the printed link."""
    code = demo.link.partition("#code=")[2]
    with urlopen(Request(f"{demo.url}/v1/session", b"", {"Gimlet-Code": code}, method="POST"), timeout=30) as answer:
        return str(answer.headers["Set-Cookie"]).partition(";")[0]


def wait_for(socket: ClientConnection, fits: Callable[[dict[str, Any]], bool]) -> float:
    """When (unix seconds) a card of the environment arrived that fits."""
    ends_at = time.monotonic() + SHOWN_SECONDS
    while (left := ends_at - time.monotonic()) > 0:
        message = json.loads(socket.recv(timeout=left))
        arrived_at = time.time()
        bodies = [doc.get("body") or {} for doc in message.get("docs", [])]
        if any(body.get("environment") == ENVIRONMENT and fits(body) for body in bodies):
            return arrived_at
    raise TimeoutError(f"no such card in {SHOWN_SECONDS} s")


def is_desired(card: dict[str, Any], sha: str) -> bool:
    """Whether Git holds this version, by the card."""
    return bool((card.get("desired") or {}).get("sha") == sha)


def is_live(card: dict[str, Any], sha: str) -> bool:
    """Whether the release is live and the pods run this version, by the card."""
    runs = (card.get("live") or {}).get("commit") == sha
    return is_desired(card, sha) and runs and card["desired"].get("state") == "live"

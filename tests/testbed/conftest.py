"""One real cluster for the suite, with a git host to apply from and a listener for Flux' events."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from infra.local.git_server import GitServer
from infra.testbed.cluster import Cluster
from infra.testbed.parts import CONTROL_PLANE, FLUX, missing


@dataclass(frozen=True, slots=True)
class EventListener:
    """Keeps what Flux' controllers post."""

    received: list[dict[str, Any]] = field(default_factory=list)

    def reasons(self, kind: str, name: str) -> set[str]:
        """Why the controllers spoke of one object."""
        about = [event for event in self.received if event["involvedObject"]["kind"] == kind]
        return {event["reason"] for event in about if event["involvedObject"]["name"] == name}


@pytest.fixture(scope="session")
def parts() -> None:
    """Skips the suite, in words, where its parts were not built."""
    if absent := missing((*CONTROL_PLANE, *FLUX)):
        names = " ".join(absent)
        pytest.skip(
            f"the suite of the real cluster (tests/testbed) is left out, because {names} was not built; "
            f"build with: python -m infra.testbed.build {names}"
        )


@pytest.fixture(scope="session")
def events() -> Iterator[tuple[str, EventListener]]:
    """A URL for events, and what was posted to it."""
    listener = EventListener()

    class Recorder(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            listener.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", listener
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def cluster(
    parts: None, tmp_path_factory: pytest.TempPathFactory, events: tuple[str, EventListener]
) -> Iterator[Cluster]:
    """A cluster with Flux, that posts its events to `events`."""
    with Cluster(tmp_path_factory.mktemp("cluster"), events_address=events[0]) as running:
        yield running


@pytest.fixture
def git_host(tmp_path: Path) -> Iterator[GitServer]:
    """An empty git host."""
    with GitServer(tmp_path / "git") as server:
        yield server

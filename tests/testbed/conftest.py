"""One real cluster for the suite, with a git host to apply from and a listener for Flux' events."""

import json
from collections.abc import Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Self

import pytest

from infra.local.git_server import GitServer
from infra.testbed.cluster import Cluster
from infra.testbed.parts import CONTROL_PLANE, FLUX, missing


class Listener:
    """Keeps what is posted to `url`, while in `with`."""

    def __init__(self) -> None:
        posts: list[tuple[Message, bytes]] = []

        class Recorder(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                posts.append((self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(202)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.posts = posts
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,))
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def find(self, name: str, reason: str) -> tuple[Message, bytes] | None:
        """The first post that tells `reason` of the object `name`."""
        for headers, body in list(self.posts):
            event = json.loads(body)
            if event["involvedObject"]["name"] == name and event["reason"] == reason:
                return headers, body
        return None


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
def events() -> Iterator[Listener]:
    """What Flux' controllers say about their work."""
    with Listener() as listener:
        yield listener


@pytest.fixture(scope="session")
def cluster(parts: None, tmp_path_factory: pytest.TempPathFactory, events: Listener) -> Iterator[Cluster]:
    """A cluster with Flux, that posts its events to `events`."""
    with Cluster(tmp_path_factory.mktemp("cluster"), events_address=events.url) as running:
        yield running


@pytest.fixture
def git_host(tmp_path: Path) -> Iterator[GitServer]:
    """An empty git host."""
    with GitServer(tmp_path / "git") as server:
        yield server

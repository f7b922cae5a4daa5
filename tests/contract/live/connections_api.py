"""The `@connections` API of API Gateway on loopback: posts, looks, closes; with sockets that are gone or stuck."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import ClassVar
from urllib.parse import unquote


@dataclass
class ConnectionsApi:
    """What it was told, and how it is to behave."""

    endpoint: str = ""
    sent: list[tuple[str, str]] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    stuck: set[str] = field(default_factory=set)
    throttled: set[str] = field(default_factory=set)
    active_at: dict[str, str] = field(default_factory=dict)
    stopping: Event = field(default_factory=Event)


class _Handler(BaseHTTPRequestHandler):
    api: ClassVar[ConnectionsApi]

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self._is_refused():
            return
        self.api.sent.append((self._name, text))
        self._answer(200)

    def do_DELETE(self) -> None:
        if not self._is_refused():
            self.api.closed.append(self._name)
            self._answer(204)

    def do_GET(self) -> None:
        if not self._is_refused():
            self._answer(200, {"lastActiveAt": self.api.active_at[self._name]})

    @property
    def _name(self) -> str:
        return unquote(self.path.rsplit("/", 1)[-1])

    def _is_refused(self) -> bool:
        if self._name in self.api.stuck:
            self.api.stopping.wait(5)
            return True
        if self._name in self.api.gone:
            self._answer(410, kind="GoneException")
            return True
        if self._name in self.api.throttled:
            self._answer(429, kind="LimitExceededException")
            return True
        return False

    def _answer(self, status: int, body: dict[str, str] | None = None, kind: str = "") -> None:
        data = json.dumps(body or {}).encode() if status != 204 else b""
        self.send_response(status)
        if kind:
            self.send_header("x-amzn-ErrorType", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def connections_api() -> Iterator[ConnectionsApi]:
    """Serve one on a free port of 127.0.0.1."""
    api = ConnectionsApi()
    handler = type("Handler", (_Handler,), {"api": api})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    api.endpoint = f"http://127.0.0.1:{server.server_address[1]}/ws"
    try:
        yield api
    finally:
        api.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join(5)

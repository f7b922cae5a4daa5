"""A proxy in front of the emulated services: counts calls by kind, and kills a process at a chosen one.

It knows nothing of the product: the process dies where it is, by SIGKILL, before the call is passed on or after it
was, so that its answer is lost.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 30
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host"})


@dataclass(frozen=True)
class Point:
    """Kill at the `number`-th call of `kind`, before or after the call was passed on."""

    kind: str
    number: int
    passed_on: bool


class _QuietServer(ThreadingHTTPServer):
    """Says nothing of connections that a killed process left."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type] # as it came


@dataclass
class CountingProxy:
    """Listens on loopback; set `target` before it is used."""

    target: str = ""
    victim: Callable[[], int] = lambda: 0
    point: Point | None = None
    killed: threading.Event = field(default_factory=threading.Event)
    counts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                proxy.handle(self)

            do_GET = do_PUT = do_DELETE = do_HEAD = do_POST  # noqa: N815 - names of the base class

            def log_message(self, format: str, *_: object) -> None:
                return

        self._server = _QuietServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where the functions are to reach AWS."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def arm(self, point: Point | None) -> None:
        """Count from zero again, and kill at `point`, once."""
        with self._lock:
            self.counts.clear()
            self.killed.clear()
            self.point = point

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        """Pass one call on, unless this is the one."""
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        kind = kind_of(request)
        hit = self._count(kind)
        if hit is not None and not hit.passed_on:
            self._kill(request)
            return
        answer = self._forward(request, body)
        if hit is not None:
            self._kill(request)
            return
        self._reply(request, *answer)

    def _count(self, kind: str) -> Point | None:
        with self._lock:
            self.counts[kind] += 1
            point = self.point
            if point is None or point.kind != kind or self.counts[kind] != point.number:
                return None
            self.point = None
            return point

    def _kill(self, request: BaseHTTPRequestHandler) -> None:
        os.kill(self.victim(), signal.SIGKILL)
        request.close_connection = True
        self.killed.set()

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = HTTPConnection(urlsplit(self.target).netloc, timeout=TIMEOUT_SECONDS)
        try:
            headers = {name: value for name, value in request.headers.items() if name.lower() != "connection"}
            connection.request(request.command, request.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    @staticmethod
    def _reply(request: BaseHTTPRequestHandler, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        try:
            request.send_response_only(status)
            for name, value in headers:
                if name.lower() not in HOP_BY_HOP:
                    request.send_header(name, value)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            request.close_connection = True  # the asker is gone: it was killed by another call


def kind_of(request: BaseHTTPRequestHandler) -> str:
    """`DynamoDB.GetItem`, `SQS.SendMessage`, `SSM.GetParameter`, `S3.PUT` …"""
    target = str(request.headers.get("X-Amz-Target", ""))
    if target:
        service, _, operation = target.partition(".")
        return f"{service.split('_')[0].removeprefix('Amazon')}.{operation}"
    return f"S3.{request.command}"

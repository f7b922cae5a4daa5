"""A smart-HTTP git host on loopback, for `make run`, the tests and Flux.

Each request runs `git http-backend`; bodies are streamed both ways, so that a large push or clone never sits in
memory. It serves the three addresses of the smart protocol and nothing else: no dumb protocol, no browsing, no users
(at most one password for all). After a push it hands over which refs moved: that is its webhook.
"""

from __future__ import annotations

import base64
import hmac
import os
import re
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader
from pathlib import Path
from typing import IO, cast
from urllib.parse import urlsplit

from infra.local.git_push import Pushed, RefChange

PIECE_BYTES = 64 * 1024
BACKEND_TIMEOUT_SECONDS = 300
IDLE_TIMEOUT_SECONDS = 60
_ADDRESS = re.compile(
    r"/(?P<repository>[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*){0,3}\.git)"
    r"/(?P<service>info/refs|git-upload-pack|git-receive-pack)"
)
_CONFIG = {
    "safe.directory": "*",
    "http.receivepack": "true",
    "uploadpack.allowFilter": "true",
    "uploadpack.allowAnySHA1InWant": "true",
    "gc.autoDetach": "false",  # nothing we start may outlive us
}


OnPush = Callable[[str, list[RefChange]], None]


class GitServer:
    """Serves the bare repositories below `root` at `url`/<name>.git until stopped; usable in `with`.

    `on_push(repository, changes)` runs after the refs moved and before the client hears the end of its push, in that
    request's thread: it must hand over and return. `repository` is the path below `root` without `.git`.
    With a `password`, every request must carry it (HTTP basic, any user name).
    """

    def __init__(
        self, root: Path, *, port: int = 0, password: str | None = None, on_push: OnPush | None = None
    ) -> None:
        self.root = root.resolve()
        self.password = password
        self.on_push = on_push
        self._http = _Server(("127.0.0.1", port), _Request)
        self._http.git = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="git-server", daemon=True)

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def url_of(self, name: str) -> str:
        return f"{self.url}/{name}.git"

    def path_of(self, name: str) -> Path:
        return self.root / f"{name}.git"

    def create(self, name: str, branch: str = "main") -> Path:
        """Make the bare repository `name` (as in `acme/shop`) unless it is there; return its folder."""
        path = self.path_of(name)
        if not (path / "HEAD").exists():
            command = ["git", "init", "--quiet", "--bare", f"--initial-branch={branch}", str(path)]
            subprocess.run(command, check=True, env=_environment(), timeout=BACKEND_TIMEOUT_SECONDS)
        return path

    def start(self) -> GitServer:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening and wait for the listener; requests under way end by themselves."""
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join()
        self._http.server_close()

    def __enter__(self) -> GitServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    git: GitServer
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news; anything else is a bug, and is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # the base names a private alias


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_TIMEOUT_SECONDS
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        address = _ADDRESS.fullmatch(urlsplit(path).path)
        if not self._is_allowed():
            self._refuse(401, ("WWW-Authenticate", 'Basic realm="git"'))
        elif address is None or not self.server.git.root.joinpath(address["repository"], "HEAD").is_file():
            self._refuse(404)
        else:
            self._answer(address["repository"], address["service"], query)

    def _is_allowed(self) -> bool:
        password = self.server.git.password
        if password is None:
            return True
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        try:
            given = base64.b64decode(value, validate=True).partition(b":")[2]
        except ValueError:
            return False
        return kind.lower() == "basic" and hmac.compare_digest(given, password.encode())

    def _refuse(self, status: int, *headers: tuple[str, str]) -> None:
        self.close_connection = True  # the body was not read
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", "0"), ("Connection", "close")):
            self.send_header(name, value)
        self.end_headers()

    def _answer(self, repository: str, service: str, query: str) -> None:
        pushed = Pushed() if service == "git-receive-pack" else None
        backend = subprocess.Popen(
            ["git", "http-backend"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._backend_environment(f"/{repository}/{service}", query),
        )
        watch = threading.Timer(BACKEND_TIMEOUT_SECONDS, backend.kill)
        watch.start()
        feeder = threading.Thread(target=self._feed, args=(cast(IO[bytes], backend.stdin), pushed), daemon=True)
        feeder.start()
        try:
            with cast(BufferedReader, backend.stdout) as stdout:
                self._relay(stdout, repository, pushed)
        finally:
            watch.cancel()
            backend.kill()
            backend.wait()
            feeder.join()

    def _backend_environment(self, path: str, query: str) -> dict[str, str]:
        return _environment() | {
            "GIT_PROJECT_ROOT": str(self.server.git.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_USER": "local",
        }

    def _feed(self, stdin: IO[bytes], pushed: Pushed | None) -> None:
        """Copy the body to the backend, unpacked; without CONTENT_LENGTH it reads to the end of the stream."""
        try:
            for piece in self._body():
                if pushed is not None:
                    pushed.ask(piece)
                stdin.write(piece)
        except (OSError, ValueError, zlib.error):
            self.close_connection = True  # either side went away, or the body is broken: what was read is all there is
        finally:
            try:
                stdin.close()
            except OSError:
                self.close_connection = True

    def _body(self) -> Iterator[bytes]:
        pieces = self._chunks() if "chunked" in self.headers.get("Transfer-Encoding", "").lower() else self._sized()
        if self.headers.get("Content-Encoding", "").lower() not in ("gzip", "x-gzip"):
            yield from pieces
            return
        unpack = zlib.decompressobj(wbits=31)
        for piece in pieces:
            while piece:
                yield unpack.decompress(piece, PIECE_BYTES)
                piece = unpack.unconsumed_tail
        yield unpack.flush()

    def _sized(self, size_bytes: int | None = None) -> Iterator[bytes]:
        left = int(self.headers.get("Content-Length") or 0) if size_bytes is None else size_bytes
        while left > 0:
            piece = self.rfile.read1(min(left, PIECE_BYTES))
            if not piece:
                raise ValueError("the body ended early")
            left -= len(piece)
            yield piece

    def _chunks(self) -> Iterator[bytes]:
        while size_bytes := int(self.rfile.readline(64).split(b";")[0], 16):
            yield from self._sized(size_bytes)
            self.rfile.readline(64)
        while self.rfile.readline(4096) not in (b"\r\n", b"\n", b""):
            continue  # trailers

    def _relay(self, stdout: BufferedReader, repository: str, pushed: Pushed | None) -> None:
        status, headers = 200, []
        while (line := stdout.readline().strip()) != b"":
            name, _, value = line.decode("latin-1").partition(": ")
            if name.lower() == "status":
                status = int(value.split()[0])
            else:
                headers.append((name, value))
        self.send_response(status)
        for name, value in (*headers, ("Transfer-Encoding", "chunked")):
            self.send_header(name, value)
        self.end_headers()
        while piece := stdout.read1(PIECE_BYTES):
            if pushed is not None:
                pushed.answer(piece)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self._tell(repository, pushed)
        self.wfile.write(b"0\r\n\r\n")

    def _tell(self, repository: str, pushed: Pushed | None) -> None:
        on_push = self.server.git.on_push
        changes = pushed.changes() if pushed is not None else []
        if on_push is not None and changes:
            on_push(repository.removesuffix(".git"), changes)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a git client reports its own failures, and addresses are not for logs."""


def _environment() -> dict[str, str]:
    """What every git of ours runs with: nothing from this machine's or this user's settings."""
    numbered = enumerate(_CONFIG.items())
    pairs = {f"GIT_CONFIG_{kind}_{n}": item[i] for n, item in numbered for i, kind in enumerate(("KEY", "VALUE"))}
    return {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_COUNT": str(len(_CONFIG)),
        **pairs,
    }

"""MiniStack as this machine's AWS: embedded in a thread, its state saved while it runs.

It serves DynamoDB, SQS, S3 and SSM on a free loopback port. MiniStack by itself saves only on a clean stop; here its
state is saved twice a second while something changes. One instance a process: MiniStack's state is global.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from infra.local.saves import SAVE_TIMEOUT_SECONDS, Saves

REGION = "us-east-1"
ACCOUNT = "000000000000"
SAVE_PERIOD_SECONDS = 0.5
STREAM_RETENTION_SECONDS = 15 * 60  # AWS keeps a day; all of it would be in memory here
START_TIMEOUT_SECONDS = 30.0
CREDENTIALS = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": REGION}
_READS = re.compile(r"\.(Get|Query|Scan|BatchGet|TransactGet|Describe|List|Receive)")

OnWrite = Callable[[str], None]


class MiniStack:
    """An AWS on loopback at `.endpoint`, from `start()` to `stop()`; usable in `with`.

    With a `state_dir` its state survives. `on_write(action)` runs in MiniStack's own thread after each request that
    may have changed something, with the action's name as in `AmazonSQS.SendMessage` ("" for S3): it must hand over
    and return.
    """

    _running: MiniStack | None = None

    def __init__(self, state_dir: Path | None = None, *, port: int = 0, on_write: OnWrite | None = None) -> None:
        self._saves = Saves(state_dir) if state_dir is not None else None
        self._on_write = on_write
        self._socket = socket.create_server(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._run, name="ministack", daemon=True)
        self._ready = threading.Event()
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._writes = 0

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> MiniStack:
        """Serve, with the state of the last save; return when requests are answered.

        Raises:
            StateInUse: another system runs on the same folder.
        """
        if MiniStack._running is not None:
            raise RuntimeError("MiniStack's state is global: one instance a process")
        MiniStack._running = self
        if self._saves is not None:
            self._saves.lock()
        _prepare(self.port, self._saves)
        self._thread.start()
        if not self._ready.wait(START_TIMEOUT_SECONDS) or self._failure is not None:
            raise RuntimeError("MiniStack did not start") from self._failure
        return self

    def stop(self) -> None:
        """Save, stop serving, forget."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2 * SAVE_TIMEOUT_SECONDS)
        self._socket.close()
        if self._saves is not None:
            self._saves.unlock()
        if MiniStack._running is self:
            MiniStack._running = None

    def __enter__(self) -> MiniStack:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
            raise
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        from hypercorn.asyncio import serve
        from hypercorn.config import Config

        config = Config()
        config.bind = [f"fd://{os.dup(self._socket.fileno())}"]
        config.graceful_timeout = 0.2
        config.keep_alive_timeout = 300
        config.accesslog = config.errorlog = None
        await serve(self._application, config, shutdown_trigger=self._stopped)  # type: ignore[arg-type]

    async def _stopped(self) -> None:
        """Save whenever something changed, until told to stop; then save a last time."""
        self._ready.set()
        saved = 0
        while not self._stop.is_set():
            started_at, seen = time.monotonic(), self._writes
            if self._saves is not None and saved != seen and await self._saves.save():
                saved = seen
            await asyncio.to_thread(self._stop.wait, max(0.0, started_at + SAVE_PERIOD_SECONDS - time.monotonic()))
        if self._saves is not None:
            await self._saves.save()

    async def _application(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        from ministack.app import app

        served: Callable[..., Awaitable[None]] = app
        await served(scope, receive, send)
        if scope["type"] == "http":
            self._note(scope)

    def _note(self, scope: dict[str, Any]) -> None:
        headers = dict(scope["headers"])
        action = headers.get(b"x-amz-target", b"").decode("latin-1")
        if (action and _READS.search(action)) or (not action and scope["method"] in ("GET", "HEAD")):
            return
        self._writes += 1
        if self._on_write is not None:
            self._on_write(action)


def _prepare(port: int, saves: Saves | None) -> None:
    """Import MiniStack set up for loopback, or wipe what an earlier instance of this process left, and aim it."""
    with _environment(port):
        from ministack import app
        from ministack.core import persistence
        from ministack.services import dynamodb, s3
    dynamodb._STREAM_RETENTION_SECONDS = STREAM_RETENTION_SECONDS
    _point(app, persistence, s3, None)
    app._reset_all_state()
    _point(app, persistence, s3, saves)
    s3._load_persisted_data()


def _point(app: ModuleType, persistence: ModuleType, s3: ModuleType, saves: Saves | None) -> None:
    app.PERSIST_STATE = persistence.PERSIST_STATE = s3.S3_PERSIST = saves is not None  # type: ignore[attr-defined]
    if saves is not None:
        persistence.STATE_DIR = str(saves.current)  # type: ignore[attr-defined]
        s3.DATA_DIR = str(saves.objects)  # type: ignore[attr-defined]


@contextlib.contextmanager
def _environment(port: int) -> Iterator[None]:
    """What MiniStack reads while it is imported, and only then."""
    wanted = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "ERROR",
        "DOCKER_HOST": "unix:///nonexistent",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

"""`make run` as a person starts it: a process of its own, read from its terminal, stopped by Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "gim_0123456789abcdef_" + "e" * 43
START_SECONDS = 180
STOP_SECONDS = 60


class Demo:
    """A running `make run`; `with` starts and stops it."""

    def __init__(self, state_dir: Path, *, cluster: str) -> None:
        self.state_dir = state_dir
        self.cluster = cluster
        self.link = ""
        self.clone_url = ""
        self.ready_after_seconds = 0.0
        self._process: subprocess.Popen[str] | None = None
        self._output = state_dir.parent / f"{state_dir.name}.out"

    def __enter__(self) -> Demo:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The public origin."""
        return self.link.partition("/#")[0]

    @property
    def pid(self) -> int:
        """The process that serves everything; 0 when it does not run."""
        return self._process.pid if self._process else 0

    @property
    def output(self) -> str:
        """All it has printed so far."""
        return self._output.read_text() if self._output.exists() else ""

    def start(self) -> Demo:
        """Start it and wait until it has printed its links."""
        began = time.monotonic()
        own = {
            "PORT": str(free_port()),
            "STATE_DIR": str(self.state_dir),
            "CLUSTER": self.cluster,
            "GIMLET_LOCAL_TOKEN": TOKEN,
        }
        with self._output.open("w") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "infra.local"],
                cwd=ROOT,
                env={**os.environ, **own},
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        while not (found := re.search(r"Sign in +(\S+)\n +Clone +git clone (\S+)", self.output)):
            assert self._process.poll() is None, self.output
            assert time.monotonic() - began < START_SECONDS, self.output
            time.sleep(0.05)
        self.link, self.clone_url = found.groups()
        self.ready_after_seconds = time.monotonic() - began
        return self

    def stop(self) -> None:
        """Ctrl-C, and wait for the end."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL the whole process at once."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(how)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port

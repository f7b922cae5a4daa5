"""Starts the real agent, one process an environment, each on a leash: it ends when we do, however we end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

STOP_TIMEOUT_SECONDS = 5
# `cat` ends when its standard input does: when we close it, or when the kernel does because we are gone.
_LEASH = '"$@" </dev/null & child=$!; cat >/dev/null; kill "$child" 2>/dev/null; wait "$child"'
_ROOT = Path(__file__).resolve().parents[2]


class Leashed:
    """A program in a session of its own that does not outlive this process; its output goes to `log`."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _LEASH, "leash", *command],
                cwd=_ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def let_go(self) -> None:
        """Let the program end; returns at once."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def stop(self) -> None:
        """Let go, and wait until the program ended."""
        self.let_go()
        try:
            self._process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, 9)
            self._process.wait()


def start_agent(url: str, key: str, kubeconfig: Path, log: Path) -> Leashed:
    """The agent of one environment: `url` is our public origin, `key` the environment's agent key."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    own = {"GIMLET_URL": url, "GIMLET_AGENT_KEY": key, "KUBECONFIG": str(kubeconfig)}
    return Leashed([sys.executable, "-m", "agent"], kept | own, log)

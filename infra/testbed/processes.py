"""Child processes that cannot outlive us.

Each child asks the kernel to kill it when its parent dies (prctl PR_SET_PDEATHSIG, through util-linux' `setpriv`), so
a test run that was killed leaves nothing behind. Linux only. Processes are ended by their own id, never by name.
"""

import contextlib
import os
import random
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

# The kernel's "parent" is the thread that forked (prctl(2)), so all children are started by one that never ends.
_STARTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="testbed-starter")
# Below the range that outgoing connections take theirs from (Linux: from 32768), so none takes a chosen port meanwhile.
_PORTS = range(20_000, 32_000)
POLL_SECONDS = 0.03
GRACE_SECONDS = 5.0


class NotReady(Exception):
    """Something was not ready in time, or ended instead; the message holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Child:
    """A running program and where its output goes."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def pid(self) -> int:
        """Its process id; `setpriv` replaces itself, so this is the program's own."""
        return self.process.pid

    def require_alive(self) -> None:
        """Check that the program still runs.

        Raises:
            NotReady: it ended.
        """
        code = self.process.poll()
        if code is not None:
            raise NotReady(f"{self.name} ended with {code}:\n{self.log_end()}")

    def log_end(self, size_bytes: int = 3000) -> str:
        """The last `size_bytes` of its output."""
        return self.log.read_bytes()[-size_bytes:].decode(errors="replace")

    def stop(self, *, gently: bool) -> None:
        """End the program and wait for it; `gently` gives it five seconds to finish its writing."""
        if gently:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(GRACE_SECONDS)
        self.process.kill()
        self.process.wait()


def start_child(name: str, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> Child:
    """Start `command` in the background, adding its output to `log`.

    It sees only a PATH, a HOME and `environment`: what the caller has set does not leak into the cluster.
    """
    clean = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", "/"), **(environment or {})}

    def fork() -> "subprocess.Popen[bytes]":
        with log.open("ab") as output:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=clean,
                start_new_session=True,  # Ctrl-C at a terminal reaches us, and we stop the children in order
            )

    return Child(name, _STARTER.submit(fork).result(), log)


def wait_for(what: str, ready: Callable[[], bool], *, timeout_seconds: float, children: Sequence[Child] = ()) -> None:
    """Ask `ready` again and again until it says yes; give up early when one of `children` ends.

    Raises:
        NotReady: it did not happen within `timeout_seconds`, or a child ended.
    """
    give_up_at = time.monotonic() + timeout_seconds
    while not ready():
        for child in children:
            child.require_alive()
        if time.monotonic() > give_up_at:
            logs = "".join(f"\n{child.name}:\n{child.log_end()}" for child in children)
            raise NotReady(f"{what}: not within {timeout_seconds:g} s{logs}")
        time.sleep(POLL_SECONDS)


def free_ports(count: int) -> list[int]:
    """`count` different loopback ports that nobody listens on now."""
    found: list[int] = []
    with contextlib.ExitStack() as held:
        for port in random.sample(_PORTS, len(_PORTS)):
            probe = held.enter_context(socket.socket())
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
            if len(found) == count:
                return found
    raise NotReady(f"fewer than {count} free ports between {_PORTS.start} and {_PORTS.stop}")

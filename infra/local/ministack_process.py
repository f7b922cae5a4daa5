"""MiniStack in a process of its own: `python -m infra.local.ministack_process`; prints its endpoint, stops with its
standard input. Tests use it, so that each pytest process has one beside a whole local system of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, cast

from infra.local.ministack import MiniStack

_ROOT = Path(__file__).resolve().parents[2]


class MiniStackProcess:
    """A MiniStack without kept state in a child process, at `.endpoint` while in `with`."""

    def __enter__(self) -> MiniStackProcess:
        command = [sys.executable, "-m", "infra.local.ministack_process"]
        self._child = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.endpoint = cast(IO[str], self._child.stdout).readline().strip()
        if not self.endpoint:
            raise RuntimeError("MiniStack did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cast(IO[str], self._child.stdin).close()
        try:
            self._child.wait(5)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        cast(IO[str], self._child.stdout).close()


def main() -> None:
    with MiniStack() as ministack:
        print(ministack.endpoint, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()

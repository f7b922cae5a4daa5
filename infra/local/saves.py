"""Saves of MiniStack's state, taken while it serves.

A forked child writes what the parent holds, as Redis does: the copy is of one instant, and serving goes on. A save is a
folder of its own and becomes the current one by one rename, so that a SIGKILL loses what was written after the last
save and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import fcntl
import gc
import json
import logging
import os
import shutil
import time
from pathlib import Path
from typing import IO

SAVE_TIMEOUT_SECONDS = 10.0
LOCK_TIMEOUT_SECONDS = 5.0
log = logging.getLogger(__name__)


class StateInUse(Exception):
    """Another system runs on the same state folder."""


class Saves:
    """The saves of one state folder: `save-<n>/` each, the name of the current one in `current`; S3 bodies beside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock: IO[str] | None = None

    @property
    def objects(self) -> Path:
        """Where MiniStack keeps the bodies of S3 objects, each written at once and by a rename of its own."""
        return self.folder / "objects"

    @property
    def current(self) -> Path:
        with contextlib.suppress(FileNotFoundError):
            return self.folder / (self.folder / "current").read_text().strip()
        return self.folder / "save-0"

    def lock(self) -> None:
        """Take the folder for this process and its saving children."""
        lock = (self.folder / "lock").open("w")
        deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._lock = lock
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    lock.close()
                    raise StateInUse(f"another system runs on {self.folder}") from None
                time.sleep(0.02)  # a child of a killed process may still be saving

    def unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    async def save(self) -> bool:
        """Write all that MiniStack holds at this instant; must run in MiniStack's own loop. Whether it succeeded:
        when not, the save before stays the current one."""
        number = int(self.current.name.removeprefix("save-")) + 1
        child = os.fork()
        if child == 0:
            self._save_and_exit(number)
        status = await asyncio.to_thread(_wait_for, child)
        if status != 0:
            log.error("saving the state failed with status %d", status)
        return status == 0

    def _save_and_exit(self, number: int) -> None:
        """In the child: let go of all sockets, write, leave without any clean-up of the parent's things."""
        try:
            keep = self._lock.fileno() if self._lock is not None else 2
            os.closerange(3, keep)
            os.closerange(keep + 1, os.sysconf("SC_OPEN_MAX"))
            _hurry()
            self._write(number)
        except BaseException:  # noqa: BLE001  the child must never run on as a second parent
            os._exit(1)
        os._exit(0)

    def _write(self, number: int) -> None:
        from ministack import app
        from ministack.core import persistence

        target = self.folder / f"save-{number}"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        persistence.STATE_DIR = str(target)
        states = app._build_persistence_save_dict()
        persistence.save_all(states)
        missing = [name for name in ("dynamodb", "sqs") if name in states and not (target / f"{name}.json").exists()]
        if missing:
            raise RuntimeError(f"not saved: {missing}")
        old = self.current
        (self.folder / "current.next").write_text(target.name)
        os.replace(self.folder / "current.next", self.folder / "current")
        shutil.rmtree(old, ignore_errors=True)


def _hurry() -> None:
    """In the child: all it sees is a copy already, so copy no more, and let the C encoder write each file."""
    gc.disable()
    copy.deepcopy = lambda value, *_: value
    json.dump = lambda value, file, **options: file.write(json.dumps(value, **options))


def _wait_for(child: int) -> int:
    deadline = time.monotonic() + SAVE_TIMEOUT_SECONDS
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        if time.monotonic() > deadline:
            os.kill(child, 9)
        time.sleep(0.005)

"""The warm clone: a bare, shallow, treeless copy of one repository, kept between uses and never trusted.

It holds commits; trees and files come as they are asked for (`git_objects`). Anything that looks wrong with it - a use
that was cut off, a command that fails, too many packs - ends in throwing it away, because making it again costs the
same whatever the repository's size. One use at a time, across threads and processes, by a lock file beside it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

from chalicelib.adapters.git_memory import Memories
from chalicelib.adapters.git_run import LIMITS, BrokenClone, Git, Limits, check_address
from chalicelib.core.errors import Failure, ScmUnavailable

LOCK_POLL_SECONDS = 0.005
LOOSE_FOLDERS = 256
_CONFIG = """[core]
	repositoryformatversion = 0
	bare = true
[remote "origin"]
	url = {url}
"""
_BUSY = b"busy"

T = TypeVar("T")


class WarmClone:
    """The clone of the repository at `url` below the folder `cache`, read with what `header` gives (a header line)."""

    def __init__(self, url: str, cache: Path, header: Callable[[], str | None], limits: Limits = LIMITS) -> None:
        check_address(url)
        self._limits = limits
        self.url = urlunsplit(urlsplit(url))
        name = sha256(self.url.encode()).hexdigest()[:32]
        self._header = header
        self._memory = Memories()
        self._folder = cache / f"{name}.git"
        self._lock_path = cache / f"{name}.lock"

    def use(self, work: Callable[[Git], T], *, may_renew: bool = False) -> T:
        """Run `work` alone on the clone; found broken, it is made again and `work` runs once more.

        `may_renew`: nothing in the clone is needed from before, so a worn one may be made again.

        Raises:
            ScmUnavailable: broken twice in a row, or in use by somebody else for too long.
        """
        header = self._header()
        with self._locked() as lock:
            git = Git(self._folder, self.url, header, lock, self._limits, self._memory)
            try:
                if may_renew and self._is_worn():
                    self._discard()
                return self._first_or_second(git, work)
            finally:
                if git.is_suspect:
                    self._discard()

    def _first_or_second(self, git: Git, work: Callable[[Git], T]) -> T:
        try:
            self._open(git)
            return work(git)
        except BrokenClone:
            self._discard()
        try:
            self._open(git)
            return work(git)
        except BrokenClone as error:
            self._discard()
            raise getattr(error, "failure", None) or self._unusable(error) from error

    def _unusable(self, error: BrokenClone) -> Failure:
        return ScmUnavailable(f"{self.url} does not give what git can use: {error}")

    def _open(self, git: Git) -> None:
        if not (self._folder / "HEAD").exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            git.local("init", "--quiet", "--bare", "--template=", "--initial-branch=none")
            (self._folder / "config").write_text(_CONFIG.format(url=self.url))

    def _is_worn(self) -> bool:
        """Whether it has gathered more than is good; a look into one of the 256 folders tells of all."""
        objects = self._folder / "objects"
        packs, loose = _count(objects / "pack", ".pack"), _count(objects / "17") * LOOSE_FOLDERS
        return packs > self._limits.max_packs or loose > self._limits.max_loose_objects

    def _discard(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """Hold the lock; its file says "busy" meanwhile, so that the next one learns of a use that was cut off."""
        self._lock_path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._wait_for(lock)
            if os.pread(lock, len(_BUSY), 0):
                self._discard()
            os.pwrite(lock, _BUSY, 0)
            try:
                yield lock
            finally:
                os.ftruncate(lock, 0)
        finally:
            os.close(lock)

    def _wait_for(self, lock: int) -> None:
        deadline = time.monotonic() + self._limits.lock_timeout_seconds
        while True:
            try:
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ScmUnavailable(f"the clone of {self.url} is in use") from None
                time.sleep(LOCK_POLL_SECONDS)


def _count(folder: Path, ending: str = "") -> int:
    return sum(1 for entry in os.scandir(folder) if entry.name.endswith(ending)) if folder.is_dir() else 0

"""Remembers what a step was made from, so that it runs again only when that changed.

A stamp is a file that holds a digest. It is written after the step ended well and never before.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STAMPS = ROOT / ".setup"


def digest_of(paths: Iterable[Path], *facts: str) -> str:
    """A digest of the content and place of the files under `paths`, and of `facts`; a path that is missing counts."""
    digest = hashlib.sha256()
    for fact in facts:
        digest.update(f"{fact}\0".encode())
    for path in sorted(files_under(paths)):
        digest.update(f"{path}\0".encode())
        digest.update(path.read_bytes() if path.is_file() else b"missing")
    return digest.hexdigest()


def files_under(paths: Iterable[Path]) -> Iterator[Path]:
    """Every file of the folders among `paths`, and the other paths as they are."""
    for path in paths:
        if path.is_dir():
            yield from (file for file in path.rglob("*") if file.is_file())
        else:
            yield path


def run_once(stamp: Path, digest: str, product: Path, step: Callable[[], None]) -> bool:
    """Run `step` unless `stamp` says that `product` was made from `digest`; whether it ran.

    Two callers at once do the step once: the second waits for the first.
    """
    if _is_done(stamp, digest, product):
        return False
    with _lock(stamp):
        if _is_done(stamp, digest, product):
            return False
        stamp.unlink(missing_ok=True)
        step()
        stamp.write_text(digest)
    return True


def _is_done(stamp: Path, digest: str, product: Path) -> bool:
    return product.exists() and stamp.is_file() and stamp.read_text() == digest


@contextmanager
def _lock(stamp: Path) -> Iterator[None]:
    stamp.parent.mkdir(parents=True, exist_ok=True)
    with stamp.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

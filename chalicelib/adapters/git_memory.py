"""What was read from a clone, kept in memory between uses: objects never change, so nothing here can be stale.

It forgets the oldest first, and bounds what it holds. It says nothing about what is on disk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

MAX_FILE_BYTES = 64 * 1024 * 1024  # a push takes at most 50 MB
MAX_TREE_ENTRIES = 200_000  # some 30 MB

MAX_ROOTS = 1_000
TREE = "40000"
_ENTRY = re.compile(rb"([0-7]{5,6}) ([^\0]+)\0(.{20})", re.DOTALL)  # a tree is only such entries
_FILES = ("100644", "100755", "100664")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a tree: its mode as git writes it and the object behind it."""

    mode: str
    sha: str

    @property
    def is_tree(self) -> bool:
        return self.mode == TREE

    @property
    def is_file(self) -> bool:
        return self.mode in _FILES


class Tree(Mapping[str, Entry]):
    """A raw tree's entries by name (undecodable bytes kept as surrogates); a folder may have tens of thousands, of
    which one or two are looked at, so each is made only when asked for."""

    __slots__ = ("_entries",)

    def __init__(self, raw: bytes) -> None:
        self._entries = {name: (mode, sha) for mode, name, sha in _ENTRY.findall(raw)}

    def __getitem__(self, name: str) -> Entry:
        mode, sha = self._entries[name.encode(errors="surrogateescape")]
        return Entry(mode.decode(), sha.hex())

    def __iter__(self) -> Iterator[str]:
        return (name.decode(errors="surrogateescape") for name in self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def differing(self, other: Tree) -> list[str]:
        """The names whose entries are not the same in both."""
        pairs = self._entries.items() ^ other._entries.items()
        return sorted({name.decode(errors="surrogateescape") for name, _ in pairs})


NO_TREE = Tree(b"")


class Memory(Generic[T]):
    """Values by hash, up to a total weight."""

    def __init__(self, max_weight: int, weigh: Callable[[T], int]) -> None:
        self._max_weight = max_weight
        self._weigh = weigh
        self._values: dict[str, T] = {}
        self._weight = 0
        self._lock = Lock()

    def get(self, sha: str) -> T | None:
        return self._values.get(sha)

    def keep(self, values: Mapping[str, T]) -> None:
        with self._lock:
            for sha, value in values.items():
                if sha not in self._values:
                    self._values[sha] = value
                    self._weight += self._weigh(value)
            while self._weight > self._max_weight:
                oldest = next(iter(self._values))
                self._weight -= self._weigh(self._values.pop(oldest))


@dataclass(frozen=True, slots=True)
class Memories:
    """Files by their hash, parsed trees by theirs, and the hash of each commit's tree."""

    files: Memory[bytes] = field(default_factory=lambda: Memory(MAX_FILE_BYTES, len))
    trees: Memory[Tree] = field(default_factory=lambda: Memory(MAX_TREE_ENTRIES, len))
    roots: Memory[str] = field(default_factory=lambda: Memory(MAX_ROOTS, lambda _: 1))

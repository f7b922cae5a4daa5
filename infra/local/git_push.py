"""What a push moves, read from the bytes of the smart protocol as they pass by (git-protocol-pack: receive-pack)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MAX_COMMANDS_BYTES = 4 * 1024 * 1024  # what is kept of a push to learn its refs; the pack behind it is not kept


@dataclass(frozen=True, slots=True)
class RefChange:
    """One ref that a push moved; 40 zeros stand for a ref that is not there."""

    ref: str
    before: str
    after: str


class Pushed:
    """Learns from the two streams of one push what it asked and which of it was done.

    Source: gitprotocol-pack, "Pushing Data To a Server" and "Report Status".
    """

    def __init__(self) -> None:
        self._asked = b""
        self._answered = b""

    def ask(self, piece: bytes) -> None:
        self._asked += piece[: MAX_COMMANDS_BYTES - len(self._asked)] if len(self._asked) < MAX_COMMANDS_BYTES else b""

    def answer(self, piece: bytes) -> None:
        self._answered += piece if len(self._answered) < MAX_COMMANDS_BYTES else b""

    def changes(self) -> list[RefChange]:
        report = b"".join(line[1:] for line in _lines(self._answered, until_flush=False) if line[:1] == b"\x01")
        done = {line.split(None, 1)[1].strip() for line in _lines(report or self._answered) if line[:3] == b"ok "}
        asked = (line.partition(b"\0")[0].strip() for line in _lines(self._asked))
        commands = (line.split(b" ", 2) for line in asked if not line.startswith(b"shallow "))
        return [RefChange(ref.decode(), old.decode(), new.decode()) for old, new, ref in commands if ref in done]


def _lines(stream: bytes, *, until_flush: bool = True) -> Iterator[bytes]:
    """The pkt-lines at the start of `stream` (gitprotocol-common), up to the first flush or something else."""
    at = 0
    while at + 4 <= len(stream):
        try:
            size = int(stream[at : at + 4], 16)
        except ValueError:
            return
        if size < 4 and until_flush:
            return
        if size > 4:
            yield stream[at + 4 : at + size]
        at += max(size, 4)

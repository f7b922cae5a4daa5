"""What the other side holds, as far as we know: per key the version stored, and what is on its way. Pure.

Bodies are not kept: a frame that gets lost makes its keys due again, and they are built anew. So unacknowledged output
always collapses to the latest per key, and memory grows with the number of keys only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from chalicelib.wire.codec import digest

ACK_SECONDS = 30.0  # a frame not acknowledged by then is taken for lost
MAX_FLIGHT_BYTES = 4 * 1024 * 1024


@dataclass(slots=True)
class Entry:
    """One key. `content` and `shape` are of what was last sent; none: it must go again whatever it says."""

    content: int | None = None
    shape: int | None = None
    sent_at: float | None = None
    stored_seq: int = 0  # the highest number acknowledged; 0: none
    stored_alive: bool = False  # false: that was a tombstone


@dataclass(slots=True)
class Sending:
    """A key in a frame; not alive: a tombstone."""

    key: str
    seq: int
    alive: bool


@dataclass(slots=True)
class Frame:
    """What was sent and not acknowledged."""

    sent_at: float
    size_bytes: int
    sendings: list[Sending] = field(default_factory=list)


class Ledger:
    """Entries by key and frames in flight."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.flight: dict[int, Frame] = {}
        self.flight_bytes = 0

    @property
    def is_full(self) -> bool:
        """True while nothing more may be sent."""
        return self.flight_bytes >= MAX_FLIGHT_BYTES

    def send(self, number: int, frame: Frame) -> None:
        """A frame leaves."""
        self.flight[number] = frame
        self.flight_bytes += frame.size_bytes

    def acknowledge(self, number: int) -> list[Sending]:
        """A frame is stored; what was in it."""
        frame = self._land(number)
        for sending in frame.sendings:
            self._stored(sending)
        return frame.sendings

    def lose(self, numbers: Iterable[int]) -> list[str]:
        """Frames are taken for lost; their keys, which must go again."""
        keys: dict[str, None] = {}
        for number in list(numbers):
            for sending in self._land(number).sendings:
                self.force(sending.key)
                keys[sending.key] = None
        return list(keys)

    def overdue(self, now: float) -> list[int]:
        """Frames whose acknowledgement is late."""
        return [number for number, frame in self.flight.items() if now - frame.sent_at > ACK_SECONDS]

    def force(self, key: str) -> None:
        """Whatever it says, the key must go again."""
        entry = self.entries.setdefault(key, Entry())
        entry.content = entry.shape = None

    def agrees(self, count: int, fingerprint: str) -> bool:
        """True when the other side holds what we believe it holds: without the frames in flight, or with them all."""
        stored = {key: entry.stored_seq for key, entry in self.entries.items() if entry.stored_alive}
        if len(stored) == count and digest(stored.items()) == fingerprint:
            return True
        for sending in (sending for frame in self.flight.values() for sending in frame.sendings):
            if sending.seq > self.entries[sending.key].stored_seq:
                stored.pop(sending.key, None)
                stored.update({sending.key: sending.seq} if sending.alive else {})
        return len(stored) == count and digest(stored.items()) == fingerprint

    def _land(self, number: int) -> Frame:
        frame = self.flight.pop(number, Frame(0, 0))
        self.flight_bytes -= frame.size_bytes
        return frame

    def _stored(self, sending: Sending) -> None:
        entry = self.entries.get(sending.key)
        if entry is None or sending.seq <= entry.stored_seq:
            return
        entry.stored_seq, entry.stored_alive = sending.seq, sending.alive
        if not sending.alive and entry.content == TOMBSTONE:
            del self.entries[sending.key]


TOMBSTONE = 0  # content of what no longer exists


def content_of(data: bytes) -> int:
    """A fingerprint of a body's JSON; never that of a tombstone."""
    return hash(data) or 1

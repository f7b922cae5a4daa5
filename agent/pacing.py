"""When a changed key may go: coalesced, not too often, not too many at once.

Pure; `now` is seconds of any steady clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush

COALESCE_SECONDS = 0.25  # changes of one key within this go as one
AGAIN_SECONDS = 1.0  # a key that keeps changing goes once in this time
COUNTS_SECONDS = 2.0  # a document of which only counts changed
DOCS_PER_SECOND = 300.0  # a first state or a refresh does not flood the functions
BURST_DOCS = 60.0


class Pacer:
    """Keys that wait, each with the instant from which it may go."""

    def __init__(self) -> None:
        self._due_at: dict[str, float] = {}
        self._queue: list[tuple[float, str]] = []
        self._allowance = BURST_DOCS
        self._filled_at = 0.0

    def __len__(self) -> int:
        return len(self._due_at)

    def mark(self, key: str, now: float, sent_at: float | None) -> None:
        """The key changed; a key that waits already keeps its turn."""
        if key not in self._due_at:
            again = now if sent_at is None else sent_at + AGAIN_SECONDS
            self.defer(key, max(now + COALESCE_SECONDS, again))

    def defer(self, key: str, until: float) -> None:
        """Let the key wait until then, whatever it waited for before."""
        self._due_at[key] = until
        heappush(self._queue, (until, key))

    def take(self, now: float) -> list[str]:
        """Keys that may go now, in order of their turn, within the rate. They wait no longer."""
        self._allowance = min(BURST_DOCS, self._allowance + (now - self._filled_at) * DOCS_PER_SECOND)
        self._filled_at = now
        taken: list[str] = []
        while self._queue and self._queue[0][0] <= now and self._allowance >= 1:
            due_at, key = heappop(self._queue)
            if self._due_at.get(key) == due_at:
                del self._due_at[key]
                taken.append(key)
                self._allowance -= 1
        return taken

    def spare(self, count: int) -> None:
        """Give back the allowance of keys that were taken and had nothing to say."""
        self._allowance = min(BURST_DOCS, self._allowance + count)

    def next_at(self, now: float) -> float | None:
        """When to ask `take` again; none when nothing waits."""
        while self._queue and self._due_at.get(self._queue[0][1]) != self._queue[0][0]:
            heappop(self._queue)
        if not self._queue:
            return None
        refill = max(0.0, 1 - self._allowance) / DOCS_PER_SECOND
        return max(self._queue[0][0], now + refill)

    def forget(self, keys: Iterable[str]) -> None:
        """These wait no longer."""
        for key in keys:
            self._due_at.pop(key, None)

"""How long to wait before connecting again: exponential with full jitter, forgotten after a minute that went well."""

from __future__ import annotations

from collections.abc import Callable
from random import uniform

LEAST_SECONDS = 0.5
MOST_SECONDS = 30.0
HEALTHY_SECONDS = 60.0  # a connection that lasted this long was a good one
PLANNED_SECONDS = (6300.0, 6900.0)  # we leave before API Gateway ends the connection at 2 h
UNWANTED_SECONDS = (240.0, 360.0)  # after `replaced` or `revoked`: two agents must not chase each other away


class Backoff:
    """Waits between connections."""

    def __init__(self, jitter: Callable[[float, float], float] = uniform) -> None:
        self._jitter = jitter
        self._failures = 0

    def next_wait(self, *, lasted: float, bye: str = "") -> float:
        """Seconds to wait after a connection that lasted so long (0: it never came about) and ended so."""
        if bye in ("replaced", "revoked"):
            return self._jitter(*UNWANTED_SECONDS)
        if lasted >= HEALTHY_SECONDS:
            self._failures = 0
        ceiling = min(MOST_SECONDS, LEAST_SECONDS * 2 ** min(self._failures, 10))
        self._failures += 1
        return self._jitter(0, ceiling)

    def lifetime(self) -> float:
        """Seconds after which to reconnect on purpose."""
        return self._jitter(*PLANNED_SECONDS)

"""The passing of time, for what must not go faster than it may."""

import time


class RealPace:
    """The process's own monotonic clock."""

    def monotonic(self) -> float:
        """Seconds that only rise."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

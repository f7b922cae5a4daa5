"""Wakes what waits for a change in MiniStack, so that nothing has to poll fast.

MiniStack tells of each write from its own thread; pollers wait on the gateway's loop.
"""

from __future__ import annotations

import asyncio


class Wakes:
    """Hands writes told by any thread over to waiters of one loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[str, set[asyncio.Event]] = {"DynamoDB": set(), "AmazonSQS": set()}

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Name the loop of the waiters; writes told before are for nobody."""
        self._loop = loop

    def detach(self) -> None:
        self._loop = None

    def tell(self, action: str) -> None:
        """A write was done: `action` as in `AmazonSQS.SendMessage`. From any thread."""
        service = action.split("_")[0].split(".")[0]
        if self._loop is not None and service in self._waiting and not action.endswith("DeleteMessage"):
            self._loop.call_soon_threadsafe(self._wake, service)

    def _wake(self, service: str) -> None:
        for event in self._waiting[service]:
            event.set()

    def waiter(self, service: str) -> asyncio.Event:
        """An event that is set after each write to `service` ("DynamoDB", "AmazonSQS"); clear it before looking."""
        event = asyncio.Event()
        self._waiting[service].add(event)
        return event


async def wait_for(event: asyncio.Event, timeout_seconds: float) -> None:
    """Wait until `event` is set, `timeout_seconds` at most."""
    try:
        await asyncio.wait_for(event.wait(), timeout_seconds)
    except TimeoutError:
        return

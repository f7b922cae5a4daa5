"""Watches the frames of one WebSocket on their way in: none may be larger than API Gateway allows.

The server library joins frames before we see them, so this stands between the transport and its protocol, reads only
the frame headers, and passes every byte on. Source: RFC 6455, section 5.2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast


class FrameSizes:
    """Finds the payload sizes in a stream of masked frames, however it is cut into pieces."""

    def __init__(self) -> None:
        self._head = b""
        self._skip_bytes = 0

    def feed(self, data: bytes) -> list[int]:
        """The payload sizes in bytes of the frames that begin in `data`."""
        sizes: list[int] = []
        while data:
            if self._skip_bytes:
                skipped = min(self._skip_bytes, len(data))
                self._skip_bytes -= skipped
                data = data[skipped:]
                continue
            wanted = _head_bytes(self._head) - len(self._head)
            self._head, data = self._head + data[:wanted], data[wanted:]
            if len(self._head) == _head_bytes(self._head):
                sizes.append(_payload_bytes(self._head))
                self._skip_bytes, self._head = sizes[-1], b""
        return sizes


def _head_bytes(head: bytes) -> int:
    if len(head) < 2:
        return 2
    return 2 + {126: 2, 127: 8}.get(head[1] & 0x7F, 0) + (4 if head[1] & 0x80 else 0)


def _payload_bytes(head: bytes) -> int:
    short = head[1] & 0x7F
    if short < 126:
        return short
    return int.from_bytes(head[2 : 4 if short == 126 else 10], "big")


class FrameGuard(asyncio.Protocol):
    """Stands in for `protocol` at its transport; calls `refuse` once and passes nothing on after a frame above
    `limit_bytes`."""

    def __init__(self, protocol: asyncio.Protocol, limit_bytes: int, refuse: Callable[[], None]) -> None:
        self._protocol, self._limit_bytes, self._refuse = protocol, limit_bytes, refuse
        self._sizes = FrameSizes()
        self._refused = False

    @classmethod
    def put_before(cls, transport: asyncio.Transport, limit_bytes: int, refuse: Callable[[], None]) -> None:
        protocol = cast(asyncio.Protocol, transport.get_protocol())
        transport.set_protocol(cls(protocol, limit_bytes, refuse))

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if any(size > self._limit_bytes for size in self._sizes.feed(data)):
            self._refused = True
            self._refuse()
        else:
            self._protocol.data_received(data)

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()

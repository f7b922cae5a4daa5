"""The functions' side of an agent's socket, for the agent's tests: stores documents by the two folds, acknowledges.

Faults are attributes: `deaf` stops acknowledging, `drop_next` loses frames, `refuse` answers the handshake with 401.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from chalicelib.core.documents import Topic, digest, observe, raise_floor
from chalicelib.wire.codec import decode_from_agent, encode
from chalicelib.wire.messages import (
    Ack,
    AgentDocs,
    AgentFloor,
    AgentResult,
    Bye,
    FromAgent,
    Heartbeat,
    Hello,
    ToAgent,
    Welcome,
)

TIMEOUT_SECONDS = 20.0
MOMENT_SECONDS = 0.02


class FakeGimlet:
    """Holds one environment's topic; `url` answers while in `async with serving()`."""

    def __init__(self, environment: str = "staging", key: str = "agent-key") -> None:
        self.topic = Topic()
        self.environment = environment
        self.key = key
        self.url = ""
        self.received: list[FromAgent] = []
        self.closes: list[tuple[int | None, str | None]] = []
        self.deaf = False
        self.drop_next = 0
        self.refuse = False
        self.patience_seconds = TIMEOUT_SECONDS
        self.sockets: set[ServerConnection] = set()
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[FakeGimlet]:
        """Serve on loopback."""
        async with serve(self._talk, "127.0.0.1", port, process_request=self._check, close_timeout=1) as server:
            self.url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
            yield self

    def welcome(self) -> Welcome:
        """What is held now."""
        living = {key: doc.seq for key, doc in self.topic.living().items()}
        highest = max([self.topic.floor, *(doc.seq for doc in self.topic.documents.values())])
        return Welcome(seq=highest, count=len(living), digest=digest(living.items()), environment=self.environment)

    def body(self, key: str) -> dict[str, object] | None:
        """The living body of a key."""
        doc = self.topic.documents.get(key)
        return doc.body if doc else None

    def count(self, kind: type) -> int:
        """How many messages of a kind came."""
        return sum(isinstance(message, kind) for message in self.received)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something to become true, here or in the agent; looks again at each message, and each moment."""
        async with asyncio.timeout(self.patience_seconds):
            while not condition():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), MOMENT_SECONDS)
                self._changed.clear()

    async def say(self, message: ToAgent) -> None:
        """To all connected agents."""
        for socket in list(self.sockets):
            await socket.send(encode(message))

    def _check(self, socket: ServerConnection, request: Request) -> Response | None:
        if self.refuse or request.headers.get("Authorization") != f"Bearer {self.key}" or request.path != "/ws":
            return socket.respond(HTTPStatus.UNAUTHORIZED, "no\n")
        return None

    async def _talk(self, socket: ServerConnection) -> None:
        self.sockets.add(socket)
        try:
            async for data in socket:
                message = decode_from_agent(data)
                answer = self._answer(message)
                self.received.append(message)
                self._changed.set()
                if answer is not None:
                    await socket.send(encode(answer))
        except ConnectionClosed:
            return  # between a message and its answer
        finally:
            self.sockets.discard(socket)
            self.closes.append((socket.close_code, socket.close_reason))
            self._changed.set()

    def _answer(self, message: FromAgent) -> ToAgent | None:
        match message:
            case Hello():
                return self.welcome()
            case AgentDocs():
                return self._store(message)
            case AgentFloor():
                self.topic = raise_floor(self.topic, message.seq)
            case Heartbeat() | AgentResult():
                pass
        return None

    def _store(self, message: AgentDocs) -> Ack | None:
        if self.drop_next:
            self.drop_next -= 1
            return None
        for doc in message.docs:
            self.topic = observe(self.topic, doc)
        return None if self.deaf else Ack(frames=[message.frame])


BYE_REPLACED = Bye(reason="replaced")

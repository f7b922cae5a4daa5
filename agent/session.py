"""The agent's side of the conversation, without a socket: messages in, messages out, `tick` for what time brings.

A session outlives its connections. It knows what the other side holds, so that after an outage only differences are
sent, and everything (a refresh) only when the welcome's digest says that we are wrong about it. Watching never waits
for it: what changes while nobody listens is a set of keys, not a queue of bodies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from agent.documents import Body, shape_of
from agent.ledger import TOMBSTONE, Entry, Frame, Ledger, Sending, content_of
from agent.pacing import COUNTS_SECONDS, Pacer
from chalicelib.wire.bodies import App, Events, Namespace
from chalicelib.wire.codec import pack, size_bytes
from chalicelib.wire.messages import (
    MAX_MESSAGE_BYTES,
    Ack,
    AgentCommand,
    AgentDocs,
    AgentFloor,
    AgentResult,
    Bye,
    Document,
    FromAgent,
    Heartbeat,
    Hello,
    Refresh,
    ToAgent,
    Welcome,
)

PROTOCOL_VERSION = 1
HEARTBEAT_SECONDS = 60.0
WELCOME_SECONDS = 15.0  # a hello not answered by then has failed
FRAME_ROOM_BYTES = MAX_MESSAGE_BYTES - 128  # what surrounds the documents of a frame


class Source(Protocol):
    """Where documents come from."""

    @property
    def complete(self) -> bool:
        """True once what it says is the whole truth."""

    def set_scope(self, environment: str, adopted: Mapping[str, str]) -> None:
        """Whose agent this is."""

    def keys(self) -> list[str]:
        """Keys of all documents that exist."""

    def take_touched(self) -> list[str]:
        """Keys that may have changed since last asked."""

    def build(self, key: str) -> Body | None:
        """The document as it is now."""


class Session:
    """One agent's conversation. `microseconds` is the wall clock; `now` everywhere is a steady clock's seconds."""

    def __init__(self, source: Source, hello: Hello, microseconds: Callable[[], int]) -> None:
        self.hello = hello
        self.ledger = Ledger()
        self.seq = 0
        self.bye = ""
        self.sent_docs = 0
        self.dropped_docs = 0
        self.refreshes = 0
        self._source = source
        self._microseconds = microseconds
        self._pacer = Pacer()
        self._frame = 0
        self._welcome: Welcome | None = None  # of this connection
        self._is_judged = False
        self._greeted_at = 0.0
        self._is_in_doubt = False  # a welcome that nobody asked for disagreed: ask, with nothing in flight
        self._is_asking = False
        self._beaten_at = 0.0
        self._floor: int | None = None  # of the refresh under way
        self._owed: set[str] = set()  # keys that the refresh has not brought over yet

    # ---- a connection begins and ends

    def opened(self, now: float) -> list[FromAgent]:
        """A connection is there; what to say first."""
        self._welcome, self._is_judged, self._is_in_doubt, self._is_asking = None, False, False, False
        self._greeted_at = self._beaten_at = now
        self.bye = ""
        return [self.hello]

    def closed(self) -> None:
        """The connection is gone. Frames in flight stay until the next welcome tells whether they arrived."""
        self._welcome = None

    @property
    def is_welcome(self) -> bool:
        """True while connected and answered."""
        return self._welcome is not None

    @property
    def is_waiting(self) -> bool:
        """True while there is something to send or to hear of."""
        return bool(len(self._pacer) or self.ledger.flight or self._floor is not None)

    def is_ignored(self, now: float) -> bool:
        """True when our hello got no answer in time."""
        return self._welcome is None and now - self._greeted_at > WELCOME_SECONDS

    # ---- what comes in

    def received(self, message: ToAgent, now: float) -> list[FromAgent]:
        """Take in a message; what to answer at once."""
        match message:
            case Welcome():
                self._welcomed(message)
            case Ack():
                self._acknowledged(message.frames)
            case Refresh():
                self._refresh(self.seq, now)
            case AgentCommand():
                return [AgentResult(request_id=message.request_id, error="not able")]
            case Bye():
                self.bye = message.reason
            case _:
                pass  # cancel: nothing is under way yet
        return []

    def _welcomed(self, welcome: Welcome) -> None:
        """The first welcome, and one that we asked for, are judged. One that comes unasked (each ten minutes, after a
        heartbeat) may have crossed frames: when it disagrees, we ask."""
        if not self._is_judged or self._is_asking:
            self._is_judged = False
        elif not self.ledger.agrees(welcome.count, welcome.digest):
            self._is_in_doubt = self._floor is None
        self._welcome = welcome
        self._source.set_scope(welcome.environment, welcome.adopted)

    def _acknowledged(self, frames: Sequence[int]) -> None:
        for number in frames:
            for sending in self.ledger.acknowledge(number):
                if self._floor is not None and sending.seq > self._floor:
                    self._owed.discard(sending.key)

    # ---- what time brings

    def tick(self, now: float) -> list[FromAgent]:
        """Messages to send now. Call it when the source was touched, when a message came, and at `wake_at`."""
        for key in self._source.take_touched():
            entry = self.ledger.entries.get(key)
            self._pacer.mark(key, now, entry.sent_at if entry else None)
        if self._welcome is None:
            return []
        out = self._heartbeat(now)
        if not self._source.complete:
            return out
        if not self._is_judged:
            self._judge(self._welcome, now)
        self._mark_all(self.ledger.lose(self.ledger.overdue(now)), now)
        if self._is_in_doubt:
            return out + self._ask(now)
        return out + self._docs(now) + self._floor_when_done()

    def wake_at(self, now: float) -> float:
        """When `tick` has something to do at the latest, if nothing else happens."""
        times = [self._beaten_at + HEARTBEAT_SECONDS, now + 5.0]
        due = self._pacer.next_at(now)
        if due is not None and self._welcome is not None and not self.ledger.is_full:
            times.append(due)
        return min(times)

    def _heartbeat(self, now: float) -> list[FromAgent]:
        if now - self._beaten_at < HEARTBEAT_SECONDS:
            return []
        self._beaten_at = now
        return [Heartbeat(seq=self.seq)]

    def _judge(self, welcome: Welcome, now: float) -> None:
        """Believe what the other side says it holds, and make up the difference."""
        self._is_judged, self._is_in_doubt, self._is_asking = True, False, False
        agrees = self.ledger.agrees(welcome.count, welcome.digest)
        last = max(self.seq, welcome.seq)
        self.seq = max(last, self._microseconds() - 1)
        self._mark_all(self.ledger.lose(self.ledger.flight), now)
        if not agrees or self._floor is not None:
            self._refresh(last, now)

    def _refresh(self, floor: int, now: float) -> None:
        """Everything again with new numbers; when all of it has arrived, the floor."""
        self.refreshes += 1
        self._floor = floor
        keys = self._source.keys()
        self._owed = set(keys)
        for key in {**dict.fromkeys(keys), **self.ledger.entries}:
            self.ledger.force(key)
            self._pacer.defer(key, now)

    def _floor_when_done(self) -> list[FromAgent]:
        if self._floor is None or self._owed:
            return []
        floor, self._floor = self._floor, None
        return [AgentFloor(seq=floor)]

    def _ask(self, now: float) -> list[FromAgent]:
        """Send nothing, let all frames land, say hello again; an answer that does not come is not waited for."""
        if self._is_asking:
            self._is_in_doubt = self._is_asking = now - self._greeted_at <= WELCOME_SECONDS
            return []
        if self.ledger.flight:
            return []
        self._is_asking, self._greeted_at = True, now
        return [self.hello]

    def _mark_all(self, keys: Sequence[str], now: float) -> None:
        for key in keys:
            self._pacer.mark(key, now, None)

    # ---- documents

    def _docs(self, now: float) -> list[FromAgent]:
        if self.ledger.is_full:
            return []
        keys = self._pacer.take(now)
        docs = [doc for key in keys if (doc := self._document(key, now)) is not None]
        self._pacer.spare(len(keys) - len(docs))
        frames: list[FromAgent] = []
        for docs_of_frame in pack(docs, room_bytes=FRAME_ROOM_BYTES):
            self._frame += 1
            sendings = [Sending(doc.key, doc.seq, doc.body is not None) for doc in docs_of_frame]
            self.ledger.send(self._frame, Frame(now, size_bytes(docs_of_frame), sendings))
            frames.append(AgentDocs(frame=self._frame, docs=docs_of_frame))
        self.sent_docs += len(docs)
        return frames

    def _document(self, key: str, now: float) -> Document | None:
        """The next version of a key, or none when there is nothing new to say, or not yet."""
        body = self._source.build(key)
        entry = self.ledger.entries.get(key)
        if body is None and (entry is None or entry.content == TOMBSTONE):
            self._owed.discard(key)
            return None
        content, shape = fingerprints(body)
        if entry is not None and entry.content == content:
            return None
        if entry is not None and self._is_only_counts(key, entry, body, shape, now):
            return None
        doc = Document(key, self.seq + 1, None if body is None else msgspec.to_builtins(body))
        if size_bytes(doc) > FRAME_ROOM_BYTES:
            self.dropped_docs += 1
            self._owed.discard(key)
            return None
        self.seq += 1
        entry = self.ledger.entries.setdefault(key, Entry())
        entry.content, entry.shape, entry.sent_at = content, shape, now
        return doc

    def _is_only_counts(self, key: str, entry: Entry, body: Body | None, shape: int | None, now: float) -> bool:
        """True when numbers alone differ and it is too early for that: it will come up again, but for events."""
        if shape is None or entry.shape != shape or entry.sent_at is None:
            return False
        if isinstance(body, Events):
            return True
        if now >= entry.sent_at + COUNTS_SECONDS:
            return False
        self._pacer.defer(key, entry.sent_at + COUNTS_SECONDS)
        return True


def fingerprints(body: Body | None) -> tuple[int, int | None]:
    """Of the body, and of its shape where bodies can differ in counts alone."""
    if body is None:
        return TOMBSTONE, None
    content = content_of(msgspec.json.encode(body))
    if not isinstance(body, App | Namespace | Events):
        return content, None
    return content, content_of(msgspec.json.encode(shape_of(body)))

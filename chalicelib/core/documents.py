"""The two folds of live state: they commute, so order, repetition and loss do not matter.

`observe` keeps the highest seq of each key; `raise_floor` forgets everything at or below a number. The same folds in
TypeScript are `frontend/src/live/reducer.ts`; both are held to the same generated histories.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from chalicelib.wire.codec import digest as digest  # agents compute it too, and import only `wire`
from chalicelib.wire.messages import MAX_SEQ, Document

MAX_AHEAD_US = 5 * 60 * 1_000_000  # a number further ahead of our clock than this is refused


@dataclass(frozen=True, slots=True)
class Topic:
    """What is known of a topic: a floor and the newest document of each key, tombstones included."""

    floor: int = 0
    documents: Mapping[str, Document] = field(default_factory=dict)

    def living(self) -> dict[str, Document]:
        """The documents that exist: no tombstones."""
        return {key: doc for key, doc in self.documents.items() if doc.body is not None}


def observe(topic: Topic, doc: Document) -> Topic:
    """Fold one document in; the same object comes back when nothing changed."""
    known = topic.documents.get(doc.key)
    if doc.seq <= topic.floor or (known is not None and doc.seq <= known.seq):
        return topic
    return Topic(topic.floor, {**topic.documents, doc.key: doc})


def raise_floor(topic: Topic, seq: int) -> Topic:
    """Forget all documents at or below `seq`; the same object comes back when nothing changed."""
    if seq <= topic.floor:
        return topic
    return Topic(seq, {key: doc for key, doc in topic.documents.items() if doc.seq > seq})


def is_acceptable_seq(seq: int, *, now_us: int) -> bool:
    """False for numbers that would lock a key for ever: negative, beyond 2^53, or far in the future."""
    return 0 < seq <= MAX_SEQ and seq <= now_us + MAX_AHEAD_US

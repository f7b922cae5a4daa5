"""Documents of a topic as text frames that fit API Gateway's 32 KB, for one viewer's choice of keys."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.wire.codec import encode, pack, size_bytes
from chalicelib.wire.messages import MAX_MESSAGE_BYTES, Docs, Document


@dataclass(frozen=True, slots=True)
class Frames:
    """Text frames, and the keys of documents that fit none."""

    texts: tuple[str, ...]
    oversized: tuple[str, ...] = ()


def frames_of(topic: str, docs: Sequence[Document], changed_at: int) -> Frames:
    """The documents in as few frames as their order allows."""
    room_bytes = MAX_MESSAGE_BYTES - size_bytes(Docs(topic, [], changed_at))
    oversized = tuple(doc.key for doc in docs if size_bytes(doc) > room_bytes)
    fitting = [doc for doc in docs if doc.key not in oversized] if oversized else list(docs)
    texts = tuple(encode(Docs(topic, packed, changed_at)) for packed in pack(fitting, room_bytes=room_bytes))
    return Frames(texts, oversized)

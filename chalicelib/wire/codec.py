"""Bytes ↔ messages. Decoding never raises anything but `BadMessage`; unknown types are told apart from broken ones."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import msgspec

from chalicelib.wire.messages import (
    MAX_MESSAGE_BYTES,
    FromAgent,
    FromBrowser,
    ToAgent,
    ToBrowser,
)


class BadMessage(ValueError):
    """A frame that is no message of this protocol; `code` is `unknown_type`, `too_large` or `malformed`."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class _Tag(msgspec.Struct):
    type: str


_ENCODER = msgspec.json.Encoder()
_TAG = msgspec.json.Decoder(_Tag)
_FROM_AGENT = msgspec.json.Decoder(FromAgent)
_TO_AGENT = msgspec.json.Decoder(ToAgent)
_FROM_BROWSER = msgspec.json.Decoder(FromBrowser)
_TO_BROWSER = msgspec.json.Decoder(ToBrowser)
_KNOWN = {
    id(_FROM_AGENT): {"hello", "docs", "floor", "heartbeat", "result"},
    id(_TO_AGENT): {"welcome", "ack", "refresh", "command", "cancel", "bye"},
    id(_FROM_BROWSER): {"subscribe", "unsubscribe", "command", "cancel", "ping"},
    id(_TO_BROWSER): {"docs", "floor", "resync", "result", "error"},
}


def encode(message: Any) -> str:
    """JSON text of a message; raises `BadMessage` when it would not fit one frame."""
    data = _ENCODER.encode(message)
    if len(data) > MAX_MESSAGE_BYTES:
        raise BadMessage("too_large", f"a message of {len(data)} bytes does not fit a frame of {MAX_MESSAGE_BYTES}")
    return data.decode()


def size_bytes(value: Any) -> int:
    """Bytes of a value's JSON."""
    return len(_ENCODER.encode(value))


def decode_from_agent(text: str | bytes) -> FromAgent:
    """A message an agent may send."""
    message: FromAgent = _decode(text, _FROM_AGENT)
    return message


def decode_to_agent(text: str | bytes) -> ToAgent:
    """A message we may send to an agent."""
    message: ToAgent = _decode(text, _TO_AGENT)
    return message


def decode_from_browser(text: str | bytes) -> FromBrowser:
    """A message a browser may send."""
    message: FromBrowser = _decode(text, _FROM_BROWSER)
    return message


def decode_to_browser(text: str | bytes) -> ToBrowser:
    """A message we may send to a browser."""
    message: ToBrowser = _decode(text, _TO_BROWSER)
    return message


def _decode(text: str | bytes, decoder: Any) -> Any:
    data = text.encode() if isinstance(text, str) else text
    if len(data) > MAX_MESSAGE_BYTES:
        raise BadMessage("too_large", f"a message of {len(data)} bytes is over {MAX_MESSAGE_BYTES}")
    try:
        kind = _TAG.decode(data).type
        if kind not in _KNOWN[id(decoder)]:
            raise BadMessage("unknown_type", f"no message of type {kind[:40]!r} comes this way")
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage("malformed", str(error)[:200]) from error


def pack(docs: list[Any], *, room_bytes: int) -> list[list[Any]]:
    """Split documents, order kept, into lists whose JSON stays within `room_bytes`.

    A document that alone is larger travels alone; the caller cuts documents to their own limits before.
    """
    packs: list[list[Any]] = []
    used = room_bytes + 1
    for doc in docs:
        size = size_bytes(doc) + 1
        if used + size > room_bytes:
            packs.append([])
            used = 2
        packs[-1].append(doc)
        used += size
    return packs


def digest(versions: Iterable[tuple[str, int]]) -> str:
    """What both sides compare instead of all documents: SHA-256 over sorted `key seq` lines.

    Counted are the documents that live: above the topic's floor and no tombstones.
    """
    lines = "\n".join(f"{key} {seq}" for key, seq in sorted(versions))
    return sha256(lines.encode()).hexdigest()

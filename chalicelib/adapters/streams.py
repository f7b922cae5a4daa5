"""What the streams of both tables tell of live state: new images of documents, cards, projected records and floors.

Reads only the attributes that make a document, so that nothing else in a record can break it. Removals are not
relayed: a document that is removed was below its floor, or a tombstone.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from chalicelib.adapters.dynamodb import Item, from_item
from chalicelib.adapters.dynamodb.cards import card_document
from chalicelib.adapters.dynamodb.topics import FLOOR_KEY, document_of, topic_address
from chalicelib.core.topics import APPS, TopicAddress
from chalicelib.ports.live import Change, DocumentChanged, FloorRaised, Unreadable

_DOCUMENT = ("doc_key", "doc_seq", "doc_body", "changed_at")
_CARD = (*_DOCUMENT, "app", "environment", "environment_id", "release_side", "agent_side", "version")


def changes_of(records: Iterable[Mapping[str, Any]]) -> Iterator[Change]:
    """The changes in a batch of stream records, as Lambda hands them over (`event["Records"]`)."""
    for record in records:
        image = record.get("dynamodb", {}).get("NewImage")
        change = _change(image) if image else None
        if change is not None:
            yield change


def _change(image: Mapping[str, Mapping[str, Any]]) -> Change | None:
    is_floor = _text(image, "sk") == FLOOR_KEY
    address = topic_address(_text(image, "pk") if is_floor else _text(image, "topic"))
    if address is None:
        return None
    try:
        return _floor(address, image) if is_floor else _document(address, image)
    except (KeyError, TypeError, ValueError, msgspec.MsgspecError) as error:
        return Unreadable(address, f"{type(error).__name__} in an item of the topic")


def _floor(address: TopicAddress, image: Mapping[str, Mapping[str, Any]]) -> FloorRaised:
    return FloorRaised(address, int(_some(image, ("floor",))["floor"]))


def _document(address: TopicAddress, image: Mapping[str, Mapping[str, Any]]) -> DocumentChanged:
    item = _some(image, _CARD if address.topic == APPS else _DOCUMENT)
    doc = card_document(item) if address.topic == APPS else document_of(item)
    return DocumentChanged(address, doc, int(item["changed_at"]))


def _some(image: Mapping[str, Mapping[str, Any]], names: tuple[str, ...]) -> Item:
    return from_item({name: image[name] for name in names if name in image})


def _text(image: Mapping[str, Mapping[str, Any]], name: str) -> str:
    return str(image.get(name, {}).get("S", ""))

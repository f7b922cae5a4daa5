"""What browsers read of topics: floor, what changed since an instant, pages; from either table by one code path.

Stored topics have their own partition in the documents table and are read strongly consistently; projected topics are
records and are read by the index `changed` of the records table, oldest change first, so that a record that changes
while pages are read moves to a page yet to come.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import msgspec

from chalicelib.adapters.dynamodb import Item, Table
from chalicelib.adapters.dynamodb.cards import card_document
from chalicelib.adapters.dynamodb.topics import FLOOR_KEY, document_of, topic_pk
from chalicelib.core.errors import Rejected
from chalicelib.core.topics import APPS, PROJECTED, TopicAddress
from chalicelib.ports.live import TopicPage
from chalicelib.wire.messages import Document

CHANGED_INDEX = "changed"
_SHOWN = {name: name for name in ("doc_key", "doc_seq", "doc_body")}
_PROJECTION = "#doc_key, #doc_seq, #doc_body"


class _Cursor(msgspec.Struct, array_like=True):
    """Where the next page starts, and when the first was read. Holds nothing that chooses the topic."""

    changed_at: int
    pk: str
    sk: str
    item_changed_at: int = 0


_CURSOR = msgspec.json.Decoder(_Cursor)


class TopicsTable:
    """Reads topics of both tables."""

    def __init__(self, documents: Table, records: Table) -> None:
        self._documents = documents
        self._records = records

    def floor(self, address: TopicAddress) -> int:
        """The topic's floor; 0 for topics without one."""
        if address.topic == APPS or address.topic in PROJECTED:
            return 0
        item = self._documents.get(topic_pk(address), FLOOR_KEY)
        return int(item["floor"]) if item is not None else 0

    def changed_since(self, address: TopicAddress, since_us: int, *, most: int) -> list[Document] | None:
        """Documents stored at or after the instant; none when there are more than `most`."""
        found: dict[str, Document] = {}
        for read, item in enumerate(self._changed(address, since_us)):
            if read >= most:
                return None
            doc = _document(address, item)
            if doc.key not in found or doc.seq > found[doc.key].seq:
                found[doc.key] = doc
        floor = self.floor(address)
        return [doc for doc in found.values() if doc.seq > floor]

    def _changed(self, address: TopicAddress, since_us: int) -> Any:
        return self._table(address).query_all(
            "#topic = :topic AND #changed_at >= :since",
            index=CHANGED_INDEX,
            names={"topic": "topic", "changed_at": "changed_at", **self._shown(address)},
            values={"topic": topic_pk(address), "since": since_us},
            projection=self._projection(address),
        )

    def page(self, address: TopicAddress, *, prefix: str, cursor: str | None, now_us: int) -> TopicPage:
        """At most 1 MB of documents; `changed_at` is when the first page was read."""
        start = _read_cursor(cursor) if cursor else None
        changed_at = start.changed_at if start is not None else now_us
        query = self._projected if address.topic in PROJECTED else self._stored
        page = query(address, prefix, start)
        floor = self.floor(address)
        docs = [_document(address, item) for item in page.items if item.get("sk") != FLOOR_KEY]
        following = _write_cursor(changed_at, page.next) if page.next else None
        return TopicPage([doc for doc in docs if doc.seq > floor], floor, changed_at, following)

    def _stored(self, address: TopicAddress, prefix: str, start: _Cursor | None) -> Any:
        pk = topic_pk(address)
        return self._documents.query(
            "#pk = :pk AND begins_with(#sk, :prefix)" if prefix else "#pk = :pk",
            names={"pk": "pk"} | ({"sk": "sk"} if prefix else {}),
            values={"pk": pk} | ({"prefix": prefix} if prefix else {}),
            start={"pk": pk, "sk": start.sk} if start is not None else None,
            consistent=True,
        )

    def _projected(self, address: TopicAddress, prefix: str, start: _Cursor | None) -> Any:
        topic = topic_pk(address)
        key = {"topic": topic, "changed_at": start.item_changed_at, "pk": start.pk, "sk": start.sk} if start else None
        values: Item = {"topic": topic} | ({"prefix": prefix} if prefix else {})
        return self._records.query(
            "#topic = :topic",
            index=CHANGED_INDEX,
            names={"topic": "topic", **_SHOWN},
            values=values,
            filter="begins_with(#doc_key, :prefix)" if prefix else None,
            projection=_PROJECTION,
            start=key,
        )

    def _table(self, address: TopicAddress) -> Table:
        return self._records if address.topic in PROJECTED else self._documents

    def _shown(self, address: TopicAddress) -> Mapping[str, str]:
        return {} if address.topic == APPS else _SHOWN

    def _projection(self, address: TopicAddress) -> str | None:
        return None if address.topic == APPS else _PROJECTION


def _document(address: TopicAddress, item: Item) -> Document:
    return card_document(item) if address.topic == APPS else document_of(item)


def _write_cursor(changed_at: int, key: Item) -> str:
    cursor = _Cursor(changed_at, key["pk"], key["sk"], key.get("changed_at", 0))
    return urlsafe_b64encode(msgspec.json.encode(cursor)).decode()


def _read_cursor(text: str) -> _Cursor:
    try:
        cursor: _Cursor = _CURSOR.decode(urlsafe_b64decode(text.encode()))
    except (ValueError, msgspec.MsgspecError) as error:
        raise Rejected("the cursor is not one that was answered here") from error
    if not cursor.sk or not cursor.pk:
        raise Rejected("the cursor is not one that was answered here")
    return cursor

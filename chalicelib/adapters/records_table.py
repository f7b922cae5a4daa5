"""The port `Records` on DynamoDB: one item a record, its fields as JSON in `body`, its places as index attributes.

Idempotent on the record's key and version. Bodies over 200 KB are compressed; one that still is over 350 KB is refused.
"""

import binascii
import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from chalicelib.adapters.dynamodb import ConditionFailed, Item, Table
from chalicelib.adapters.dynamodb.cards import card_release_side_update
from chalicelib.core.errors import DuplicateRecord, Rejected, StaleRecord, TooLarge
from chalicelib.core.projections import card_release_side, projection_of
from chalicelib.core.records import Key, key_of, places_of
from chalicelib.ports.records import Create, Page, Put, Remove, Replace, ShowCard, Write

T = TypeVar("T")
PLAIN_BYTES = 200 * 1024
MAX_BODY_BYTES = 350 * 1024  # DynamoDB: 400 KB an item, keys and index attributes included
_SORT_KEYS = {"index1": ("i1pk", "i1sk"), "index2": ("i2pk", "i2sk")}
_UPPER = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class RecordsTable:
    """Records in `table`; cards go to `documents`, in the same transaction. `now_us` stamps `changed_at`."""

    table: Table
    documents: Table
    now_us: Callable[[], int]

    def get(self, kind: type[T], key: Key) -> T | None:
        """See `Records.get`."""
        item = self.table.get(key.pk, key.sk)
        return _record(kind, item) if item else None

    def list_below(self, kind: type[T], pk: str, prefix: str, *, limit: int = 100) -> tuple[T, ...]:
        """See `Records.list_below`."""
        page = self.table.query(
            "pk = :pk AND begins_with(sk, :prefix)",
            values={"pk": pk, "prefix": prefix},
            consistent=True,
            limit=limit,
        )
        return tuple(_record(kind, item) for item in page.items)

    def list_index(
        self,
        kind: type[T],
        index: str,
        pk: str,
        *,
        newest_first: bool = False,
        limit: int = 50,
        cursor: str = "",
        since: str = "",
        until: str = "",
    ) -> Page[T]:
        """See `Records.list_index`."""
        hash_name, sort_name = _SORT_KEYS[index]
        page = self.table.query(
            "#hash = :hash AND #sort BETWEEN :since AND :until",
            index=index,
            names={"hash": hash_name, "sort": sort_name},
            values={"hash": pk, "since": since or " ", "until": until or _UPPER},
            newest_first=newest_first,
            limit=limit,
            start=_start(cursor, pk, hash_name, sort_name) if cursor else None,
        )
        return Page(tuple(_record(kind, item) for item in page.items), _cursor(page.next))

    def write(self, *writes: Write) -> None:
        """See `Records.write`."""
        prepared = [self._prepared(write) for write in writes]
        try:
            self.table.transact(prepared, "records")
        except ConditionFailed as error:
            if not _only_cards_failed(writes, error):
                raise _translated(writes, error) from error
            self.write(*(write for write in writes if not isinstance(write, ShowCard)))

    def _prepared(self, write: Write) -> Item:
        match write:
            case Create(record):
                return self.table.put_write(self._item(record), condition="attribute_not_exists(pk)")
            case Replace(record):
                return self.table.put_write(
                    self._item(record), condition="version = :was", values={"was": record.version - 1}
                )
            case Put(record):
                return self.table.put_write(self._item(record))
            case Remove(key):
                return self.table.delete_write(key.pk, key.sk)
            case ShowCard(app):
                return self._card(app)

    def _card(self, app: Any) -> Item:
        return card_release_side_update(
            self.documents,
            app.organization_id,
            card_release_side(app),
            release_version=app.version,
            changed_at=self.now_us(),
        )

    def _item(self, record: Any) -> Item:
        key = key_of(record)
        item: Item = {"pk": key.pk, "sk": key.sk, "kind": type(record).__name__, "version": record.version}
        item["body"] = _body(record)
        for place in places_of(record):
            hash_name, sort_name = _SORT_KEYS[place.index]
            item |= {hash_name: place.pk, sort_name: place.sk}
        return item | self._projection(record)

    def _projection(self, record: Any) -> Item:
        shown = projection_of(record)
        if shown is None:
            return {}
        return {
            "topic": f"ORG#{record.organization_id}#TOPIC#{shown.topic}",
            "changed_at": self.now_us(),
            "doc_key": shown.key,
            "doc_seq": record.version,
            "doc_body": msgspec.json.encode(shown.body).decode(),
        }


def _body(record: Any) -> str | bytes:
    text = msgspec.json.encode(record)
    if len(text) <= PLAIN_BYTES:
        return text.decode()
    packed = zlib.compress(text)
    if len(packed) > MAX_BODY_BYTES:
        raise TooLarge(f"a {type(record).__name__.lower()} of {len(text)} bytes is too large to be kept")
    return packed


def _record(kind: type[T], item: Item) -> T:
    body = item["body"]
    text = zlib.decompress(body) if isinstance(body, bytes) else body
    return msgspec.json.decode(text, type=kind)


def _only_cards_failed(writes: tuple[Write, ...], error: ConditionFailed) -> bool:
    """Whether all that is in the way are cards that already show something newer."""
    failed = [write for write, reason in zip(writes, error.reasons, strict=False) if reason not in ("None", "")]
    return bool(failed) and all(isinstance(write, ShowCard) for write in failed)


def _translated(writes: tuple[Write, ...], error: ConditionFailed) -> DuplicateRecord | StaleRecord:
    for write, reason in zip(writes, error.reasons, strict=False):
        if reason == "ConditionalCheckFailed" and isinstance(write, Create):
            return DuplicateRecord(f"this {type(write.record).__name__} is already recorded")
    return StaleRecord("a record was changed by somebody else")


def _cursor(start: Item | None) -> str:
    if start is None:
        return ""
    return urlsafe_b64encode(json.dumps(start).encode()).decode().rstrip("=")


def _start(cursor: str, pk: str, hash_name: str, sort_name: str) -> dict[str, str]:
    """The key to go on from; one that is no key or points into another partition is refused, whoever made it."""
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        start = msgspec.json.decode(text, type=dict[str, str])
    except (ValueError, msgspec.MsgspecError, binascii.Error) as error:
        raise Rejected("this cursor is not one of ours: start again without it") from error
    if start.keys() != {"pk", "sk", hash_name, sort_name} or not all(start.values()) or start[hash_name] != pk:
        raise Rejected("this cursor belongs to another list: start again without it")
    return start

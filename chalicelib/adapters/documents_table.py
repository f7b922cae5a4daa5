"""Live documents and the agent side of cards in the documents table: each one conditional write, no locks.

A document's write never reads the floor; a floor is one conditional write on the topic's floor item. Tombstones expire
an hour and some after they were stored; nothing relies on their being gone.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from chalicelib.adapters.dynamodb import ConditionFailed, Item, Table
from chalicelib.adapters.dynamodb.cards import card_agent_side, card_pk, card_sk, update_agent_side
from chalicelib.adapters.dynamodb.topics import (
    FLOOR_KEY,
    document_attributes,
    document_of,
    topic_pk,
)
from chalicelib.core.cards import AgentSide
from chalicelib.core.errors import StoreUnavailable
from chalicelib.core.topics import CardAddress, KeyVersion, TopicAddress
from chalicelib.wire.messages import Document

TOMBSTONE_LIFE_SECONDS = 3600 + 600  # readers resume from up to 1 h ago, less 60 s of overlap
WRITERS = 16  # concurrent writes of one frame's documents
CONFLICT_ATTEMPTS = 5  # a card's item is also written in transactions, which refuse each other
SECOND_US = 1_000_000

_T = TypeVar("_T")
_R = TypeVar("_R")


class DocumentsTable:
    """Stores documents; reading topics for browsers is `topics_table`'s."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def floor(self, address: TopicAddress) -> int:
        """The topic's floor; 0 for one that never had any."""
        item = self._table.get(topic_pk(address), FLOOR_KEY)
        return int(item["floor"]) if item is not None else 0

    def get(self, address: TopicAddress, key: str) -> Document | None:
        """The newest version of a key."""
        item = self._table.get(topic_pk(address), key)
        return document_of(item) if item is not None else None

    def store(self, address: TopicAddress, docs: Sequence[Document], changed_at: int) -> dict[str, Document]:
        """Store each document whose seq is higher than the held one's; answers what each key now holds."""
        newest: dict[str, Document] = {}
        for doc in docs:
            if doc.key not in newest or doc.seq > newest[doc.key].seq:
                newest[doc.key] = doc
        held = _in_parallel(lambda doc: self._store(address, doc, changed_at), newest.values())
        return {doc.key: doc for doc in held}

    def _store(self, address: TopicAddress, doc: Document, changed_at: int) -> Document:
        item: Item = {"pk": topic_pk(address), "sk": doc.key, **document_attributes(address, doc, changed_at)}
        if doc.body is None:
            item |= {"gone": True, "expires_at": changed_at // SECOND_US + TOMBSTONE_LIFE_SECONDS}
        try:
            self._table.put(
                item,
                condition="attribute_not_exists(#seq) OR #seq < :seq",
                names={"seq": "doc_seq"},
                values={"seq": doc.seq},
                held=True,
            )
        except ConditionFailed as refused:
            met = refused.items[0] if refused.items else None
            held = document_of(met) if met is not None else self.get(address, doc.key)
            return held or doc
        return doc

    def raise_floor(self, address: TopicAddress, seq: int, changed_at: int) -> None:
        """Raise the floor; a lower one changes nothing."""
        try:
            self._table.update(
                topic_pk(address),
                FLOOR_KEY,
                "SET #floor = :floor, #at = :at",
                condition="attribute_not_exists(#floor) OR #floor < :floor",
                names={"floor": "floor", "at": "raised_at"},
                values={"floor": seq, "at": changed_at},
            )
        except ConditionFailed:
            return

    def versions(self, address: TopicAddress, *, prefix: str = "") -> list[KeyVersion]:
        """All keys held, without their bodies."""
        items = self._table.query_all(
            "#pk = :pk AND begins_with(#sk, :prefix)" if prefix else "#pk = :pk",
            names={"pk": "pk", "sk": "sk", "seq": "doc_seq", "gone": "gone"},
            values={"pk": topic_pk(address)} | ({"prefix": prefix} if prefix else {}),
            projection="#sk, #seq, #gone",
            consistent=True,
        )
        found = (item for item in items if item["sk"] != FLOOR_KEY)
        return [KeyVersion(item["sk"], item["doc_seq"], item.get("gone", False)) for item in found]

    def forget(self, address: TopicAddress, versions: Sequence[KeyVersion]) -> None:
        """Remove these versions; a newer one is kept."""
        _in_parallel(lambda version: self._forget(address, version), versions)

    def _forget(self, address: TopicAddress, version: KeyVersion) -> None:
        try:
            self._table.delete(
                topic_pk(address),
                version.key,
                condition="#seq <= :seq",
                names={"seq": "doc_seq"},
                values={"seq": version.seq},
            )
        except ConditionFailed:
            return

    def agent_side(self, card: CardAddress) -> AgentSide | None:
        """The agent side of a card as last written."""
        item = self._table.get(card_pk(card.organization), card_sk(card))
        return card_agent_side(item) if item is not None else None

    def write_agent_side(self, card: CardAddress, seq: int, side: AgentSide | None, changed_at: int) -> bool:
        """Write the side when `seq` is higher and the side differs; whether it was written."""
        for _ in range(CONFLICT_ATTEMPTS):
            try:
                update_agent_side(self._table, card, seq, side, changed_at)
            except ConditionFailed as refused:
                if "TransactionConflict" not in refused.reasons:
                    return False
            else:
                return True
        raise StoreUnavailable(f"the card of {card.app} in {card.environment} is being written")


def _in_parallel(work: Callable[[_T], _R], things: Iterable[_T]) -> list[_R]:
    """Do the work on all things, some at a time; the first failure is raised when all are done."""
    listed = list(things)
    if len(listed) <= 1:
        return [work(thing) for thing in listed]
    with ThreadPoolExecutor(min(WRITERS, len(listed))) as pool:
        return list(pool.map(work, listed))

"""How a card lies in an item of the documents table, and the update of each side.

Attributes: `app`, `environment`, `environment_id`; `release_version`, `release_side` (JSON of a `Card` without the
agent's part); `app_seq`, `agent_side` (JSON of an `AgentSide`, or `null`); `version` = `doc_seq`, raised by 1 by every
write; and `topic`, `changed_at`, `doc_key` as every document.
"""

import msgspec

from chalicelib.adapters.dynamodb.items import Item
from chalicelib.adapters.dynamodb.table import Table
from chalicelib.adapters.dynamodb.topics import topic_pk
from chalicelib.core.cards import AgentSide, merge_sides, release_side
from chalicelib.core.topics import APPS, CardAddress, TopicAddress
from chalicelib.wire.bodies import Card
from chalicelib.wire.messages import Document

NO_SIDE = "null"
_AGENT_SIDE = msgspec.json.Decoder(AgentSide | None)
_RELEASE_SIDE = msgspec.json.Decoder(Card)
_COMMON = (
    "SET #version = if_not_exists(#version, :zero) + :one, #doc_seq = if_not_exists(#version, :zero) + :one, "
    "#topic = :topic, #changed_at = :changed_at, #doc_key = :doc_key, "
    "#app = :app, #environment = :environment, #environment_id = :environment_id, "
)


def card_pk(organization: str) -> str:
    """Partition key of an organisation's cards."""
    return topic_pk(TopicAddress(organization, APPS))


def card_sk(card: CardAddress) -> str:
    """Sort key and document key of a card."""
    return f"{card.app}/{card.environment_id}"


def card_release_side_update(
    table: Table, organization: str, card: Card, release_version: int, changed_at: int
) -> Item:
    """The write, for a `TransactWriteItems`, of the release side of `card`; `changed_at` in µs.

    Its condition fails when the side's stored number is not lower than `release_version`.
    """
    address = CardAddress(organization, card.app, card.environment_id, card.environment)
    part = msgspec.json.encode(release_side(card)).decode()
    names, values = _common(address, changed_at)
    return table.update_write(
        card_pk(organization),
        card_sk(address),
        _COMMON + "#number = :number, #part = :part",
        condition="attribute_not_exists(#number) OR #number < :number",
        names=names | {"number": "release_version", "part": "release_side"},
        values=values | {"number": release_version, "part": part},
    )


def update_agent_side(table: Table, card: CardAddress, seq: int, side: AgentSide | None, changed_at: int) -> None:
    """Write the agent side; raises `ConditionFailed` when `seq` is not higher, or the side is the same or never was."""
    names, values = _common(card, changed_at)
    differs = "#part <> :part" if side is not None else "attribute_exists(#part) AND #part <> :part"
    table.update(
        card_pk(card.organization),
        card_sk(card),
        _COMMON + "#number = :number, #part = :part",
        condition=f"(attribute_not_exists(#number) OR #number < :number) AND {differs}",
        names=names | {"number": "app_seq", "part": "agent_side"},
        values=values | {"number": seq, "part": msgspec.json.encode(side).decode()},
    )


def card_agent_side(item: Item) -> AgentSide | None:
    """The agent side of a card's item."""
    side: AgentSide | None = _AGENT_SIDE.decode(item.get("agent_side", NO_SIDE))
    return side


def card_of(item: Item) -> Card | None:
    """The card of both sides; none when neither has anything to show."""
    text = item.get("release_side")
    if text is None:
        release = Card(app=item["app"], environment=item["environment"], environment_id=item["environment_id"])
    else:
        release = _RELEASE_SIDE.decode(text)
    return merge_sides(release, card_agent_side(item))


def card_document(item: Item) -> Document:
    """The document of a card's item; `seq` is its version."""
    card = card_of(item)
    return Document(item["doc_key"], item["version"], None if card is None else msgspec.to_builtins(card))


def _common(card: CardAddress, changed_at: int) -> tuple[dict[str, str], Item]:
    values: Item = {
        "zero": 0,
        "one": 1,
        "topic": card_pk(card.organization),
        "changed_at": changed_at,
        "doc_key": card_sk(card),
        "app": card.app,
        "environment": card.environment,
        "environment_id": card.environment_id,
    }
    fixed = ("topic", "changed_at", "doc_key", "app", "environment", "environment_id", "version", "doc_seq")
    return {name: name for name in fixed}, values

"""From a write in either table, by its real stream, to the changes that `relay` sends on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.adapters.documents_table import DocumentsTable
from chalicelib.adapters.dynamodb import Table, to_item
from chalicelib.adapters.dynamodb.cards import card_release_side_update
from chalicelib.adapters.dynamodb.topics import document_attributes
from chalicelib.adapters.streams import changes_of
from chalicelib.core.cards import AgentSide
from chalicelib.core.topics import CardAddress, KeyVersion, TopicAddress
from chalicelib.ports.live import Change, DocumentChanged, FloorRaised, Unreadable
from chalicelib.wire import bodies
from chalicelib.wire.messages import Document
from tests.ministack_fixture import Aws, aws, aws_endpoint  # noqa: F401

pytestmark = pytest.mark.integration
ENV = TopicAddress("acme", "env:e1")
RELEASES = TopicAddress("acme", "releases")


def records_of(place: Aws, table: str) -> Iterator[dict[str, Any]]:
    """All records of a table's stream so far, as Lambda would hand them over."""
    streams = place.client("dynamodbstreams")
    arn = place.dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"]
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        yield from streams.get_records(ShardIterator=iterator)["Records"]


def test_documents_cards_and_floors_come_out_of_the_documents_stream(aws: Aws) -> None:  # noqa: F811
    table = Table(aws.documents_table, aws.dynamodb)
    documents = DocumentsTable(table)
    doc, gone = Document("app/shop", 5, {"app": "shop"}), Document("app/shop", 6, None)
    card = CardAddress("acme", "shop", "e1", "staging")
    side = AgentSide(live=bodies.LiveSummary(wanted=1), health=bodies.Health(word="Healthy"))
    released = bodies.Card(app="shop", environment="staging", environment_id="e1", repository="a/shop")

    documents.store(ENV, [doc], 100)
    documents.store(ENV, [gone], 200)
    documents.raise_floor(ENV, 6, 300)
    documents.forget(ENV, [KeyVersion("app/shop", 6)])
    documents.write_agent_side(card, 5, side, 400)
    table.transact([card_release_side_update(table, "acme", released, 1, 500)], "card")
    changes = list(changes_of(records_of(aws, aws.documents_table)))

    assert [change for change in changes if change.address == ENV] == [
        DocumentChanged(ENV, doc, 100),
        DocumentChanged(ENV, gone, 200),
        FloorRaised(ENV, 6),
    ]
    cards = [change for change in changes if isinstance(change, DocumentChanged) and change.address.topic == "apps"]
    assert [(change.doc.key, change.doc.seq, change.changed_at) for change in cards] == [
        ("shop/e1", 1, 400),
        ("shop/e1", 2, 500),
    ]
    assert cards[1].doc.body is not None
    assert cards[1].doc.body["repository"] == "a/shop"


def test_only_records_that_are_documents_come_out_of_the_records_stream(aws: Aws) -> None:  # noqa: F811
    table = Table(aws.records_table, aws.dynamodb)
    doc = Document("e1/shop/r1", 3, {"id": "r1"})

    table.put({"pk": "ORG#acme", "sk": "ENV#e1", "name": "staging"})
    table.put({"pk": "ORG#acme#RELEASE#r1", "sk": "RELEASE", "hops": [], **document_attributes(RELEASES, doc, 7)})

    assert list(changes_of(records_of(aws, aws.records_table))) == [DocumentChanged(RELEASES, doc, 7)]


@pytest.mark.parametrize(
    "broken",
    [{"doc_key": None}, {"doc_seq": "many"}, {"doc_body": "{"}, {"doc_body": "[1]"}, {"changed_at": None}],
)
def test_an_item_that_is_no_document_is_told_of_with_its_topic(broken: dict[str, Any]) -> None:
    item = document_attributes(RELEASES, Document("k", 1, {}), 5) | broken
    image = to_item({"pk": "p", "sk": "s", **{name: value for name, value in item.items() if value is not None}})

    (change,) = _changes([image])

    assert isinstance(change, Unreadable)
    assert change.address == RELEASES


def test_what_else_a_record_holds_can_not_break_it() -> None:
    item = {"pk": "p", "sk": "s", **document_attributes(RELEASES, Document("k", 1, {}), 5)}
    image = to_item(item) | {"ratio": {"N": "0.5"}, "strange": {"NS": ["1"]}}

    assert _changes([image]) == [DocumentChanged(RELEASES, Document("k", 1, {}), 5)]


def _changes(images: list[dict[str, Any]]) -> list[Change]:
    return list(changes_of([{"eventName": "MODIFY", "dynamodb": {"NewImage": image}} for image in images]))

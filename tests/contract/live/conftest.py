"""Each suite of this folder runs on the fakes and on the adapters against the embedded MiniStack."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.adapters.connections_table import ConnectionsTable, SubscriptionsTable, TicketsTable
from chalicelib.adapters.documents_table import DocumentsTable
from chalicelib.adapters.dynamodb import Table
from chalicelib.adapters.dynamodb.cards import card_release_side_update
from chalicelib.adapters.dynamodb.topics import document_attributes
from chalicelib.adapters.topics_table import TopicsTable
from chalicelib.core.errors import Conflict
from chalicelib.core.topics import TopicAddress
from chalicelib.ports.connections import Connections, Subscriptions, Tickets
from chalicelib.ports.live import Cards, DocumentStore, TopicReader
from chalicelib.wire import bodies
from chalicelib.wire.messages import Document
from tests.fakes_live import FakeConnections, FakeDocuments, FakeSubscriptions, FakeTickets
from tests.ministack_fixture import aws, aws_endpoint  # noqa: F401


@dataclass
class Store:
    """The ports of one place that keeps live state."""

    documents: DocumentStore
    cards: Cards
    topics: TopicReader
    connections: Connections
    subscriptions: Subscriptions
    tickets: Tickets
    place: Any

    def write_release_side(self, organization: str, card: bodies.Card, number: int, changed_at: int) -> bool:
        """Write as a release's transition does; whether it was written."""
        if isinstance(self.place, FakeDocuments):
            return self.place.write_release_side(organization, card, number, changed_at)
        documents: Table = self.place["documents"]
        try:
            documents.transact([card_release_side_update(documents, organization, card, number, changed_at)], "card")
        except Conflict:
            return False
        return True

    def record(self, address: TopicAddress, doc: Document, changed_at: int) -> None:
        """Write a record that is shown as a document."""
        if isinstance(self.place, FakeDocuments):
            self.place.store(address, [doc], changed_at)
        else:
            item = {"pk": f"ORG#{address.organization}#REL#{doc.key}", "sk": "RELEASE", "secret": "not shown"}
            self.place["records"].put(item | document_attributes(address, doc, changed_at))


@pytest.fixture(params=["fake", pytest.param("dynamodb", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A place that keeps live state, empty."""
    if request.param == "fake":
        documents, subscriptions = FakeDocuments(), FakeSubscriptions()
        connections = FakeConnections(subscriptions)
        yield Store(documents, documents, documents, connections, subscriptions, FakeTickets(), documents)
        return
    place = request.getfixturevalue("aws")
    table, records = Table(place.documents_table, place.dynamodb), Table(place.records_table, place.dynamodb)
    kept = DocumentsTable(table)
    yield Store(
        kept,
        kept,
        TopicsTable(table, records),
        ConnectionsTable(table),
        SubscriptionsTable(table),
        TicketsTable(table),
        {"documents": table, "records": records},
    )

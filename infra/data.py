"""What is kept where: the two tables and their indexes, as values.

The local system, the tests and the package make the same tables from these. It refuses to know any SDK and to hold
anything that differs between places (names of real tables are chosen by who creates them).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

STREAM_VIEW = "NEW_IMAGE"
BUCKET_NAME = "gimlet-data"

KeyKind = Literal["S", "N"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """A key attribute and its type."""

    name: str
    kind: KeyKind = "S"


@dataclass(frozen=True, slots=True)
class Index:
    """A global secondary index; it projects every attribute."""

    name: str
    partition_key: Attribute
    sort_key: Attribute


@dataclass(frozen=True, slots=True)
class Table:
    """A table with partition key `pk`, sort key `sk` and a stream of new images."""

    name: str
    indexes: tuple[Index, ...]
    point_in_time_recovery: bool
    expires_attribute: str | None = None
    """The attribute that holds the time to live in epoch seconds, when rows may expire."""


_PK, _SK = Attribute("pk"), Attribute("sk")
INDEX1 = Index("index1", Attribute("i1pk"), Attribute("i1sk"))
INDEX2 = Index("index2", Attribute("i2pk"), Attribute("i2sk"))
CHANGED = Index("changed", Attribute("topic"), Attribute("changed_at", "N"))

RECORDS = Table("records", (INDEX1, INDEX2, CHANGED), point_in_time_recovery=True)
DOCUMENTS = Table("documents", (INDEX1, CHANGED), point_in_time_recovery=False, expires_attribute="expires_at")
TABLES = (RECORDS, DOCUMENTS)


def create_table_request(table: Table, name: str = "") -> dict[str, Any]:
    """The arguments of DynamoDB's CreateTable for `table`, called `name` (its own name by default)."""
    keys = {key.name: key for index in table.indexes for key in (index.partition_key, index.sort_key)}
    return {
        "TableName": name or table.name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": _key_schema(_PK, _SK),
        "AttributeDefinitions": [
            {"AttributeName": key.name, "AttributeType": key.kind} for key in (_PK, _SK, *keys.values())
        ],
        "GlobalSecondaryIndexes": [_index_request(index) for index in table.indexes],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": STREAM_VIEW},
    }


def _index_request(index: Index) -> dict[str, Any]:
    return {
        "IndexName": index.name,
        "KeySchema": _key_schema(index.partition_key, index.sort_key),
        "Projection": {"ProjectionType": "ALL"},
    }


def _key_schema(partition_key: Attribute, sort_key: Attribute) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition_key.name, "KeyType": "HASH"},
        {"AttributeName": sort_key.name, "KeyType": "RANGE"},
    ]

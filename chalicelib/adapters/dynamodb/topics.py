"""How a document lies in an item, in both tables: attributes `topic`, `changed_at`, `doc_key`, `doc_seq`, `doc_body`.

In the documents table the topic is the partition key and the document's key the sort key; in the records table the
item is a record that carries these attributes too. `topic` and `changed_at` are the keys of the index `changed`.
"""

from typing import Any

import msgspec

from chalicelib.adapters.dynamodb.items import Item
from chalicelib.core.topics import TopicAddress
from chalicelib.wire.messages import Document

FLOOR_KEY = "#floor"  # sort key of a topic's floor; no document's key starts with '#'
_BODY = msgspec.json.Decoder(dict[str, Any])


def topic_pk(address: TopicAddress) -> str:
    """Partition key of a topic, and the value of `topic`."""
    return f"ORG#{address.organization}#TOPIC#{address.topic}"


def topic_address(pk: str) -> TopicAddress | None:
    """The topic of such a key; none for keys of anything else."""
    head, found, topic = pk.partition("#TOPIC#")
    if not found or not head.startswith("ORG#"):
        return None
    return TopicAddress(head.removeprefix("ORG#"), topic)


def document_attributes(address: TopicAddress, doc: Document, changed_at: int) -> Item:
    """What an item carries so that it is the document; a record's item gets these beside its own."""
    attributes: Item = {
        "topic": topic_pk(address),
        "changed_at": changed_at,
        "doc_key": doc.key,
        "doc_seq": doc.seq,
    }
    if doc.body is not None:
        attributes["doc_body"] = msgspec.json.encode(doc.body).decode()
    return attributes


def document_of(item: Item) -> Document:
    """The document an item carries; raises `KeyError` or `msgspec.MsgspecError` for one that carries none."""
    body = item.get("doc_body")
    fields = {"key": item["doc_key"], "seq": item["doc_seq"], "body": _BODY.decode(body) if body is not None else None}
    return msgspec.convert(fields, Document)

"""Documents for the live view, in pages of at most 1 MB."""

import msgspec
from chalice import Blueprint

from chalicelib import wiring
from chalicelib.core.actors import Permission
from chalicelib.core.errors import NotAllowed, NotFound
from chalicelib.core.topics import TopicAddress, is_topic, microseconds
from chalicelib.routes.http import Answer, Ask, route
from chalicelib.wire.messages import Document

live = Blueprint(__name__)


class DocumentsAnswer(msgspec.Struct):
    """A page of a topic: fold it with what the socket brings, in any order."""

    docs: list[Document]
    floor: int
    changed_at: int
    next: str | None


@route(live, "GET", "/v1/documents", Permission.READ, gives=DocumentsAnswer, query=("topic", "prefix", "cursor"))
def documents(ask: Ask) -> Answer:
    """Documents of a topic."""
    if ask.who.environments:
        raise NotAllowed("a token that is bound to environments may not read topics, which span all of them")
    topic = ask.one("topic")
    if not is_topic(topic):
        raise NotFound(f"there is no topic {topic[:60]!r}")
    page = wiring.topics().page(
        TopicAddress(ask.who.organization_id, topic),
        prefix=ask.one("prefix"),
        cursor=ask.one("cursor") or None,
        now_us=microseconds(wiring.clock()()),
    )
    return Answer(200, DocumentsAnswer(page.docs, page.floor, page.changed_at, page.next))

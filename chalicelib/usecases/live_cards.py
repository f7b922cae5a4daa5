"""The agent side of cards follows the app documents, whatever order their writers run in.

A card is written after its document and checked against what is stored once more after that: without the second look
two writers of one app could leave the older one's card behind, since a side that looks the same is not written.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from chalicelib.core.agent_documents import APP_PREFIX, AgentDocument, body_of
from chalicelib.core.cards import AgentSide, agent_side
from chalicelib.core.errors import StoreUnavailable
from chalicelib.core.health import health
from chalicelib.core.topics import CardAddress, KeyVersion, environment_topic, microseconds
from chalicelib.ports.connections import AgentIdentity
from chalicelib.ports.live import Cards, DocumentStore
from chalicelib.wire import bodies
from chalicelib.wire.messages import Document

MAX_ROUNDS = 10  # of writers that overtake each other on one app
MAX_FORGOTTEN = 500  # documents removed in one go


def show_app(
    agent: AgentIdentity, newest: Iterable[AgentDocument], documents: DocumentStore, cards: Cards, now: datetime
) -> None:
    """Bring the cards of these app documents up to date; documents of other kinds have none."""
    apps = [one.doc for one in newest if one.doc.key.startswith(APP_PREFIX)]
    if not apps:
        return
    for doc in apps:
        _show(agent, doc, documents, cards, now)
    floor = documents.floor(environment_topic(agent.organization, agent.environment_id))
    for doc in apps:
        if doc.seq <= floor:
            _clear(agent, doc.key, floor, documents, cards, now)


def tidy(
    agent: AgentIdentity,
    versions: Sequence[KeyVersion],
    floor: int,
    documents: DocumentStore,
    cards: Cards,
    now: datetime,
) -> None:
    """See to what is at or below the floor: cards show it no more, then it is removed. Safe to do again."""
    below = [version for version in versions if version.seq <= floor][:MAX_FORGOTTEN]
    for version in below:
        if version.key.startswith(APP_PREFIX):
            _clear(agent, version.key, floor, documents, cards, now)
    documents.forget(environment_topic(agent.organization, agent.environment_id), below)


def _clear(agent: AgentIdentity, key: str, floor: int, documents: DocumentStore, cards: Cards, now: datetime) -> None:
    """Show the app no more, unless a document above the floor came meanwhile and left its card as it was."""
    cards.write_agent_side(_card(agent, key), floor, None, microseconds(now))
    newest = documents.get(environment_topic(agent.organization, agent.environment_id), key)
    if newest is not None and newest.seq > floor:
        _show(agent, newest, documents, cards, now)


def _show(agent: AgentIdentity, doc: Document, documents: DocumentStore, cards: Cards, now: datetime) -> None:
    topic, card = environment_topic(agent.organization, agent.environment_id), _card(agent, doc.key)
    for _ in range(MAX_ROUNDS):
        side = _side(doc, cards.agent_side(card), now)
        if not cards.write_agent_side(card, doc.seq, side, microseconds(now)):
            return
        newest = documents.get(topic, doc.key)
        if newest is None or newest.seq <= doc.seq:
            return
        doc = newest
    raise StoreUnavailable(f"{doc.key} changes faster than its card can follow")


def _side(doc: Document, previous: AgentSide | None, now: datetime) -> AgentSide | None:
    app = body_of(doc)
    if not isinstance(app, bodies.App):
        return None
    return agent_side(app, health(app, now, previous.health if previous is not None else None))


def _card(agent: AgentIdentity, key: str) -> CardAddress:
    return CardAddress(agent.organization, key.removeprefix(APP_PREFIX), agent.environment_id, agent.environment)

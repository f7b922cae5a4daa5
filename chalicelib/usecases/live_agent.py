"""What an agent tells us: fold its documents, keep the cards in step, and pass on what Flux did to a release.

A frame is acknowledged only when its documents, their cards and what they mean for releases are stored; whatever fails
in between is sent again by the agent, and doing all of it twice changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zlib import crc32

from chalicelib.core.agent_documents import (
    AgentDocument,
    BadDocument,
    body_of,
    check_agent_document,
    kustomization_of,
)
from chalicelib.core.documents import digest, is_acceptable_seq
from chalicelib.core.topics import environment_topic, microseconds
from chalicelib.ports.connections import AgentIdentity, Connection, Delivery, Post
from chalicelib.ports.live import AgentInfo, LivePorts, ReleaseProgress
from chalicelib.usecases.live_cards import show_app, tidy
from chalicelib.usecases.live_presence import disconnect, turn_away
from chalicelib.wire.codec import encode
from chalicelib.wire.messages import Ack, AgentDocs, AgentFloor, Hello, ToAgent, Welcome

COMPARE_EACH_MINUTES = 10
SHORT = 64  # characters kept of what an agent says of itself


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of a message, for the log."""

    outcome: str
    stored: int = 0
    refused: tuple[str, ...] = ()


def greet(connection: Connection, agent: AgentIdentity, hello: Hello, live: LivePorts, now: datetime) -> Heard:
    """Give the environment to the newest connection, and tell it what we hold."""
    taken = live.connections.take_environment(connection)
    if taken is None:
        live.connections.close(connection.id)
        turn_away(connection.id, "replaced", live.sockets)
        return Heard("replaced")
    if taken.previous is not None:
        turn_away(taken.previous, "replaced", live.sockets)
    info = AgentInfo(
        connection.id,
        hello.instance[:SHORT],
        hello.agent_version[:SHORT],
        hello.kubernetes_version[:SHORT],
        tuple(name[:SHORT] for name in hello.capabilities[:SHORT]),
    )
    live.presence.online(agent.organization, agent.environment_id, info, now)
    return _answer(connection, _welcome(agent, live, now), live, now, "welcome")


def fold_docs(
    connection: Connection, agent: AgentIdentity, message: AgentDocs, live: LivePorts, now: datetime
) -> Heard:
    """Store a frame's documents with all that follows from them, then acknowledge it."""
    now_us = microseconds(now)
    checked, refused = _check(message, now_us)
    topic = environment_topic(agent.organization, agent.environment_id)
    held = live.documents.store(topic, [one.doc for one in checked], now_us)
    newest = [AgentDocument(doc, body_of(doc)) for doc in held.values()]
    show_app(agent, newest, live.documents, live.cards, now)
    _tell_releases(agent, newest, live.progress, now)
    heard = _answer(connection, Ack([message.frame]), live, now, "docs")
    return Heard(heard.outcome, len(checked), refused)


def fold_floor(agent: AgentIdentity, message: AgentFloor, live: LivePorts, now: datetime) -> Heard:
    """Raise the floor, then see to what is below it."""
    now_us = microseconds(now)
    if not is_acceptable_seq(message.seq, now_us=now_us):
        return Heard("refused", refused=(f"floor {message.seq} is negative or too far ahead",))
    topic = environment_topic(agent.organization, agent.environment_id)
    live.documents.raise_floor(topic, message.seq, now_us)
    tidy(agent, live.documents.versions(topic), message.seq, live.documents, live.cards, now)
    return Heard("floor")


def heartbeat(connection: Connection, agent: AgentIdentity, live: LivePorts, now: datetime) -> Heard:
    """Nothing, but once in ten minutes say again what we hold, for the agent to compare."""
    minute = int(now.timestamp()) // 60
    if (minute + crc32(connection.id.encode())) % COMPARE_EACH_MINUTES:
        return Heard("heartbeat")
    return _answer(connection, _welcome(agent, live, now), live, now, "compared")


def _welcome(agent: AgentIdentity, live: LivePorts, now: datetime) -> Welcome:
    topic = environment_topic(agent.organization, agent.environment_id)
    versions = live.documents.versions(topic)
    floor = live.documents.floor(topic)
    tidy(agent, versions, floor, live.documents, live.cards, now)
    living = [(one.key, one.seq) for one in versions if one.seq > floor and not one.gone]
    seq = max((one.seq for one in versions), default=0)
    return Welcome(max(seq, floor), len(living), digest(living), agent.environment, dict(agent.adopted))


def _check(message: AgentDocs, now_us: int) -> tuple[list[AgentDocument], tuple[str, ...]]:
    checked: list[AgentDocument] = []
    refused: list[str] = []
    for doc in message.docs:
        try:
            checked.append(check_agent_document(doc, now_us=now_us))
        except BadDocument as error:
            refused.append(str(error))
    return checked, tuple(refused)


def _tell_releases(
    agent: AgentIdentity, newest: Iterable[AgentDocument], progress: ReleaseProgress, now: datetime
) -> None:
    for one in newest:
        sight = kustomization_of(one)
        if sight is not None:
            app, kustomization = sight
            progress.observe(agent, app, kustomization, now)


def _answer(connection: Connection, message: ToAgent, live: LivePorts, now: datetime, outcome: str) -> Heard:
    if live.sockets.post(Post(connection.id, encode(message))) is Delivery.GONE:
        disconnect(connection.id, live.connections, live.presence, now)
        return Heard("gone")
    return Heard(outcome)

"""How a socket ends: it closes by itself, somebody takes its right away, or nobody hears of it any more."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.ports.connections import Connection, Connections, Post, Sockets, agent_holder, session_holder
from chalicelib.ports.live import EnvironmentPresence
from chalicelib.wire.codec import encode
from chalicelib.wire.messages import Bye

SILENT_AFTER = timedelta(seconds=150)  # agents speak each 60 s


@dataclass(frozen=True, slots=True)
class OnlineEnvironment:
    """An environment whose record says that its agent is online, and on which connection."""

    organization: str
    environment_id: str
    connection_id: str


def disconnect(
    connection_id: str, connections: Connections, presence: EnvironmentPresence, now: datetime
) -> Connection | None:
    """Forget a socket that is closed; its environment is away since `now` when it was the agent's. Idempotent.

    The record first: a row that is left can be found again, a record that is left would say online for ever.
    """
    held = connections.get(connection_id)
    if held is not None:
        _leave(held, presence, now)
    return connections.close(connection_id)


def _leave(connection: Connection, presence: EnvironmentPresence, since: datetime) -> None:
    if connection.agent is not None and connection.owns:
        presence.away(connection.agent.organization, connection.agent.environment_id, connection.id, since)


def turn_away(connection_id: str, reason: str, sockets: Sockets) -> None:
    """Say why and close. The row is somebody else's to forget, before: so nothing it sends meanwhile counts."""
    sockets.post(Post(connection_id, encode(Bye(reason))))
    sockets.close(connection_id)


def cut(
    connection_id: str,
    reason: str,
    connections: Connections,
    sockets: Sockets,
    presence: EnvironmentPresence,
    now: datetime,
) -> None:
    """Take a socket's rights away and close it: its rows first, so that it is deaf and dumb from then on."""
    closed = connections.close(connection_id)
    if closed is not None and closed.agent is not None:
        turn_away(connection_id, reason, sockets)
        _leave(closed, presence, now)
    else:
        sockets.close(connection_id)


def cut_session(
    organization: str,
    session_id: str,
    connections: Connections,
    sockets: Sockets,
    presence: EnvironmentPresence,
    now: datetime,
) -> int:
    """Close every socket of a session that ended or was revoked; how many there were."""
    return _cut_holder(organization, session_holder(session_id), connections, sockets, presence, now)


def cut_agent(
    organization: str,
    environment_id: str,
    connections: Connections,
    sockets: Sockets,
    presence: EnvironmentPresence,
    now: datetime,
) -> int:
    """Close every socket of an environment's agent, when its key was rotated out or the environment removed."""
    return _cut_holder(organization, agent_holder(environment_id), connections, sockets, presence, now)


def _cut_holder(
    organization: str,
    holder: str,
    connections: Connections,
    sockets: Sockets,
    presence: EnvironmentPresence,
    now: datetime,
) -> int:
    found = connections.of_holder(organization, holder)
    for connection_id in found:
        cut(connection_id, "revoked", connections, sockets, presence, now)
    return len(found)


def check_agent(
    environment: OnlineEnvironment,
    connections: Connections,
    sockets: Sockets,
    presence: EnvironmentPresence,
    now: datetime,
) -> bool:
    """Whether the agent of an environment whose record says online is there; one silent for 150 s is away.

    Away since it was last active, or since `now` when the closed socket left no trace of that.
    """
    active_at = sockets.last_active_at(environment.connection_id)
    owner = connections.owner(environment.organization, environment.environment_id)
    if owner == environment.connection_id and active_at is not None and now - active_at < SILENT_AFTER:
        return True
    presence.away(environment.organization, environment.environment_id, environment.connection_id, active_at or now)
    connections.close(environment.connection_id)
    sockets.close(environment.connection_id)
    return False

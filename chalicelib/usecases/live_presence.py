"""How a socket ends: it closes by itself, somebody takes its right away, or nobody hears of it any more."""

from datetime import datetime, timedelta

from chalicelib.ports.connections import Connection, Connections, Post, Sockets, agent_holder, session_holder
from chalicelib.ports.live import EnvironmentPresence
from chalicelib.wire.codec import encode
from chalicelib.wire.messages import Bye

SILENT_AFTER = timedelta(seconds=150)  # agents speak each 60 s


def disconnect(
    connection_id: str, connections: Connections, presence: EnvironmentPresence, now: datetime
) -> Connection | None:
    """Forget a socket that is closed; its environment is away since `now` when it was the agent's. Idempotent."""
    closed = connections.close(connection_id)
    if closed is not None and closed.agent is not None and closed.owns:
        presence.away(closed.agent.organization, closed.agent.environment_id, connection_id, now)
    return closed


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
    """Take a socket's rights away and close it: rows first, so that it is deaf and dumb from then on."""
    closed = disconnect(connection_id, connections, presence, now)
    if closed is not None and closed.agent is not None:
        turn_away(connection_id, reason, sockets)
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
    organization: str,
    environment_id: str,
    connections: Connections,
    sockets: Sockets,
    presence: EnvironmentPresence,
    now: datetime,
) -> bool:
    """Whether the environment's agent is there; one that is silent for 150 s is away since it was last active.

    Without a trace of its last activity (the socket is closed) it is away since `now`.
    """
    connection_id = connections.owner(organization, environment_id)
    if connection_id is None:
        return False
    active_at = sockets.last_active_at(connection_id)
    if active_at is not None and now - active_at < SILENT_AFTER:
        return True
    presence.away(organization, environment_id, connection_id, active_at or now)
    connections.close(connection_id)
    sockets.close(connection_id)
    return False

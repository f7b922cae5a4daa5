"""Who may open a socket: an agent by its environment's key, a browser by a one-use ticket. Anything else is 401."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.core.actors import Caller
from chalicelib.core.topics import microseconds
from chalicelib.ports.connections import AgentKeys, Connection, Connections, Tickets
from chalicelib.wire.messages import PROTOCOL, TICKET_PREFIX

TICKET_LIFE = timedelta(seconds=30)
MAX_CREDENTIAL_LENGTH = 512


@dataclass(frozen=True, slots=True)
class Admission:
    """The answer to `$connect`: a status, and the subprotocol that the browser's answer names."""

    status: int
    subprotocol: str | None = None
    who: str = ""  # for the log: agent, browser, nobody

    def as_response(self) -> dict[str, object]:
        """What API Gateway expects of a `$connect` integration."""
        if self.subprotocol is None:
            return {"statusCode": self.status}
        return {"statusCode": self.status, "headers": {"Sec-WebSocket-Protocol": self.subprotocol}}


NOBODY = Admission(401, None, "nobody")


@dataclass(frozen=True, slots=True)
class Ticket:
    """A one-use proof for opening a socket."""

    ticket: str
    expires_at: datetime


def issue_ticket(caller: Caller, tickets: Tickets, now: datetime) -> Ticket:
    """A ticket that opens one socket with what the caller may, for 30 s."""
    expires_at = now + TICKET_LIFE
    return Ticket(tickets.issue(caller, expires_at), expires_at)


def connect(
    connection_id: str,
    headers: Mapping[str, str],
    connections: Connections,
    keys: AgentKeys,
    tickets: Tickets,
    now: datetime,
) -> Admission:
    """Accept a socket and remember whose it is, or refuse it. `headers`: names in any case, one value each."""
    lower = {name.lower(): value for name, value in headers.items()}
    if "authorization" in lower:
        return _connect_agent(connection_id, lower["authorization"], connections, keys, now)
    return _connect_browser(connection_id, lower.get("sec-websocket-protocol", ""), connections, tickets, now)


def _connect_agent(
    connection_id: str, authorization: str, connections: Connections, keys: AgentKeys, now: datetime
) -> Admission:
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(key.strip()) <= MAX_CREDENTIAL_LENGTH:
        return NOBODY
    agent = keys.agent_of(key.strip(), now)
    if agent is None:
        return NOBODY
    connections.open(Connection(connection_id, microseconds(now), agent=agent))
    return Admission(200, None, "agent")


def _connect_browser(
    connection_id: str, offered: str, connections: Connections, tickets: Tickets, now: datetime
) -> Admission:
    names = [name.strip() for name in offered.split(",")]
    values = [name.removeprefix(TICKET_PREFIX) for name in names if name.startswith(TICKET_PREFIX)]
    if PROTOCOL not in names or len(values) != 1 or not 0 < len(values[0]) <= MAX_CREDENTIAL_LENGTH:
        return NOBODY
    caller = tickets.redeem(values[0], now)
    if caller is None:
        return NOBODY
    connections.open(Connection(connection_id, microseconds(now), caller=caller))
    return Admission(200, PROTOCOL, "browser")

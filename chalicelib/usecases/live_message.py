"""One message of one socket: whose it is decides what it may be, and a socket that was cut says nothing any more."""

from datetime import datetime

from chalicelib.core.errors import Conflict, Unavailable
from chalicelib.ports.connections import AgentIdentity, Connection
from chalicelib.ports.live import LivePorts
from chalicelib.usecases.live_agent import Heard, fold_docs, fold_floor, greet, heartbeat
from chalicelib.usecases.live_browser import close_if_gone, refuse_command, subscribe, unsubscribe
from chalicelib.usecases.live_presence import turn_away
from chalicelib.wire.codec import BadMessage, decode_from_agent, decode_from_browser
from chalicelib.wire.messages import (
    AgentDocs,
    AgentFloor,
    BrowserCommand,
    FromAgent,
    FromBrowser,
    Heartbeat,
    Hello,
    Subscribe,
    Unsubscribe,
)


def receive(connection_id: str, text: str, live: LivePorts, now: datetime) -> Heard:
    """Handle a message. Never raises an expected failure: an agent sends again what is not acknowledged."""
    try:
        connection = live.connections.get(connection_id)
        if connection is None:
            turn_away(connection_id, "replaced", live.sockets)
            return Heard("unknown")
        if connection.agent is not None:
            return _from_agent(connection, connection.agent, decode_from_agent(text), live, now)
        return Heard(_from_browser(connection, decode_from_browser(text), live, now))
    except BadMessage as error:
        return Heard(error.code)
    except (Conflict, Unavailable) as error:
        return Heard("unavailable", refused=(error.message,))


def _from_agent(
    connection: Connection, agent: AgentIdentity, message: FromAgent, live: LivePorts, now: datetime
) -> Heard:
    if isinstance(message, Hello):
        return greet(connection, agent, message, live, now)
    if not connection.owns:
        return Heard("before_hello")
    match message:
        case AgentDocs():
            return fold_docs(connection, agent, message, live, now)
        case AgentFloor():
            return fold_floor(agent, message, live, now)
        case Heartbeat():
            return heartbeat(connection, agent, live, now)
        case _:
            return Heard("unasked")  # a result of a command that nobody gave


def _from_browser(connection: Connection, message: FromBrowser, live: LivePorts, now: datetime) -> str:
    match message:
        case Subscribe():
            outcome = subscribe(connection, message, live.subscriptions, live.topics, live.sockets, now)
            return close_if_gone(outcome, connection, live.connections)
        case Unsubscribe():
            return unsubscribe(connection, message, live.subscriptions)
        case BrowserCommand():
            return refuse_command(connection, message.request_id, live.sockets)
        case _:
            return "ping"

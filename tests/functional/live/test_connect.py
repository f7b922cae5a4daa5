"""Who may open a socket."""

from dataclasses import replace

import pytest

from chalicelib.usecases.live_connect import Admission, connect, issue_ticket
from chalicelib.usecases.live_presence import cut_session
from tests.functional.live.rig import CALLER, Rig


@pytest.fixture
def rig() -> Rig:
    return Rig()


def attempt(rig: Rig, headers: dict[str, str], name: str = "x") -> Admission:
    return connect(name, headers, rig.connections, rig.keys, rig.tickets, rig.clock.now)


def test_an_agent_opens_with_its_environments_key(rig: Rig) -> None:
    admission = attempt(rig, {"Authorization": "Bearer secret"})

    assert admission.as_response() == {"statusCode": 200}
    assert rig.connections.rows["x"].agent == rig.keys.agents["secret"]


def test_a_browser_opens_with_a_ticket_once_and_is_answered_the_protocol_only(rig: Rig) -> None:
    ticket = issue_ticket(CALLER, rig.tickets, rig.clock.now).ticket
    headers = {"sec-websocket-protocol": f"gimlet.v1, ticket.{ticket}"}

    admission = attempt(rig, headers)

    assert admission.as_response() == {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "gimlet.v1"}}
    assert rig.connections.rows["x"].caller == CALLER
    assert attempt(rig, headers, "y").status == 401
    assert "y" not in rig.connections.rows


def test_a_ticket_lives_for_30_seconds(rig: Rig) -> None:
    made = issue_ticket(CALLER, rig.tickets, rig.clock.now)
    rig.clock.later(31)

    assert (made.expires_at - rig.clock.now).total_seconds() == -1
    assert attempt(rig, {"Sec-WebSocket-Protocol": f"gimlet.v1, ticket.{made.ticket}"}).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic secret"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer " + "x" * 600},
        {"Sec-WebSocket-Protocol": "gimlet.v1"},
        {"Sec-WebSocket-Protocol": "gimlet.v1, ticket."},
        {"Sec-WebSocket-Protocol": "ticket.ticket-1"},
        {"Sec-WebSocket-Protocol": "gimlet.v1, ticket.ticket-1, ticket.ticket-2"},
        {"Sec-WebSocket-Protocol": "gimlet.v2, ticket.ticket-1"},
        {"Authorization": "Bearer wrong", "Sec-WebSocket-Protocol": "gimlet.v1, ticket.ticket-1"},
    ],
)
def test_everything_else_is_refused_and_leaves_nothing_behind(rig: Rig, headers: dict[str, str]) -> None:
    issue_ticket(CALLER, rig.tickets, rig.clock.now)
    issue_ticket(CALLER, rig.tickets, rig.clock.now)

    assert attempt(rig, headers).as_response() == {"statusCode": 401}
    assert rig.connections.rows == {}


def test_the_end_of_a_session_closes_its_sockets_and_no_others(rig: Rig) -> None:
    rig.open_browser("b1")
    rig.open_browser("b2")
    rig.open_browser("b3", replace(CALLER, session_id="s2"))
    rig.say("b1", {"type": "subscribe", "topic": "apps"})

    closed = cut_session("acme", "s1", rig.connections, rig.sockets, rig.presence, rig.clock.now)

    assert closed == 2
    assert sorted(rig.sockets.closed) == ["b1", "b2"]
    assert list(rig.connections.rows) == ["b3"]
    assert rig.subscriptions.rows == {}

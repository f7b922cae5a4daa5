"""Defences 12, 13 and 14: other sites, and sockets that would outlive what opened them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from chalicelib import workers
from chalicelib.core.actors import Permission, Scope
from chalicelib.core.topics import microseconds
from chalicelib.ports.live import DocumentChanged
from chalicelib.routes.http import ROUTES, Route
from chalicelib.usecases import live_message
from chalicelib.usecases.live_records import RecordedAccess
from chalicelib.usecases.live_relay import RelayPorts, relay
from chalicelib.wire.codec import encode
from chalicelib.wire.messages import Document, Subscribe
from tests.functional.api.gate import PUBLIC_URL, Gate
from tests.functional.api.shop import open_shop

OPEN = {Permission.ANYONE, Permission.SIGNATURE, Permission.CODE}
MUTATIONS = [one for one in ROUTES if one.method != "GET" and one.permission not in OPEN]
FOREIGN = [
    {"X_Gimlet_CSRF": ""},
    {"Origin": ""},
    {"Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://gimlet.example"},
    {"Origin": "https://gimlet.example.evil.example"},
    {"Origin": "https://gimlet.example:8443"},
    {"Origin": "https://evil.example", "Host": "evil.example"},
    {"Origin": "http://localhost", "Host": "localhost"},
    {"Origin": "", "Referer": PUBLIC_URL + "/"},
]


@pytest.mark.parametrize("one", MUTATIONS, ids=lambda one: f"{one.method} {one.path}")
def test_12_no_other_site_makes_a_signed_in_browser_change_anything(gate: Gate, one: Route) -> None:
    open_shop(gate)
    session = gate.new_session()
    path = re.sub(r"\{env\}", "staging", re.sub(r"\{app\}", "shop", one.path)) + "?env=staging&app=shop&sha=aaaa"
    before, queued = dict(gate.town.records.rows), list(gate.town.queues.intake)

    for headers in FOREIGN:
        assert (gate.browse(session, one.method, path, {}, **headers).status, headers) == (403, headers)

    assert gate.town.records.rows == before
    assert gate.town.queues.intake == queued
    assert gate.tickets.issued == 0
    assert gate.browse(session, one.method, path, {}).status != 403


@pytest.mark.parametrize("one", [one for one in ROUTES if one.method == "GET"], ids=lambda one: one.path)
def test_12_reading_changes_nothing(gate: Gate, one: Route) -> None:
    open_shop(gate)
    session = gate.new_session()
    path = re.sub(r"\{env\}", "staging", re.sub(r"\{app\}", "shop", one.path))
    before = dict(gate.town.records.rows)

    gate.browse(session, "GET", re.sub(r"\{\w+\}", "x", path) + "?env=staging&app=shop&id=x&topic=apps")

    assert gate.town.records.rows == before
    assert (gate.town.queues.intake, gate.town.queues.render, gate.town.queues.rings) == ([], [], [])


def test_12_nothing_is_allowed_to_other_origins(gate: Gate) -> None:
    answer = gate.browse(gate.new_session(), "GET", "/v1/me", Origin="https://evil.example")

    assert [name for name in answer.headers if name.lower().startswith("access-control-")] == []


def test_12_a_browser_of_this_machine_is_ours_on_its_own_port_only(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.settings import settings

    monkeypatch.setenv("LOCAL", "1")
    monkeypatch.setenv("PUBLIC_URL", "http://localhost:8000")
    settings.cache_clear()
    cookie = f"gimlet-local={gate.new_session()}"

    def answer(origin: str, host: str = "localhost:8000") -> int:
        headers = {"Cookie": cookie, "Origin": origin, "Host": host, "X-Gimlet-CSRF": "1"}
        return gate.call("POST", "/v1/session/ticket", token="", headers=headers).status

    assert answer("http://localhost:8000") == 201
    assert answer("http://127.0.0.1:8000", "127.0.0.1:8000") == 201
    assert answer("http://localhost:9000") == 403
    assert answer("http://evil.example") == 403
    assert answer("http://localhost.evil.example:8000") == 403


def test_13_no_answer_sends_a_browser_elsewhere(gate: Gate) -> None:
    session = gate.new_session()

    for one in ROUTES:
        path = re.sub(r"\{\w+\}", "x", one.path) + "?next=https://evil.example&redirect_uri=//evil.example"
        answer = gate.browse(session, one.method, path, {})
        assert not 300 <= answer.status < 400
        assert "Location" not in answer.headers
        session = gate.new_session() if one.path == "/v1/session" else session


def _socket(gate: Gate, session: str) -> str:
    """A browser's socket that looks at the apps."""
    ticket = gate.browse(session, "POST", "/v1/session/ticket").body["ticket"]
    name = f"socket-{gate.tickets.issued}"
    headers = {"Sec-WebSocket-Protocol": f"gimlet.v1, ticket.{ticket}"}
    assert workers.connect({"requestContext": {"connectionId": name}, "headers": headers})["statusCode"] == 200
    live_message.receive(name, encode(Subscribe("apps")), gate.live, gate.town.clock())
    return name


def _change(gate: Gate, text: str) -> None:
    """A card changes, and `relay` hears of it."""
    access = RecordedAccess(gate.town.records, gate.town.clock)
    ports = RelayPorts(gate.subscriptions, gate.connections, gate.sockets, access, gate.pace)
    now = gate.town.clock()
    address = next(iter(gate.documents.stored))
    apps = type(address)("acme", "apps")
    relay([DocumentChanged(apps, Document("shop/e", 9, {"app": text}), microseconds(now))], ports, now)


def test_14_a_socket_ends_with_its_session_and_others_stay(gate: Gate) -> None:
    open_shop(gate)
    mine, other = gate.new_session(), gate.new_session()
    ended, kept = _socket(gate, mine), _socket(gate, other)

    assert gate.browse(mine, "DELETE", "/v1/session").status == 204
    _change(gate, "news")

    assert gate.sockets.closed == [ended]
    assert "news" not in "".join(gate.sockets.texts_to(ended))
    assert "news" in "".join(gate.sockets.texts_to(kept))
    assert gate.browse(mine, "GET", "/v1/me").status == 401


def test_14_what_a_cut_socket_still_says_does_nothing(gate: Gate) -> None:
    open_shop(gate)
    session = gate.new_session()
    socket = _socket(gate, session)
    gate.browse(session, "DELETE", "/v1/session")

    heard = live_message.receive(socket, encode(Subscribe("releases")), gate.live, gate.town.clock())

    assert heard.outcome == "unknown"
    assert gate.subscriptions.rows == {}


@pytest.mark.parametrize("age", [timedelta(hours=12, seconds=1), timedelta(days=8)])
def test_14_a_socket_shows_nothing_once_its_session_is_too_old(gate: Gate, age: timedelta) -> None:
    open_shop(gate)
    socket = _socket(gate, gate.new_session())
    gate.town.clock.pass_(seconds=age.total_seconds())

    _change(gate, "news")

    assert "news" not in "".join(gate.sockets.texts_to(socket))


def test_14_a_ticket_whose_session_ended_shows_nothing(gate: Gate) -> None:
    open_shop(gate)
    session = gate.new_session()
    ticket = gate.browse(session, "POST", "/v1/session/ticket").body["ticket"]
    gate.browse(session, "DELETE", "/v1/session")

    headers = {"Sec-WebSocket-Protocol": f"gimlet.v1, ticket.{ticket}"}
    workers.connect({"requestContext": {"connectionId": "late"}, "headers": headers})
    live_message.receive("late", encode(Subscribe("apps")), gate.live, gate.town.clock())
    _change(gate, "news")

    assert "news" not in "".join(gate.sockets.texts_to("late"))


def test_14_an_agents_socket_ends_with_its_key(gate: Gate) -> None:
    wanted = {"name": "staging", "gitops_repository_id": gate.town.gitops.id}
    key = gate.call("POST", "/v1/environments", wanted).body["agent_key"]
    headers = {"Authorization": f"Bearer {key}"}
    workers.connect({"requestContext": {"connectionId": "agent"}, "headers": headers})

    gate.call("POST", "/v1/environments/staging/agent-key?revoke=true")

    assert gate.sockets.closed == ["agent"]
    assert gate.connections.rows == {}


def test_14_a_token_is_revoked_by_an_admin_only(gate: Gate) -> None:
    victim = gate.new_token(Scope.DEPLOY)
    path = f"/v1/tokens/{victim.split('_')[1]}"

    assert gate.call("DELETE", path, token=gate.new_token(Scope.DEPLOY)).status == 403
    assert gate.call("GET", "/v1/me", token=victim).status == 200

"""Defences 3, 4, 11, 17 and 22 of the specification: who somebody is, and what that lets them do."""

from __future__ import annotations

import json
import re
import typing

import pytest

import app as functions
from chalicelib import workers
from chalicelib.core.actors import Actor, Caller, Permission, Scope
from chalicelib.core.organizations import SESSION_IDLE, SESSION_LIFE, TOKEN_LIFE
from chalicelib.ports.connections import Connection
from chalicelib.routes.http import ROUTES, Route
from chalicelib.usecases import live_message
from chalicelib.usecases.bootstrap import make_sign_in_code
from chalicelib.wire.codec import encode
from chalicelib.wire.messages import (
    AgentDocs,
    AgentFloor,
    AgentResult,
    BrowserCommand,
    Cancel,
    Document,
    FromAgent,
    FromBrowser,
    Heartbeat,
    Hello,
    Ping,
    Subscribe,
    Unsubscribe,
)
from tests.functional.api.gate import Gate
from tests.functional.api.shop import open_shop
from tests.functional.road.town import ADMIN

OPEN = {Permission.ANYONE, Permission.SIGNATURE, Permission.CODE}
CLOSED = [one for one in ROUTES if one.permission not in OPEN]


def example(one: Route) -> str:
    """An address of the route."""
    return re.sub(r"\{\w+\}", "x", one.path) + "?env=x&app=x&sha=aaaa"


@pytest.mark.parametrize("one", CLOSED, ids=lambda one: f"{one.method} {one.path}")
def test_03_a_forged_or_expired_token_opens_no_route(gate: Gate, one: Route) -> None:
    _, token_id, secret = gate.token.split("_", 2)
    forged = {
        "none": "",
        "of another secret": f"gim_{token_id}_{'x' * 43}",
        "of another id": f"gim_{'0' * 16}_{secret}",
        "cut": gate.token[:-1],
        "with more behind it": gate.token + "x",
        "in capitals": gate.token.upper(),
        "alg none": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
        "null": "null",
    }
    absent = gate.call(one.method, example(one), {}, token="").text

    for kind, token in forged.items():
        refused = gate.call(one.method, example(one), {}, token=token)
        assert (refused.status, refused.text, kind) == (401, absent, kind)
    gate.town.clock.pass_(seconds=TOKEN_LIFE.total_seconds())
    assert gate.call(one.method, example(one), {}).status == 401


@pytest.mark.parametrize("one", CLOSED, ids=lambda one: f"{one.method} {one.path}")
def test_03_a_forged_or_ended_session_opens_no_route(gate: Gate, one: Route) -> None:
    session = gate.new_session()

    for cookie in ("", "x", session[:-1], session + "x", "\udcff"):
        assert gate.browse(cookie, one.method, example(one), {}).status == 401
    gate.town.clock.pass_(seconds=SESSION_IDLE.total_seconds() + 1)
    assert gate.browse(session, one.method, example(one), {}).status == 401


def test_03_a_session_ends_after_seven_days_however_busy_it_is(gate: Gate) -> None:
    session = gate.new_session()

    for _ in range(int(SESSION_LIFE.total_seconds() // 3600)):
        assert gate.browse(session, "GET", "/v1/me").status == 200
        gate.town.clock.pass_(hours=1)
    gate.town.clock.pass_(seconds=1)
    assert gate.browse(session, "GET", "/v1/me").status == 401


def test_03_a_sign_in_code_works_once_and_not_for_long(gate: Gate) -> None:
    parts = (gate.town.records, gate.town.clock, gate.town.chance)
    used, late = (make_sign_in_code("acme", ADMIN.actor, *parts) for _ in range(2))

    first = gate.call("POST", "/v1/session", token="", headers={"Gimlet-Code": used})
    second = gate.call("POST", "/v1/session", token="", headers={"Gimlet-Code": used})
    gate.town.clock.pass_(minutes=31)
    third = gate.call("POST", "/v1/session", token="", headers={"Gimlet-Code": late})

    assert first.status == 204
    assert first.headers["Set-Cookie"].startswith("__Host-gimlet=")
    for word in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/"):
        assert word in first.headers["Set-Cookie"]
    assert (second.status, third.status) == (401, 401)
    assert second.body["detail"] == third.body["detail"]


def test_04_every_route_of_the_app_names_its_permission() -> None:
    served = {(method, path) for path, methods in functions.app.routes.items() for method in methods}
    declared = {(one.method, one.path): one.permission for one in ROUTES}

    assert served == set(declared)
    assert len(declared) == len(ROUTES)
    assert {path for (_, path), permission in declared.items() if permission is Permission.ANYONE} == {
        "/health",
        "/v1/version",
        "/v1/openapi.json",
    }
    assert {path for (_, path), permission in declared.items() if permission is Permission.CODE} == {"/v1/session"}
    assert all(path.startswith("/hooks/") for (_, path), p in declared.items() if p is Permission.SIGNATURE)


def test_04_what_changes_something_needs_more_than_reading() -> None:
    harmless = {"/v1/session", "/v1/session/ticket", "/v1/manifests/check"}  # one's own session, and no effect at all

    lax = [one for one in ROUTES if one.method != "GET" and one.permission in (Permission.READ, Permission.ANYONE)]

    assert {one.path for one in lax} == harmless
    assert [
        one for one in ROUTES if one.method == "GET" and one.permission in (Permission.SHIP, Permission.DEPLOY)
    ] == []


ACTIONS = {  # an action that is added must be added here, with what it needs
    Subscribe: Permission.READ,
    Unsubscribe: Permission.ANYONE,  # forgets what is one's own
    Ping: Permission.ANYONE,
    BrowserCommand: Permission.DEPLOY,  # not taken yet: refused whoever gives it
    Cancel: Permission.DEPLOY,
}


def test_04_every_action_of_a_browsers_socket_names_its_permission() -> None:
    assert set(typing.get_args(FromBrowser)) == set(ACTIONS)
    assert set(typing.get_args(FromAgent)) == {Hello, AgentDocs, AgentFloor, Heartbeat, AgentResult}


@pytest.mark.parametrize(
    "message", [Subscribe("apps"), Unsubscribe("apps"), Ping(), Cancel("1"), BrowserCommand("1", "e1", "restart")]
)
def test_04_a_socket_without_a_permission_is_shown_nothing(gate: Gate, message: FromBrowser) -> None:
    open_shop(gate)
    nobody = Caller("acme", Actor("person", "eve", "Eve"), frozenset(), session_id="s")
    gate.connections.open(Connection("c", 1, caller=nobody))

    live_message.receive("c", encode(message), gate.live, gate.town.clock())

    assert gate.subscriptions.rows == {}
    assert {json.loads(text)["type"] for text in gate.sockets.texts_to("c")} <= {"error"}


def test_04_a_browser_publishes_nothing(gate: Gate) -> None:
    caller = Caller("acme", Actor("person", "eve", "Eve"), frozenset(Permission), session_id="s")
    gate.connections.open(Connection("c", 1, caller=caller))
    before = dict(gate.documents.stored)

    for message in (Hello(1, "i"), AgentDocs(1, [Document("pod/x", 2, {})]), AgentFloor(2**40), Heartbeat(1)):
        heard = live_message.receive("c", encode(message), gate.live, gate.town.clock())
        assert heard.outcome not in ("docs", "floor", "welcome")

    assert gate.documents.stored == before
    assert gate.documents.floors == {}


def test_11_an_unknown_token_and_a_wrong_one_answer_alike(gate: Gate) -> None:
    _, token_id, _ = gate.token.split("_", 2)

    answers = [
        gate.call("GET", "/v1/me", token=token)
        for token in (f"gim_{token_id}_{'x' * 43}", f"gim_{'z' * 16}_{'x' * 43}", "gim_x", "x")
    ]

    assert len({(one.status, one.text) for one in answers}) == 1


def test_11_an_unknown_ticket_a_used_one_and_an_old_one_answer_alike(gate: Gate) -> None:
    session = gate.new_session()
    used, old = (gate.browse(session, "POST", "/v1/session/ticket").body["ticket"] for _ in range(2))
    first = _open_socket(gate, f"gimlet.v1, ticket.{used}")
    again = _open_socket(gate, f"gimlet.v1, ticket.{used}")
    unknown = _open_socket(gate, "gimlet.v1, ticket.unknown")
    gate.town.clock.pass_(seconds=31)
    late = _open_socket(gate, f"gimlet.v1, ticket.{old}")

    assert first["statusCode"] == 200
    assert again == unknown == late == {"statusCode": 401}


def test_11_a_token_is_no_way_to_a_browsers_socket(gate: Gate) -> None:
    assert gate.call("POST", "/v1/session/ticket").status == 403


def test_17_an_agents_key_is_no_api_token_and_an_api_token_no_agents_key(gate: Gate) -> None:
    wanted = {"name": "staging", "gitops_repository_id": gate.town.gitops.id}
    key = gate.call("POST", "/v1/environments", wanted).body["agent_key"]

    for token in (key, key.replace("gak_", "gim_")):
        for one in CLOSED:
            assert gate.call(one.method, example(one), {}, token=token).status == 401
    for credential in (gate.token, gate.token.replace("gim_", "gak_"), gate.new_session(), key + "x", key[:-1]):
        assert _open_socket(gate, authorization=f"Bearer {credential}") == {"statusCode": 401}
    assert _open_socket(gate, authorization=f"Bearer {key}") == {"statusCode": 200}


def test_17_a_ticket_is_no_api_token_and_a_webhook_secret_nothing_else(gate: Gate) -> None:
    shop = open_shop(gate)
    ticket = gate.browse(gate.new_session(), "POST", "/v1/session/ticket").body["ticket"]
    secret = gate.town.secrets.kept[f"hooks/{shop.hook_id}"]

    for wrong in (ticket, secret):
        assert gate.call("GET", "/v1/me", token=wrong).status == 401
        assert _open_socket(gate, authorization=f"Bearer {wrong}") == {"statusCode": 401}


def test_22_no_route_takes_a_credential_in_its_path_or_query() -> None:
    credential = re.compile(r"token(?!_id)|secret|password|key|code|ticket|session", re.IGNORECASE)

    for one in ROUTES:
        names = [*re.findall(r"\{(\w+)\}", one.path), *one.query]
        assert [name for name in names if credential.search(name)] == []


def test_22_a_revoked_agents_key_opens_nothing_and_a_rotated_one_still_does(gate: Gate) -> None:
    wanted = {"name": "staging", "gitops_repository_id": gate.town.gitops.id}
    first = gate.call("POST", "/v1/environments", wanted).body["agent_key"]
    second = gate.call("POST", "/v1/environments/staging/agent-key").body["agent_key"]
    both = [_open_socket(gate, authorization=f"Bearer {key}")["statusCode"] for key in (first, second)]

    third = gate.call("POST", "/v1/environments/staging/agent-key?revoke=true").body["agent_key"]
    after = [_open_socket(gate, authorization=f"Bearer {key}")["statusCode"] for key in (first, second, third)]

    assert both == [200, 200]
    assert after == [401, 401, 200]


def test_03_scopes_do_not_add_up_to_more_than_they_name(gate: Gate) -> None:
    token = gate.new_token(Scope.READ, Scope.SHIP)

    assert gate.call("GET", "/v1/me", token=token).body["permissions"] == ["read", "ship"]


_sockets = iter(range(10_000))


def _open_socket(gate: Gate, offered: str = "", authorization: str = "") -> dict[str, object]:
    headers = {"Sec-WebSocket-Protocol": offered} if offered else {"Authorization": authorization}
    event = {"requestContext": {"connectionId": f"c{next(_sockets)}"}, "headers": headers}
    answer = workers.connect(event)
    answer.pop("headers", None)
    return answer

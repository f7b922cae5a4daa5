"""Defences 6 and 22: a secret is shown where it is made, and is found nowhere else whatever is asked or goes wrong."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from urllib.parse import quote

import msgspec
import pytest

import app as functions
from chalicelib import wiring, workers
from chalicelib.core.actors import Scope
from chalicelib.core.organizations import hash_secret
from chalicelib.routes.http import ROUTES
from chalicelib.usecases import live_message
from chalicelib.wire.codec import encode
from chalicelib.wire.messages import Hello, Subscribe
from tests.functional.api.gate import Gate, Reply
from tests.functional.api.shop import open_shop, ship
from tests.security.hooks import deliver, secret_of


class Canaries:
    """Secrets that were made, and every place that they must not be in."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.shop = open_shop(gate)
        made = gate.call("POST", "/v1/environments", {"name": "qa", "gitops_repository_id": gate.town.gitops.id}).body
        token = gate.call("POST", "/v1/tokens", {"name": "ci", "scopes": ["admin"]}).body["text"]
        self.agent_key = made["agent_key"]
        self.session = gate.new_session()
        self.ticket = gate.browse(self.session, "POST", "/v1/session/ticket").body["ticket"]
        whole = [self.agent_key, made["webhook_secret"], token, gate.token, self.session, secret_of(gate, self.shop)]
        self.secrets = [*whole, *(text.split("_", 2)[2] for text in whole if text.count("_") >= 2)]
        self.token = token

    def forms(self) -> Iterator[str]:
        """Each secret as it is, as it would be in a URL, and in base64."""
        for secret in self.secrets:
            yield secret
            yield quote(secret, safe="")
            yield base64.b64encode(secret.encode()).decode().rstrip("=")

    def check(self, where: str, text: str) -> None:
        """Fails when one of them is in the text."""
        assert [form for form in self.forms() if form in text] == [], where


@pytest.fixture
def canaries(gate: Gate) -> Canaries:
    return Canaries(gate)


def _everything_asked(gate: Gate, token: str) -> Iterator[tuple[str, Reply]]:
    release = gate.town.releases()[0]
    known = {
        "env": "staging",
        "app": "shop",
        "release_id": release.id,
        "request_id": release.request_id,
        "sha": "a" * 40,
    }
    for one in ROUTES:
        if one.path in ("/v1/session",) or (one.method, one.path) in SHOWN_ONCE:
            continue
        path = one.path
        for name, value in known.items():
            path = path.replace(f"{{{name}}}", value)
        query = f"?env=staging&app=shop&sha={release.commit}&id={release.request_id}&topic=releases"
        query += f"&artifactId={release.artifact_id}"
        for body in ({}, {"name": "x", "artifact_id": release.artifact_id, "release_id": release.id}, [token]):
            yield (
                f"{one.method} {path}",
                gate.call(one.method, re.sub(r"\{\w+\}", "x", path) + query, body, token=token),
            )


SHOWN_ONCE = {
    ("POST", "/v1/environments"),
    ("POST", "/v1/environments/{env}/agent-key"),
    ("POST", "/v1/repositories"),
    ("POST", "/v1/tokens"),
    ("POST", "/v1/session/ticket"),
}


def test_06_no_answer_of_any_route_holds_a_secret(gate: Gate, canaries: Canaries) -> None:
    for where, answer in _everything_asked(gate, canaries.token):
        canaries.check(where, answer.text + json.dumps(dict(answer.headers)))


def test_06_only_the_routes_that_make_a_secret_show_one() -> None:
    shown = {
        (one.method, one.path)
        for one in ROUTES
        if {"agent_key", "webhook_secret", "text", "ticket"} & set(getattr(one.gives, "__struct_fields__", ()))
    }

    assert shown == SHOWN_ONCE


def test_06_no_row_message_document_tree_or_commit_holds_a_secret(gate: Gate, canaries: Canaries) -> None:
    ship(gate, app="cart")
    deliver(gate, canaries.shop)
    for _ in _everything_asked(gate, canaries.token):
        pass
    town = gate.town

    for key, (_, text, _) in town.records.rows.items():
        canaries.check(str(key), text.decode())
    canaries.check("messages", json.dumps([town.queues.intake, town.queues.render]))
    canaries.check(
        "documents", msgspec.json.encode([list(held.values()) for held in gate.documents.stored.values()]).decode()
    )
    canaries.check("trees", json.dumps(list(town.trees.kept.values())))
    canaries.check("connections", repr((gate.connections.rows, gate.subscriptions.rows)))
    for repository in town.hosts.refs.values():
        for head in repository.values():
            message, files = town.hosts.get(head)[0], town.hosts.get(head)[1]
            canaries.check("commit", repr(message) + repr(files))


def test_06_credentials_are_kept_as_hashes(gate: Gate, canaries: Canaries) -> None:
    rows = "".join(text.decode() for _, text, _ in gate.town.records.rows.values())
    keys = "".join(key.pk for key in gate.town.records.rows)

    for text in (canaries.token, canaries.agent_key):
        assert hash_secret(text.split("_", 2)[2]) in rows
    assert hash_secret(canaries.session) in keys


def test_06_and_22_no_log_line_holds_a_secret_whatever_goes_wrong(
    gate: Gate,
    canaries: Canaries,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(functions.app.log, "propagate", True)
    caplog.set_level("DEBUG")
    for _ in _everything_asked(gate, canaries.token):
        pass
    _talk(gate, canaries)
    deliver(gate, canaries.shop)
    deliver(gate, canaries.shop, signature="sha256=0")

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    with monkeypatch.context() as patched:
        patched.setattr(gate.town.queues, "send_intake", broken)
        assert deliver(gate, canaries.shop, delivery="bug").status == 500
    with monkeypatch.context() as patched:
        patched.setattr(gate.town.records, "write", broken)
        for one in ROUTES:
            gate.call(
                one.method, re.sub(r"\{\w+\}", "x", one.path), {"name": "x", "scopes": ["read"]}, token=canaries.token
            )
    with monkeypatch.context() as patched:
        patched.setattr(wiring, "records", broken)
        assert gate.call("GET", "/v1/me", token=canaries.token).status == 500
        assert gate.browse(canaries.session, "GET", "/v1/me").status == 500

    out, err = capfd.readouterr()
    assert "bug in" in caplog.text
    canaries.check("log", caplog.text)
    canaries.check("output", out + err)


def test_06_a_refused_credential_is_not_repeated(gate: Gate, canaries: Canaries) -> None:
    wrong = canaries.token[:-1] + "_"
    canaries.secrets += [wrong, wrong.split("_", 2)[2]]

    canaries.check("token", gate.call("GET", "/v1/me", token=wrong).text)
    canaries.check("code", gate.call("POST", "/v1/session", token="", headers={"Gimlet-Code": wrong}).text)
    canaries.check("scope", gate.call("POST", "/v1/tokens", {}, token=gate.new_token(Scope.READ)).text)


def _talk(gate: Gate, canaries: Canaries) -> None:
    """An agent and a browser connect and say something."""
    agent = {"requestContext": {"connectionId": "a"}, "headers": {"Authorization": f"Bearer {canaries.agent_key}"}}
    browser = {
        "requestContext": {"connectionId": "b"},
        "headers": {"Sec-WebSocket-Protocol": f"gimlet.v1, ticket.{canaries.ticket}"},
    }
    for event in (agent, browser, agent, browser):
        workers.connect(event)
    for socket, message in (("a", Hello(1, "i")), ("b", Subscribe("apps"))):
        live_message.receive(socket, encode(message), gate.live, gate.town.clock())

"""Defences 5, 16 and 25: what is another's answers as what is not there, and nobody writes over it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from chalicelib.core.actors import Actor, Caller, Permission
from chalicelib.ports.connections import Connection
from chalicelib.routes.http import ROUTES
from chalicelib.usecases import live_message
from chalicelib.wire.codec import encode
from chalicelib.wire.messages import AgentDocs, AgentFloor, Document, Hello, Subscribe
from tests.functional.api.gate import Gate
from tests.functional.api.shop import artifact, open_shop, ship
from tests.functional.road.town import manifest
from tests.security.hooks import deliver, secret_of, sign

ABSENT = "absent0000000000"


def _acme(gate: Gate) -> dict[str, str]:
    """Everything of acme that has an id or a name, by the parameter that names it."""
    shop = open_shop(gate)
    artifact_id = ship(gate, app="cart", deploy=False)
    request = gate.call("POST", "/api/releases", {"env": "staging", "artifactId": artifact_id}).body["id"]
    gate.town.settle()
    return {
        "env": "staging",
        "app": "shop",
        "release_id": gate.town.releases()[0].id,
        "request_id": request,
        "repository_id": shop.id,
        "token_id": gate.token.split("_")[1],
        "artifact_id": artifact_id,
        "sha": gate.town.releases()[0].artifact_version.sha,  # type: ignore[union-attr] # a deploy has one
    }


NAMED = [one for one in ROUTES if "{" in one.path and "hook_id" not in one.path]


@pytest.mark.parametrize("one", NAMED, ids=lambda one: f"{one.method} {one.path}")
def test_05_another_tenants_thing_answers_exactly_as_an_absent_one(gate: Gate, one: Any) -> None:
    theirs = _acme(gate)
    stranger = gate.new_organization("rival")
    told = msgspec.structs.fields(one.takes) if one.takes else ()
    fields = [field.name for field in told if field.required or field.name in theirs]

    def ask(token: str, known: dict[str, str]) -> tuple[int, str]:
        path = one.path
        for name, value in known.items():
            path = path.replace(f"{{{name}}}", value)
        body = {name: known.get(name, "") for name in fields}
        answer = gate.call(one.method, path, body if one.takes else None, token=token)
        text = answer.text
        for value in known.values():
            text = text.replace(value, "…")
        return answer.status, text.replace(known["sha"][:12], "…")  # a commit is shown by its start

    before = dict(gate.town.records.rows)
    absent = ask(stranger, dict.fromkeys(theirs, ABSENT))
    hidden = ask(stranger, theirs)

    assert hidden == absent
    assert hidden[0] in (404, 200)
    assert "acme" not in hidden[1]
    changed = {key for key, row in gate.town.records.rows.items() if before.get(key) != row}
    assert {key.pk for key in changed} <= {f"TOKEN#{stranger.split('_')[1]}"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/eventReleaseTrack?id=REQUEST", None),
        ("GET", "/api/eventArtifactTrack?artifactId=ARTIFACT", None),
        ("GET", "/api/status?env=staging&app=shop", None),
        ("GET", "/api/releases?env=staging", None),
        ("POST", "/api/releases", {"env": "staging", "artifactId": "ARTIFACT"}),
        ("POST", "/api/rollback?env=staging&app=shop&sha=COMMIT", None),
        ("POST", "/api/delete?env=staging&app=shop", None),
        ("GET", "/api/gitopsManifests/staging", None),
        ("POST", "/v1/environments", {"name": "theft", "gitops_repository_id": "GITOPS"}),
    ],
)
def test_05_no_compatible_route_reaches_into_another_tenant(gate: Gate, method: str, path: str, body: Any) -> None:
    theirs = _acme(gate)
    stranger = gate.new_organization("rival")
    names = {
        "REQUEST": theirs["request_id"],
        "ARTIFACT": theirs["artifact_id"],
        "COMMIT": gate.town.releases()[0].commit,
        "GITOPS": gate.town.gitops.id,
    }
    sent = json.dumps(body)
    for name, value in names.items():
        path, sent = path.replace(name, value), sent.replace(name, value)

    assert gate.call(method, path, json.loads(sent), token=stranger).status == 404


def test_05_lists_and_topics_hold_ones_own_only(gate: Gate) -> None:
    _acme(gate)
    stranger = gate.new_organization("rival")
    environment = gate.town.releases()[0].environment_id

    for path in ("/api/artifacts", "/v1/environments", "/v1/repositories", "/v1/apps"):
        answer = gate.call("GET", path, token=stranger)
        assert (answer.status, answer.body if path == "/api/artifacts" else answer.body["items"]) == (200, [])
    for topic in ("apps", "releases", "environments", f"env:{environment}"):
        assert gate.call("GET", f"/v1/documents?topic={topic}", token=stranger).body["docs"] == []
    assert "acme" not in gate.call("GET", "/v1/tokens", token=stranger).text.lower()


def test_05_a_cursor_of_another_tenant_turns_no_page(gate: Gate) -> None:
    for number in range(3):
        gate.town.environment(f"env{number}")
    stranger = gate.new_organization("rival")
    cursor = gate.call("GET", "/v1/environments?limit=1").body["next"]

    assert gate.call("GET", f"/v1/environments?limit=1&cursor={cursor}", token=stranger).status == 400


def test_05_the_same_names_in_two_tenants_are_two_things(gate: Gate) -> None:
    _acme(gate)
    stranger = gate.new_organization("rival")
    mine = gate.call("POST", "/api/artifact", artifact()).body["id"]

    theirs = gate.call("POST", "/api/artifact", artifact(), token=stranger)

    assert theirs.status == 201
    assert theirs.body["id"] != mine
    assert gate.call("GET", f"/api/eventArtifactTrack?artifactId={mine}", token=stranger).status == 404


def test_05_a_viewer_subscribes_to_topics_of_its_own_tenant_only(gate: Gate) -> None:
    _acme(gate)
    eve = Caller("rival", Actor("person", "eve", "Eve"), frozenset({Permission.READ}), session_id="s")
    gate.connections.open(Connection("c", 1, caller=eve))
    environment = gate.town.releases()[0].environment_id

    for topic in ("apps", "releases", f"env:{environment}"):
        live_message.receive("c", encode(Subscribe(topic, since=0)), gate.live, gate.town.clock())

    assert {address.organization for address, _ in gate.subscriptions.rows} == {"rival"}
    assert "shop" not in "".join(gate.sockets.texts_to("c"))


def test_16_an_agent_speaks_for_the_environment_of_its_key_only(gate: Gate) -> None:
    made = {
        name: gate.call("POST", "/v1/environments", {"name": name, "gitops_repository_id": gate.town.gitops.id}).body
        for name in ("staging", "production")
    }
    agent = gate.agent_of(made["staging"]["agent_key"])
    assert agent is not None
    gate.connections.open(Connection("a", 1, agent=agent))
    live_message.receive("a", encode(Hello(1, "i")), gate.live, gate.town.clock())
    other = made["production"]["environment"]["id"]

    body = {"app": "shop", "environment": "production", "environment_id": other}
    docs = [Document(key, 5, body) for key in ("app/shop", f"env:{other}/app/shop", f"../env:{other}/app/x")]
    live_message.receive("a", encode(AgentDocs(1, docs)), gate.live, gate.town.clock())
    live_message.receive("a", encode(AgentFloor(6)), gate.live, gate.town.clock())

    touched = {address.topic for address, held in gate.documents.stored.items() if held}
    assert f"env:{other}" not in touched
    assert {address.topic for address in gate.documents.floors} == {f"env:{agent.environment_id}"}
    assert [card.environment_id for card in gate.documents.cards if card.environment_id == other] == []


def test_20_a_webhook_of_another_tenants_repository_is_not_ours_to_send(gate: Gate) -> None:
    mine, theirs = gate.town.repository("acme/shop"), gate.town.repository("acme/cart")
    body = json.dumps({"ref": "refs/heads/main", "before": "0" * 40, "after": "a" * 40}).encode()

    refused = deliver(gate, theirs, json.loads(body), signature=sign(secret_of(gate, mine), body))

    assert refused.status == 401
    assert gate.town.queues.intake == []


def test_25_an_app_of_another_repository_is_not_written_over(gate: Gate) -> None:
    open_shop(gate)
    thief = gate.town.repository("acme/thief")
    before = gate.town.file("staging/shop/release.json")

    gate.town.push(thief, {".gimlet/staging.yaml": manifest("shop", value="stolen")})
    ship(gate, app="shop")

    assert gate.town.file("staging/shop/release.json") == before
    assert [one.repository_id for one in gate.town.releases() if one.state == "committed"] != [thief.id]


@pytest.mark.parametrize("app", ["../production/shop", "..", "a/b", "/etc", "shop\x00", "flux", "SHOP", "a" * 54, ""])
def test_25_and_01_an_app_whose_name_leaves_its_folder_is_never_committed(gate: Gate, app: str) -> None:
    open_shop(gate)
    before = gate.town.log()

    posted = gate.call("POST", "/api/artifact", artifact(app=app))
    gate.town.settle()

    assert posted.status in (201, 400)
    assert gate.town.log() == before


@pytest.mark.parametrize("env", ["../staging", "staging/../production", "", ".", "STAGING"])
def test_25_and_01_an_environment_whose_name_leaves_its_folder_is_never_committed(gate: Gate, env: str) -> None:
    open_shop(gate)
    before = gate.town.log()

    gate.call("POST", "/api/artifact", artifact(env=env, app="cart"))
    gate.town.settle()

    assert gate.town.log() == before

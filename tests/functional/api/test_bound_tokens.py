"""A token that is bound to environments acts and sees there only, however the environment is named."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.actors import Scope
from chalicelib.routes.http import ROUTES
from tests.functional.api.gate import Gate
from tests.functional.api.shop import artifact, open_shop, ship


def bound(gate: Gate, *scopes: Scope) -> str:
    return gate.new_token(*(scopes or (Scope.ADMIN,)), environments=("production",))


@pytest.mark.parametrize("env", ["staging", "nowhere"])
def test_every_route_with_an_environment_in_its_path_or_query_refuses_another(gate: Gate, env: str) -> None:
    open_shop(gate)
    token, writes = bound(gate), gate.town.records.writes
    named = [one for one in ROUTES if "{env}" in one.path or {"env", "environment"} & set(one.query)]
    assert len(named) >= 12

    for one in named:
        path = one.path.replace("{env}", env).replace("{app}", "shop")
        query = "" if "{env}" in path or "{env}" in one.path else f"?env={env}&environment={env}&app=shop&sha=aaaa"
        answer = gate.call(one.method, path + query, {}, token=token)
        assert (answer.status, one) == (403, one)

    assert gate.town.states() == ["committed"]
    assert gate.town.records.writes == writes + 1  # the token's first use was noted


def test_an_environment_named_twice_is_held_against_both(gate: Gate) -> None:
    open_shop(gate)

    assert gate.call("GET", "/api/status?env=staging&env=production", token=bound(gate)).status == 403
    assert gate.call("GET", "/api/status?env=production&env=staging", token=bound(gate)).status == 403


def test_a_release_request_with_another_environment_in_its_body_is_refused(gate: Gate) -> None:
    open_shop(gate)
    artifact_id = ship(gate, app="cart")
    before = gate.town.log()

    refused = gate.call("POST", "/api/releases", {"env": "staging", "artifactId": artifact_id}, token=bound(gate))

    gate.town.settle()
    assert refused.status == 403
    assert gate.town.log() == before


def test_its_own_environment_is_its_own_to_act_in(gate: Gate) -> None:
    open_shop(gate)
    token = bound(gate)
    artifact_id = ship(gate, env="production", app="cart", deploy=False)

    asked = gate.call("POST", "/api/releases", {"env": "production", "artifactId": artifact_id}, token=token)
    gate.town.settle()

    assert asked.status == 201
    assert list(gate.call("GET", "/api/status?env=production", token=token).body) == ["cart"]
    assert gate.call("DELETE", "/v1/apps/production/cart", token=token).status == 202


def test_an_artifact_may_bring_manifests_of_its_environments_only(gate: Gate) -> None:
    open_shop(gate)
    token = bound(gate, Scope.SHIP)
    cue: dict[str, Any] = {**artifact(env="production"), "cueEnvironments": ['env: "staging"']}

    assert gate.call("POST", "/api/artifact", artifact(env="staging"), token=token).status == 403
    assert gate.call("POST", "/api/artifact", cue, token=token).status == 403
    assert gate.call("POST", "/api/artifact", artifact(env="production"), token=token).status == 201


def test_what_is_known_by_id_only_does_not_exist_for_it_elsewhere(gate: Gate) -> None:
    open_shop(gate)
    staged = gate.town.releases()[0]
    artifact_id = ship(gate, app="cart", deploy=False)
    asked = gate.call("POST", "/api/releases", {"env": "staging", "artifactId": artifact_id}).body["id"]
    gate.town.settle()
    token = bound(gate)

    for path in (
        f"/v1/releases/{staged.id}",
        f"/v1/requests/{asked}",
        f"/api/eventReleaseTrack?id={asked}",
    ):
        absent = gate.call("GET", path.replace(staged.id, "x").replace(asked, "x"), token=token)
        hidden = gate.call("GET", path, token=token)
        assert hidden.status == 404
        assert hidden.text.replace(staged.id, "x").replace(asked, "x") == absent.text
    assert gate.call("GET", f"/v1/requests/{staged.request_id}", token=token).body["releases"] == []
    assert gate.call("GET", f"/api/eventReleaseTrack?id={staged.request_id}", token=token).body["results"] == []
    assert gate.call("GET", f"/api/eventArtifactTrack?artifactId={artifact_id}", token=token).body["results"] == []


def test_a_release_of_another_environment_can_not_be_rolled_back_to_by_its_id(gate: Gate) -> None:
    open_shop(gate)
    staged = gate.town.releases()[0]
    ship(gate, env="production", app="shop")

    refused = gate.call(
        "POST", "/v1/apps/production/shop/rollback", {"release_id": staged.id}, token=bound(gate, Scope.DEPLOY)
    )

    assert refused.status in (400, 404)


def test_its_lists_hold_its_environments_only(gate: Gate) -> None:
    open_shop(gate)
    ship(gate, env="production", app="cart")
    token = bound(gate)

    environments = gate.call("GET", "/v1/environments", token=token).body["items"]
    apps = gate.call("GET", "/v1/apps", token=token).body["items"]

    assert [one["name"] for one in environments] == ["production"]
    assert [one["app"] for one in apps] == ["cart"]


@pytest.mark.parametrize("topic", ["apps", "releases", "environments"])
def test_it_reads_no_topic_since_topics_span_environments(gate: Gate, topic: str) -> None:
    assert gate.call("GET", f"/v1/documents?topic={topic}", token=bound(gate)).status == 403


def test_a_bound_admin_does_not_change_the_organisation(gate: Gate) -> None:
    gate.town.environment("production")
    token = bound(gate)

    for method, path in [
        ("GET", "/v1/tokens"),
        ("POST", "/v1/tokens"),
        ("DELETE", "/v1/tokens/x"),
        ("POST", "/v1/environments"),
        ("POST", "/v1/repositories"),
    ]:
        assert gate.call(method, path, {"name": "free", "scopes": ["admin"]}, token=token).status == 403
    assert gate.call("POST", "/v1/environments/production/agent-key", token=token).status == 201

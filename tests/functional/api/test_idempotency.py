"""The same `Idempotency-Key` by the same caller is the same request: answered again, done once."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.actors import Scope
from chalicelib.core.decisions import Request
from tests.functional.api.gate import Gate
from tests.functional.api.shop import open_shop, release, ship
from tests.functional.road.town import manifest

KEY = {"Idempotency-Key": "build-17"}
Wish = tuple[str, str, Any]


def wishes(gate: Gate) -> dict[str, Wish]:
    """Each kind of request that may be asked twice, on a shop with two releases."""
    shop = open_shop(gate)
    gate.town.clock.pass_(seconds=1)
    gate.town.push(shop, {".gimlet/staging.yaml": manifest(value="second")})
    artifact_id = ship(gate, env="production", app="cart", deploy=False)
    first = release(gate, 0)
    return {
        "deploy": ("POST", "/v1/apps/production/cart/releases", {"artifact_id": artifact_id}),
        "compatible deploy": ("POST", "/api/releases", {"env": "production", "artifactId": artifact_id}),
        "rollback": ("POST", "/v1/apps/staging/shop/rollback", {"release_id": first.id}),
        "compatible rollback": ("POST", f"/api/rollback?env=staging&app=shop&sha={first.commit}", None),
        "delete": ("DELETE", "/v1/apps/staging/shop", None),
        "compatible delete": ("POST", "/api/delete?env=staging&app=shop", None),
    }


KINDS = ["deploy", "compatible deploy", "rollback", "compatible rollback", "delete", "compatible delete"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("settled", [True, False])
def test_the_same_key_answers_the_same_request_and_does_it_once(gate: Gate, kind: str, settled: bool) -> None:
    wish = wishes(gate)[kind]
    commits = len(gate.town.log())

    first = gate.call(*wish, headers=KEY)
    if settled:
        gate.town.settle()
    second = gate.call(*wish, headers=KEY)
    gate.town.settle()

    assert first.status in (200, 201, 202)
    assert (second.status, second.body) == (first.status, first.body)
    assert len(gate.town.log()) == commits + 1


@pytest.mark.parametrize("kind", KINDS)
def test_another_key_or_none_is_another_request(gate: Gate, kind: str) -> None:
    wish = wishes(gate)[kind]

    answers = [gate.call(*wish, headers=headers).body["id"] for headers in (KEY, {"Idempotency-Key": "b"}, {}, {})]

    assert len(set(answers)) == 4


def test_another_callers_key_is_its_own(gate: Gate) -> None:
    wish = wishes(gate)["deploy"]
    other = gate.new_token(Scope.SHIP)

    mine, theirs = gate.call(*wish, headers=KEY), gate.call(*wish, headers=KEY, token=other)

    assert mine.body["id"] != theirs.body["id"]


def test_one_person_is_the_same_caller_in_each_session(gate: Gate) -> None:
    wish = wishes(gate)["deploy"]

    answers = [gate.browse(gate.new_session(), *wish, Idempotency_Key="x").body["id"] for _ in range(2)]

    assert len(set(answers)) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_a_key_that_was_used_for_something_else_is_refused(gate: Gate, kind: str, other: str) -> None:
    known = wishes(gate)
    if kind.removeprefix("compatible ") == other.removeprefix("compatible "):
        return
    gate.call(*known[kind], headers=KEY)
    before = gate.town.records.all(Request)

    refused = gate.call(*known[other], headers=KEY)

    assert refused.status == 400
    assert "Idempotency-Key" in refused.text
    assert gate.town.records.all(Request) == before


def test_the_same_key_with_another_target_is_refused(gate: Gate) -> None:
    known = wishes(gate)
    method, path, _ = known["rollback"]
    gate.call(*known["rollback"], headers=KEY)

    assert gate.call(method, path, {"release_id": release(gate, 1).id}, headers=KEY).status == 400
    assert gate.call("POST", "/v1/apps/staging/cart/releases", known["deploy"][2], headers=KEY).status == 400


def test_a_key_that_is_too_long_is_refused_and_asks_nothing(gate: Gate) -> None:
    wish = wishes(gate)["delete"]
    before = gate.town.records.all(Request)

    assert gate.call(*wish, headers={"Idempotency-Key": "x" * 201}).status == 400
    assert gate.town.records.all(Request) == before

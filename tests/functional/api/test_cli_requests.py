"""The recorded requests of the existing CLI, byte for byte, each answered with what its decoder needs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.functional.api.cli_requests import CliRequest, check_answer, recorded
from tests.functional.api.gate import Gate
from tests.functional.api.shop import open_shop, release, ship
from tests.functional.road.town import manifest


@pytest.fixture
def stood_for(gate: Gate) -> dict[str, str]:
    """The names in the recordings, and what they stand for in this town."""
    shop = open_shop(gate)
    gate.town.clock.pass_(seconds=1)
    gate.town.push(shop, {".gimlet/staging.yaml": manifest(value="second")})
    first = release(gate, 0)
    artifact_id = ship(gate, app="cart")
    asked = gate.call("POST", "/api/releases", {"env": "staging", "artifactId": artifact_id}).body["id"]
    gate.town.settle()
    return {"acme/shop-1": release(gate).artifact_id, "id=r1": f"id={asked}", "sha=bbbb": f"sha={first.commit[:7]}"}


@pytest.mark.parametrize("one", recorded(), ids=lambda one: one.command)
def test_the_cli_gets_an_answer_of_the_shape_it_decodes(gate: Gate, stood_for: dict[str, str], one: CliRequest) -> None:
    path, body = one.path, one.body
    for name, real in stood_for.items():
        path, body = path.replace(name, real), body.replace(name, real)
    headers = {"Authorization": one.authorization.replace("tok", gate.token)}

    answer = gate.call(one.method, path, body, headers=headers)
    gate.town.settle()

    decoded: Any = answer.body
    check_answer(one, answer.status, decoded)
    assert answer.headers["Content-Type"] == "application/json"

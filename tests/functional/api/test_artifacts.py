"""Artifacts on the compatible routes: stored once, kept whole, listed newest first."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.actors import Scope
from chalicelib.core.artifacts import Artifact
from tests.functional.api.gate import Gate
from tests.functional.api.shop import SHA, artifact, open_shop, ship


def test_a_new_artifact_is_201_and_gets_its_id_and_instant_from_us(gate: Gate) -> None:
    posted = gate.call("POST", "/api/artifact", artifact() | {"id": "mine", "created": 5})

    assert posted.status == 201
    assert posted.headers["Content-Type"] == "application/json"
    assert posted.body["id"].startswith("acme/ci-")
    assert posted.body["created"] == int(gate.town.clock().timestamp())
    assert posted.body["version"]["created"] == 1616154963


def test_the_same_artifact_again_is_the_stored_one_and_deploys_nothing_twice(gate: Gate) -> None:
    open_shop(gate)
    ship(gate, app="cart")
    before = gate.town.log()
    gate.town.clock.pass_(hours=1)

    again = gate.call("POST", "/api/artifact", artifact(app="cart"))
    gate.town.settle()

    assert again.status == 200
    assert again.body["created"] < int(gate.town.clock().timestamp())
    assert gate.town.log() == before
    assert len(gate.town.releases("cart")) == 1


def test_the_loser_of_a_race_answers_what_the_winner_stored(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    first = gate.call("POST", "/api/artifact", artifact()).body
    gate.town.clock.pass_(hours=1)
    read = gate.town.records.get
    blind = [Artifact]

    def late(kind: Any, key: Any) -> Any:
        return blind.clear() if kind in blind else read(kind, key)

    monkeypatch.setattr(gate.town.records, "get", late)
    second = gate.call("POST", "/api/artifact", artifact())

    assert second.status == 200
    assert second.body == first


def test_an_artifact_that_any_client_can_range_over(gate: Gate) -> None:
    posted = gate.call("POST", "/api/artifact", {"version": {"repositoryName": "acme/ci", "sha": "ea9a"}}).body

    assert posted["environments"] == []
    assert posted["cueEnvironments"] == []
    assert posted["items"] == []
    assert posted["vars"] == {}
    assert posted["context"] == {}
    assert posted["fake"] is False
    assert posted["version"]["event"] == "push"
    assert all(isinstance(value, str) for name, value in posted["version"].items() if name != "created")


def test_null_lists_of_a_go_client_are_empty_ones(gate: Gate) -> None:
    version = {"repositoryName": "acme/ci", "sha": "ea9a"}
    nulls = {"environments": None, "cueEnvironments": None, "vars": None, "context": None, "items": None}

    assert gate.call("POST", "/api/artifact", {"version": version, **nulls}).status == 201


def test_unknown_fields_are_kept(gate: Gate) -> None:
    body = artifact()
    body["version"]["runner"] = {"name": "blue"}

    posted = gate.call("POST", "/api/artifact", body | {"attestation": [1, None, "x"]}).body
    [listed] = gate.call("GET", "/api/artifacts").body

    assert listed == posted
    assert listed["attestation"] == [1, None, "x"]
    assert listed["version"]["runner"] == {"name": "blue"}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        '"artifact"',
        "{}",
        '{"version":null}',
        '{"version":{"sha":"ea9a"}}',
        '{"version":{"repositoryName":"acme/ci"}}',
        '{"version":{"repositoryName":"","sha":"ea9a"}}',
        '{"version":{"repositoryName":"acme/ci","sha":7}}',
        '{"version":{"repositoryName":"acme/ci","sha":"ea9a","event":"psuh"}}',
        '{"version":{"repositoryName":"acme/ci","sha":"ea9a"},"environments":[null]}',
        '{"version":{"repositoryName":"acme/ci","sha":"ea9a"},"vars":{"A":1}}',
        '{"version":{"repositoryName":"' + "x" * 600 + '","sha":"ea9a"}}',
        '{"version":{"repositoryName":"acme/ci","sha":"' + "f" * 3000 + '"}}',
        '{"version":{"repositoryName":"acme/ci","sha":"ea9a\\ud800"}}',
        b'{"version":{"repositoryName":"acme/\xff","sha":"ea9a"}',
    ],
)
def test_what_is_no_artifact_is_400_with_a_sentence_and_stores_nothing(gate: Gate, body: Any) -> None:
    refused = gate.call("POST", "/api/artifact", body)

    assert refused.status == 400
    assert refused.body["error"]
    assert gate.town.records.all(Artifact) == []


def test_ten_are_listed_unless_a_limit_says_otherwise_newest_first(gate: Gate) -> None:
    for number in range(12):
        gate.town.clock.pass_(seconds=1)
        ship(gate, sha=f"sha-{number}")

    assert [one["version"]["sha"] for one in gate.call("GET", "/api/artifacts").body] == [
        f"sha-{number}" for number in range(11, 1, -1)
    ]
    assert [one["version"]["sha"] for one in gate.call("GET", "/api/artifacts?limit=2&offset=3").body] == [
        "sha-8",
        "sha-7",
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("repository=acme/ci", 2),
        ("repository=acme%2Fci", 2),
        ("repository=acme/other", 0),
        ("branch=main&event=push", 2),
        ("event=tag", 0),
        (f"sha={SHA}", 1),
        (f"sha={SHA}&sha=second", 2),
        ("sha=ea9a", 0),
        ("sourceBranch=x", 0),
        ("since=2026-01-02T04:00:00Z", 1),
        ("since=2026-01-02T05:00:00%2B01:00", 1),
        ("since=2026-01-02T05:00:00+01:00", 1),
        ("since=2026-01-02T04:00:00.123456789z", 1),
        ("until=2026-01-02T04:00:00Z", 1),
        ("since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59-23:59", 2),
    ],
)
def test_artifacts_are_found_by_what_they_are_of(gate: Gate, query: str, expected: int) -> None:
    ship(gate)
    gate.town.clock.pass_(hours=3)
    ship(gate, sha="second")

    assert len(gate.call("GET", f"/api/artifacts?{query}").body) == expected


@pytest.mark.parametrize("query", ["limit=x", "limit=0", "limit=99999", "offset=-1", "since=yesterday", "limit=1e3"])
def test_a_query_that_can_not_be_meant_is_400(gate: Gate, query: str) -> None:
    refused = gate.call("GET", f"/api/artifacts?{query}")

    assert refused.status == 400
    assert query.split("=")[0] in refused.body["error"]


def test_no_artifacts_are_an_empty_list(gate: Gate) -> None:
    assert gate.call("GET", "/api/artifacts").text == "[]"


def test_a_ship_token_ships_and_a_read_token_does_not(gate: Gate) -> None:
    assert gate.call("POST", "/api/artifact", artifact(), token=gate.new_token(Scope.READ)).status == 403
    assert gate.call("POST", "/api/artifact", artifact(), token=gate.new_token(Scope.SHIP)).status == 201

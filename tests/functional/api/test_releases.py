"""Releases on the compatible routes: asked for, followed, listed, rolled back, deleted."""

from __future__ import annotations

import pytest

from chalicelib.core.actors import Scope
from tests.functional.api.gate import Gate
from tests.functional.api.shop import open_shop, release, ship
from tests.functional.road.town import manifest

WORDS = {"app", "env", "artifactId", "triggeredBy", "version", "gitopsRef", "gitopsRepo", "gitopsCommitStatus"} | {
    "gitopsCommitStatusDesc",
    "gitopsCommitCreated",
    "created",
    "rolledBack",
}


def test_a_release_request_is_followed_to_its_commit(gate: Gate) -> None:
    open_shop(gate)
    artifact_id = ship(gate, env="production", app="cart", deploy=False)

    asked = gate.call("POST", "/api/releases", {"env": "production", "artifactId": artifact_id, "triggeredBy": ""})
    before = gate.call("GET", f"/api/eventReleaseTrack?id={asked.body['id']}").body
    gate.town.settle()
    after = gate.call("GET", f"/api/eventReleaseTrack?id={asked.body['id']}").body

    assert (asked.status, asked.body["type"]) == (201, "release")
    assert before == {"type": "release", "status": "new", "statusDesc": "", "results": []}
    assert after == {
        "type": "release",
        "status": "processed",
        "statusDesc": "",
        "results": [
            {
                "app": "cart",
                "env": "production",
                "hash": gate.town.releases("cart")[-1].commit,
                "status": "success",
                "statusDesc": "",
                "gitopsCommitStatus": "NotReconciled",
                "gitopsCommitStatusDesc": "",
            }
        ],
    }


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"artifactId": "x"}, 400, "env parameter is mandatory"),
        ({"env": "staging"}, 400, "artifactId parameter is mandatory"),
        ({}, 400, "mandatory"),
        ("", 400, "mandatory"),
        ("{", 400, "body"),
        ([], 400, "body"),
        ({"env": 7, "artifactId": "x"}, 400, "env"),
        ({"env": "staging", "artifactId": "unknown"}, 404, "unknown"),
        ({"env": "nowhere", "artifactId": "x"}, 404, "nowhere"),
        ({"env": "staging", "artifactId": "x" * 5000}, 404, "xxx"),
    ],
)
def test_a_release_request_that_can_not_be_done_says_why(gate: Gate, body: object, status: int, says: str) -> None:
    gate.town.environment("staging")

    refused = gate.call("POST", "/api/releases", body)

    assert refused.status == status
    assert says in refused.body["error"]


def test_what_the_artifact_has_no_manifest_for_ends_as_an_error_with_its_reason(gate: Gate) -> None:
    open_shop(gate)
    artifact_id = ship(gate, app="cart", deploy=False)

    asked = gate.call("POST", "/api/releases", {"env": "production", "app": "cart", "artifactId": artifact_id})
    gate.town.settle()
    track = gate.call("GET", f"/api/eventReleaseTrack?id={asked.body['id']}").body

    assert (track["status"], track["results"]) == ("error", [])
    assert "production/cart" in track["statusDesc"]


def test_an_artifact_is_followed_with_its_slash_as_it_is(gate: Gate) -> None:
    open_shop(gate)
    artifact_id = ship(gate, app="cart")

    for written in (artifact_id, artifact_id.replace("/", "%2F")):
        track = gate.call("GET", f"/api/eventArtifactTrack?artifactId={written}").body
        assert "type" not in track
        assert (track["status"], [one["app"] for one in track["results"]]) == ("processed", ["cart"])


@pytest.mark.parametrize("path", ["/api/eventReleaseTrack?id=", "/api/eventArtifactTrack?artifactId="])
@pytest.mark.parametrize("name", ["", "nothing", "x%00y", "%2e%2e%2f"])
def test_what_nobody_asked_can_not_be_followed(gate: Gate, path: str, name: str) -> None:
    assert gate.call("GET", path + name).status == 404


def test_a_listed_release_has_all_its_words_in_the_types_that_clients_decode(gate: Gate) -> None:
    open_shop(gate)

    [listed] = gate.call("GET", "/api/releases?env=staging").body

    assert set(listed) == WORDS
    assert listed["created"] == int(gate.town.clock().timestamp())
    assert isinstance(listed["gitopsCommitCreated"], int)
    assert isinstance(listed["version"]["created"], int)
    assert listed["rolledBack"] is False
    assert listed["gitopsRepo"] == "acme/gitops"
    assert gate.call("GET", "/api/status?env=staging").body == {"shop": listed}


def test_lists_that_hold_nothing_are_empty_and_not_null(gate: Gate) -> None:
    gate.town.environment("staging")

    assert gate.call("GET", "/api/releases?env=staging").text == "[]"
    assert gate.call("GET", "/api/releases?env=staging&app=none").text == "[]"
    assert gate.call("GET", "/api/status?env=staging").text == "{}"
    assert gate.call("GET", "/api/status?env=staging&app=none").text == "{}"


@pytest.mark.parametrize("path", ["/api/releases", "/api/status"])
def test_a_list_needs_its_environment(gate: Gate, path: str) -> None:
    missing, unknown = gate.call("GET", path), gate.call("GET", f"{path}?env=nowhere")

    assert (missing.status, missing.body) == (400, {"error": "env parameter is mandatory"})
    assert unknown.status == 404


def test_the_newest_come_first_and_a_limit_counts_what_is_shown(gate: Gate) -> None:
    shop = open_shop(gate)
    for number in range(3):
        gate.town.clock.pass_(seconds=1)
        gate.town.push(shop, {".gimlet/staging.yaml": manifest(value=f"round {number}")})
    for number in range(20):  # what is overtaken on its way leaves superseded releases that are not shown
        gate.town.clock.pass_(seconds=1)
        push = gate.town.commit(shop, {".gimlet/staging.yaml": manifest(value=f"burst {number}")})
        gate.town.deliver(shop, push)
        while gate.town.queues.intake:
            gate.town.settle_one()
    gate.town.settle()

    listed = gate.call("GET", "/api/releases?env=staging&app=shop&limit=3").body
    turned = gate.call("GET", "/api/releases?env=staging&limit=-1&reverse=true").body

    commits = [one.commit for one in gate.town.releases() if one.state in ("committed", "overtaken")]
    assert [one["gitopsRef"] for one in listed] == commits[:-4:-1]
    assert [one["gitopsRef"] for one in turned] == commits
    assert "superseded" in gate.town.states()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("since=2026-01-02T03:04:05Z&until=2026-01-02T03:04:05Z", 1),
        ("since=2026-01-02T03:04:06Z", 0),
        ("until=2026-01-02T03:04:04Z", 0),
        ("git-repo=acme/shop", 1),
        ("git-repo=acme/cart", 0),
        ("app=cart", 0),
    ],
)
@pytest.mark.parametrize("app", ["", "&app=shop"])
def test_releases_are_found_by_instant_and_repository(gate: Gate, query: str, expected: int, app: str) -> None:
    open_shop(gate)
    wanted = query if query.startswith("app") else query + app

    assert len(gate.call("GET", f"/api/releases?env=staging&{wanted}").body) == expected


def test_a_rollback_by_prefix_is_followed_to_its_commit(gate: Gate) -> None:
    shop = open_shop(gate)
    first = release(gate)
    gate.town.push(shop, {".gimlet/staging.yaml": manifest(value="second")})

    asked = gate.call("POST", f"/api/rollback?env=staging&app=shop&sha={first.commit[:6]}")
    gate.town.settle()
    track = gate.call("GET", f"/api/eventReleaseTrack?id={asked.body['id']}").body

    assert (asked.status, asked.body["type"]) == (201, "rollback")
    assert (track["type"], track["status"], track["results"][0]["status"]) == ("rollback", "processed", "success")
    assert gate.call("GET", "/api/status?env=staging").body["shop"]["rolledBack"] is True


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("env=staging&app=shop", 400),
        ("env=staging&sha=aaaa", 400),
        ("app=shop&sha=aaaa", 400),
        ("env=staging&app=shop&sha=abc", 400),
        ("env=staging&app=shop&sha=ffffffff", 400),
        ("env=staging&app=none&sha=ffffffff", 400),
        ("env=nowhere&app=shop&sha=ffffffff", 404),
    ],
)
def test_a_rollback_to_nowhere_is_refused(gate: Gate, query: str, status: int) -> None:
    open_shop(gate)

    refused = gate.call("POST", f"/api/rollback?{query}")

    assert refused.status == status
    assert refused.body["error"]


def test_a_delete_is_200_as_soon_as_it_is_recorded(gate: Gate) -> None:
    open_shop(gate)

    deleted = gate.call("POST", "/api/delete?env=staging&app=shop")

    assert deleted.status == 200
    assert gate.town.file("staging/shop/release.json") is not None
    gate.town.settle()
    assert gate.town.file("staging/shop/release.json") is None
    assert gate.call("GET", "/api/status?env=staging").body == {}


@pytest.mark.parametrize(
    ("query", "status"), [("env=staging", 400), ("app=shop", 400), ("env=staging&app=none", 404), ("", 400)]
)
def test_a_delete_of_nothing_is_refused(gate: Gate, query: str, status: int) -> None:
    open_shop(gate)

    assert gate.call("POST", f"/api/delete?{query}").status == status


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/rollback?env=staging&app=shop&sha=aaaa"), ("POST", "/api/delete?env=staging&app=shop")],
)
def test_a_token_that_ships_does_not_roll_back_or_delete(gate: Gate, method: str, path: str) -> None:
    open_shop(gate)

    assert gate.call(method, path, token=gate.new_token(Scope.SHIP)).status == 403
    assert gate.town.states() == ["committed"]


def test_a_failed_release_is_failure_with_its_reason(gate: Gate) -> None:
    shop = open_shop(gate)
    gate.town.clock.pass_(seconds=1)
    gate.town.push(shop, {".gimlet/staging.yaml": manifest(value="{{ .NOPE }}")})

    listed = gate.call("GET", "/api/releases?env=staging&limit=1").body[0]
    track = gate.call("GET", f"/api/eventArtifactTrack?artifactId={listed['artifactId']}").body

    assert [(one["status"], one["hash"]) for one in track["results"]] == [("failure", "")]
    assert track["results"][0]["statusDesc"]
    assert track["status"] == "processed"


def test_the_files_that_connect_a_cluster_hold_no_secret(gate: Gate) -> None:
    made = gate.call("POST", "/v1/environments", {"name": "staging", "gitops_repository_id": gate.town.gitops.id}).body

    files = gate.call("GET", "/api/gitopsManifests/staging")

    assert files.status == 200
    assert all(name.endswith(".yaml") and isinstance(text, str) for name, text in files.body.items())
    assert made["agent_key"] not in files.text
    assert made["webhook_secret"] not in files.text

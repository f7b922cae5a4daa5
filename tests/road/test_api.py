"""The interface on real parts: manifests checked by the image function, forged cursors, secrets in what is stored."""

from __future__ import annotations

import base64
import json
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.request import Request

import pytest

from infra.local.resources import client
from tests.road.test_push_to_commit import STAGING
from tests.road.world import World, send, wait_until

pytestmark = pytest.mark.integration
VERSION = {"repositoryName": "acme/shop", "sha": "a" * 40, "branch": "main", "event": "push"}


def _check(world: World, manifest: str, **more: Any) -> Any:
    reply = world.call("POST", "/v1/manifests/check", {"manifest": manifest, **more})
    assert reply.status == 200, reply
    return reply.body


def test_a_manifest_is_checked_and_rendered_by_the_engine(world: World) -> None:
    answer = _check(world, STAGING, version=VERSION, render=True)

    assert (answer["valid"], answer["errors"]) == (True, [])
    [one] = answer["manifests"]
    assert one["decision"]["deploy"] is True
    assert one["resolved"]["values"]["image"]["tag"] == "a" * 40
    assert f"nginx:{'a' * 40}" in "".join(one["files"].values())


def test_without_render_and_version_nothing_is_rendered_or_decided(world: World) -> None:
    [one] = _check(world, STAGING, variables={"SHA": "x"})["manifests"]

    assert one["files"] is None
    assert one["decision"] is None


@pytest.mark.parametrize(
    ("manifest", "path"),
    [
        ("app: shop\nenv: staging\n", "namespace"),
        (STAGING + "colour: red\n", "colour"),
        (STAGING.replace("app: shop", "app: ../shop"), "app"),
        (STAGING.replace("replicas: 2", "replicas: [2"), ""),
        ("", ""),
    ],
)
def test_an_invalid_manifest_is_an_answer_with_all_its_errors(world: World, manifest: str, path: str) -> None:
    answer = _check(world, manifest)

    assert answer["valid"] is False
    assert any(path in error["path"] or path in error["message"] for error in answer["errors"])


def test_what_the_chart_refuses_is_said_in_its_words(world: World) -> None:
    answer = _check(world, STAGING.replace("replicas: 2", "replicas: many"), version=VERSION, render=True)

    assert answer["valid"] is False
    assert "replicas" in json.dumps(answer["errors"])


def test_a_policy_that_says_no_says_why(world: World) -> None:
    [one] = _check(world, STAGING, version={**VERSION, "branch": "dev"})["manifests"]

    assert one["decision"]["deploy"] is False
    assert "dev" in one["decision"]["reason"]


@pytest.mark.parametrize("body", [{}, {"manifest": 1}, {"manifest": "x", "format": "toml"}, {"manifest": "x", "x": 1}])
def test_a_question_that_is_none_is_400(world: World, body: object) -> None:
    assert world.call("POST", "/v1/manifests/check", body).status == 400


@pytest.mark.parametrize(
    "start",
    [
        [],
        None,
        {},
        {"i1pk": "ORG#other#REPOSITORIES"},
        {"i1pk": "PK"},
        {"i1pk": "PK", "i1sk": 1.5, "pk": [], "sk": {}},
        {"i1pk": "PK", "i1sk": "x", "pk": "", "sk": ""},
        {"i1pk": "PK", "i1sk": "x", "pk": "x", "sk": "x", "more": "x"},
        {"i1pk": "PK", "i1sk": {"S": "x"}, "pk": "x", "sk": "x"},
    ],
)
def test_a_forged_cursor_turns_no_page_and_is_no_bug(world: World, start: Any) -> None:
    text = json.dumps(start).replace("PK", f"ORG#{_organization(world)}#REPOSITORIES")
    cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    for path in ("/v1/repositories", "/v1/documents?topic=releases", "/v1/apps"):
        joint = "&" if "?" in path else "?"
        assert world.call("GET", f"{path}{joint}cursor={cursor}").status in (200, 400)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/none", 404),
        ("GET", "/api/none", 404),
        ("POST", "/hooks/github/none", 404),
        ("HEAD", "/health", 405),
        ("OPTIONS", "/v1/me", 405),
        ("GET", "/v1/apps/%2e%2e/%00", 404),
        ("GET", "/v1/releases/" + "%F0%9F%92%A9" * 200, 404),
        ("GET", "/api/artifacts?since=2021-01-01T00:00:00+01:00", 200),
        ("GET", "/api/artifacts?since=2021-01-01T00%3A00%3A00%2B01%3A00", 200),
    ],
)
def test_an_address_is_answered_as_it_is_written(world: World, method: str, path: str, status: int) -> None:
    assert world.call(method, path).status == status


def test_an_artifact_too_large_to_be_kept_is_413(world: World) -> None:
    values = {f"k{number}": sha256(str(number).encode()).hexdigest() for number in range(20_000)}  # nothing to compress
    body = {"version": {"repositoryName": "acme/ci", "sha": "ea9a"}, "environments": [{"app": "x", "values": values}]}

    refused = world.call("POST", "/api/artifact", body)

    assert refused.status == 413
    assert "too large" in refused.body["error"]


def test_06_no_table_log_repository_or_object_holds_a_secret(world: World) -> None:
    gitops = world.import_repository("canary/gitops", "gitops")
    world.import_repository("canary/shop", "application")
    made = world.make_environment("canary", gitops)
    token = world.call("POST", "/v1/tokens", {"name": "ci", "scopes": ["admin"]}).body["text"]
    secrets = [made["agent_key"], made["webhook_secret"], world.hooks["canary/shop"][1], token, world.token]
    shop = world.clone("canary/shop")
    shop.push("Sell", {".gimlet/c.yaml": STAGING.replace("env: staging", "env: canary").replace("app: shop", "app: c")})
    wait_until("commit", lambda: world.gitops_head("canary/gitops"))
    world.call("GET", "/v1/me", token=token + "x")
    send(Request(world.system.url + world.hooks["canary/shop"][0], b"{}", {"X-Hub-Signature-256": "sha256=0"}))

    stored = _stored(world)
    found = [where for where, text in stored.items() for secret in secrets if secret.split("_", 2)[-1] in text]

    assert found == []
    assert all("canary" in stored[place] or "delivery_id" in stored[place] for place in (*TABLES, "functions.log"))


def _stored(world: World) -> dict[str, str]:
    """All that the system keeps in the open, as text, by where it is."""
    dynamodb: Any = client("dynamodb", world.system.aws_endpoint)
    texts = {table: json.dumps(dynamodb.scan(TableName=table)["Items"], default=repr) for table in TABLES}
    for name in ("canary/gitops", "canary/shop"):
        bare = world.system.git.path_of(name)
        shown = subprocess.run(["git", "log", "-p", "--all"], cwd=bare, capture_output=True, check=True, timeout=30)
        texts[name] = shown.stdout.decode("utf-8", "replace")
    logs = [path for path in Path(world.folder).rglob("*.log") if path.is_file()]
    return texts | {path.name: path.read_text(errors="replace") for path in logs}


TABLES = ("records", "documents")


def _organization(world: World) -> str:
    return str(world.call("GET", "/v1/me").body["organization"]["id"])

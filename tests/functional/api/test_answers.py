"""What every answer has in common: credentials as clients write them, types, methods, failures that say why."""

from __future__ import annotations

import pytest

import app as functions
from chalicelib import wiring
from chalicelib.core.actors import Permission, Scope
from chalicelib.core.errors import StoreUnavailable
from chalicelib.routes.http import ROUTES
from tests.functional.api.gate import Gate
from tests.functional.api.shop import artifact, open_shop


@pytest.mark.parametrize("word", ["Bearer", "bearer", "BEARER", "BeArEr"])
@pytest.mark.parametrize("name", ["Authorization", "authorization"])
def test_a_token_is_taken_with_its_word_in_any_case(gate: Gate, word: str, name: str) -> None:
    assert gate.call("GET", "/v1/me", token="", headers={name: f"{word} {gate.token}"}).status == 200


@pytest.mark.parametrize("sent", ["", "Bearer", "Bearer ", "Basic Z2ltOg==", "Token x", "Bearer  gim_x"])
def test_anything_else_is_401_with_what_to_do(gate: Gate, sent: str) -> None:
    sent_so = {"Authorization": sent}
    ours = gate.call("GET", "/v1/me", token="", headers=sent_so)
    theirs = gate.call("GET", "/api/artifacts", token="", headers=sent_so)

    assert (ours.status, ours.headers["Content-Type"]) == (401, "application/problem+json")
    assert (theirs.status, list(theirs.body)) == (401, ["error"])
    assert "API token" in ours.body["detail"]


def test_a_token_in_a_query_is_no_credential(gate: Gate) -> None:
    for name in ("token", "access_token", "authorization"):
        assert gate.call("GET", f"/v1/me?{name}={gate.token}", token="").status == 401


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "x", "", "application/octet-stream", "a/b/c;d"])
def test_a_body_is_read_whatever_its_type_is_said_to_be(gate: Gate, kind: str) -> None:
    assert gate.call("POST", "/api/artifact", artifact(), headers={"Content-Type": kind}).status == 201


def test_a_body_is_read_without_a_type(gate: Gate) -> None:
    assert gate.call("POST", "/api/artifact", artifact()).status == 201


@pytest.mark.parametrize("path", ["/api/artifacts", "/v1/me", "/health", "/api/delete", "/v1/openapi.json"])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PATCH", "TRACE", "FOO"])
def test_a_method_that_is_not_there_does_nothing_and_names_those_that_are(gate: Gate, path: str, method: str) -> None:
    open_shop(gate)

    answer = gate.call(method, path + "?env=staging&app=shop")

    assert answer.status == 405
    assert answer.headers["Allow"] in ("GET", "POST")
    assert gate.town.states() == ["committed"]


def test_every_answer_is_kept_out_of_caches_and_names_its_type(gate: Gate) -> None:
    for path in ("/v1/me", "/api/artifacts", "/v1/environments/none", "/health"):
        headers = gate.call("GET", path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Type"].startswith("application/")


def test_a_failure_on_v1_is_a_problem_document_that_names_its_request(gate: Gate) -> None:
    problem = gate.call("GET", "/v1/environments/none").body

    assert set(problem) == {"type", "title", "status", "detail", "instance"}
    assert (problem["status"], problem["instance"]) == (404, "request-1")
    assert problem["type"] == "urn:gimlet:problem:not-found"


@pytest.mark.parametrize("path", ["/v1/me", "/api/artifacts"])
def test_what_does_not_answer_is_503_with_when_to_try_again(
    gate: Gate, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> None:
        raise StoreUnavailable("the table does not answer")

    monkeypatch.setattr(gate.town.records, "get", silent)
    answer = gate.call("GET", path)

    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


@pytest.mark.parametrize(
    ("path", "kind"), [("/v1/me", "application/problem+json"), ("/api/artifacts", "application/json")]
)
def test_a_bug_is_500_without_detail_and_is_logged_with_its_request(
    gate: Gate, path: str, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("the inner secret")

    monkeypatch.setattr(wiring, "records", broken)
    monkeypatch.setattr(functions.app.log, "propagate", True)
    answer = gate.call("GET", path)

    assert (answer.status, answer.headers["Content-Type"]) == (500, kind)
    assert "request-1" in answer.text
    assert "secret" not in answer.text
    assert "request-1" in caplog.text


def test_the_document_describes_every_route_of_ours(gate: Gate) -> None:
    document = gate.call("GET", "/v1/openapi.json", token="").body

    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert document["openapi"] == "3.1.0"
    assert described == {(one.method, one.path) for one in ROUTES if one.path.startswith("/v1/")}


def test_a_route_that_needs_no_permission_says_nothing_of_a_tenant(gate: Gate) -> None:
    open_shop(gate)

    for one in ROUTES:
        if one.permission is Permission.ANYONE:
            assert "acme" not in gate.call(one.method, one.path, token="").text


@pytest.mark.parametrize(
    ("scope", "permissions"),
    [
        (Scope.READ, ["read"]),
        (Scope.SHIP, ["read", "ship"]),
        (Scope.DEPLOY, ["deploy", "hold", "read", "ship"]),
        (Scope.ADMIN, ["admin", "deploy", "hold", "read", "ship"]),
    ],
)
def test_a_scope_grants_its_permissions_and_each_route_asks_for_its_own(
    gate: Gate, scope: Scope, permissions: list[str]
) -> None:
    token = gate.new_token(scope)

    assert gate.call("GET", "/v1/me", token=token).body["permissions"] == permissions
    for one in ROUTES:
        if one.permission in (Permission.ANYONE, Permission.CODE, Permission.SIGNATURE):
            continue
        path = one.path.replace("{", "").replace("}", "")
        refused = gate.call(one.method, path + "?env=e&app=a&sha=aaaa", {}, token=token)
        is_lacking = refused.status == 403 and "lacks the permission" in refused.text
        assert is_lacking is (one.permission.value not in permissions), one

"""The OpenAPI document is true: whatever fits it or breaks it, no answer is a bug, and answers are as it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from chalicelib.core.actors import Scope
from chalicelib.routes.http import ROUTES, Route
from tests.functional.api.gate import Gate, open_gate
from tests.functional.api.shop import open_shop

CHECKS = [not_a_server_error, response_schema_conformance, content_type_conformance]
BOUNDED = settings(
    max_examples=15,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
Start = Callable[[str, list[tuple[str, str]]], Any]


class Wsgi:
    """The gate as a WSGI application, which is what schemathesis calls in process."""

    def __init__(self) -> None:
        self.gate: Gate | None = None

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        gate = _gate()
        path = environ["REQUEST_URI"].partition("?")[0]
        headers = {name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
        headers |= {"Content-Type": environ.get("CONTENT_TYPE", "")}
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if gate.routes.match(path) is None:
            start("404 Not Found", [("Content-Type", "application/json")])
            return [b"{}"]
        target = f"{path}?{environ['QUERY_STRING']}"
        answer = gate.call(environ["REQUEST_METHOD"], target, body, headers=headers)
        start(f"{answer.status} {HTTPStatus(answer.status).phrase}", list(answer.headers.items()))
        return [answer.text.encode()]


WSGI = Wsgi()


@pytest.fixture
def described() -> Iterator[Any]:
    """The document, read from the app itself, which stands open with a shop in it."""
    with pytest.MonkeyPatch.context() as patch, open_gate(patch) as gate:
        WSGI.gate = gate
        open_shop(gate)
        yield schemathesis.openapi.from_wsgi("/v1/openapi.json", WSGI)
        WSGI.gate = None


OURS = [one for one in ROUTES if one.path.startswith("/v1/")]
FITTING, BREAKING = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
CASES = [(one, FITTING) for one in OURS] + [(one, BREAKING) for one in OURS if one.takes is not None]


@pytest.mark.parametrize(
    ("one", "mode"), CASES, ids=lambda part: f"{part.method} {part.path}" if isinstance(part, Route) else part.value
)
def test_an_answer_is_as_the_document_says(described: Any, one: Route, mode: schemathesis.GenerationMode) -> None:
    operation, gate = described[one.path][one.method], _gate()
    known, seen = _known(gate), set[int]()

    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        _check(case, gate)
        case.path_parameters = {name: known[name] for name in case.path_parameters or {}}
        if one.path == "/v1/documents":
            case.query = {"topic": "releases"}
        seen.add(_check(case, gate))

    ask()

    if mode is FITTING and one.method == "GET":
        assert HTTPStatus.OK in seen


def _check(case: Any, gate: Gate) -> int:
    answer = case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {gate.token}"})
    return int(answer.status_code)


def _known(gate: Gate) -> dict[str, str]:
    """What there is, by the name of the path's part."""
    release = gate.town.releases()[0]
    return {
        "env": "staging",
        "name": "webapp",
        "app": "shop",
        "release_id": release.id,
        "request_id": release.request_id,
        "repository_id": gate.town.gitops.id,
        "token_id": gate.new_token(Scope.READ).split("_")[1],
        "sha": release.artifact_version.sha if release.artifact_version else "",
    }


def _gate() -> Gate:
    assert WSGI.gate is not None
    return WSGI.gate

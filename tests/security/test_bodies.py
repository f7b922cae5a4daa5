"""Defence 8: bodies of any size, depth and bytes get an answer, and nothing of them is kept by mistake."""

from __future__ import annotations

import re

import pytest

from chalicelib.core.actors import Permission
from chalicelib.core.artifacts import Artifact
from chalicelib.routes.http import ROUTES, Route
from tests.functional.api.gate import Gate
from tests.functional.api.shop import open_shop

WRITING = [one for one in ROUTES if one.method != "GET" and one.permission is not Permission.SIGNATURE]
BODIES = {
    "open lists": b"[" * 200_000,
    "closed lists": b"[" * 200_000 + b"]" * 200_000,
    "objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "no text": b"\xff\xfe\x00",
    "nothing in it": b"\x00",
    "a number": b"1e999",
    "half a pair": b'{"name":"\\ud800"}',
    "a long number": b'{"position":' + b"9" * 5000 + b"}",
    "repeated keys": b'{"name":"a","name":"b"}',
    "text": b"name=x",
    "over the limit": b" " * (4 * 1024 * 1024 + 1),
}


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("one", WRITING, ids=lambda one: f"{one.method} {one.path}")
def test_08_no_body_is_a_bug(gate: Gate, one: Route, kind: str) -> None:
    open_shop(gate)
    path = re.sub(r"\{env\}", "staging", re.sub(r"\{app\}", "shop", one.path))

    answer = gate.call(one.method, re.sub(r"\{\w+\}", "x", path), BODIES[kind])

    assert answer.status < 500
    if kind == "over the limit":
        assert answer.status == 413
    elif one.takes is not None and one.path != "/v1/manifests/check":
        assert answer.status == 400


@pytest.mark.parametrize("levels", [90, 101, 400, 900, 960, 990, 1_100, 5_000])
@pytest.mark.parametrize("pair", [(b"[", b"]"), (b'{"a":', b"}")])
def test_08_an_artifact_is_as_deep_as_anybody_can_read_or_refused(
    gate: Gate, levels: int, pair: tuple[bytes, bytes]
) -> None:
    deep = pair[0] * levels + b"1" + pair[1] * levels
    body = b'{"version":{"repositoryName":"acme/ci","sha":"ea9a"},"environments":[{"app":"x","values":' + deep + b"}]}"

    posted = gate.call("POST", "/api/artifact", body)

    assert posted.status == (201 if levels == 90 else 400)
    assert len(gate.town.records.all(Artifact)) == (1 if levels == 90 else 0)
    assert gate.call("GET", "/api/artifacts").status == 200


@pytest.mark.parametrize("size", [100, 10_000])
def test_08_names_of_any_length_are_answered(gate: Gate, size: int) -> None:
    for one in ROUTES:
        if one.permission in (Permission.SIGNATURE, Permission.CODE):
            continue
        path = re.sub(r"\{\w+\}", "x" * size, one.path)
        query = "&".join(f"{name}={'x' * size}" for name in one.query)
        assert gate.call(one.method, f"{path}?{query}", {}).status < 500


def test_08_headers_of_any_bytes_are_answered(gate: Gate) -> None:
    for name in ("Authorization", "Cookie", "Origin", "Gimlet-Code", "Idempotency-Key", "X-GitHub-Delivery"):
        for value in ("\udcff", "x" * 9000, "\x00", "é", "=;=;", "Bearer \udcff"):
            for method, path in (("GET", "/v1/me"), ("POST", "/v1/session"), ("POST", "/api/delete?env=a&app=b")):
                assert gate.call(method, path, headers={name: value}).status < 500

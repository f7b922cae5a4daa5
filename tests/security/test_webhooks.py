"""Defences 8, 18, 19 and 20 at the webhook's door: checked before it is read, and taken once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.functional.api.gate import Gate
from tests.functional.road.town import manifest
from tests.security.hooks import PUSH, deliver, secret_of, sign

EVENTS = ["push", "ping", "check_run", "check_suite", "status", "pull_request", "installation", "workflow_run", ""]


@pytest.mark.parametrize("event", EVENTS)
def test_18_no_event_passes_without_the_right_signature(gate: Gate, event: str) -> None:
    shop = gate.town.repository("acme/shop")
    secret, body = secret_of(gate, shop), json.dumps(PUSH).encode()
    right = sign(secret, body)
    wrong = {
        "none": "",
        "empty": " ",
        "of another secret": sign("other", body),
        "of an empty secret": sign("", body),
        "of another body": sign(secret, body + b" "),
        "without its word": right.removeprefix("sha256="),
        "as sha1": sign(secret, body, "sha1"),
        "sha1 under its name": "sha1=" + right.removeprefix("sha256="),
        "cut": right[:-1],
        "in capitals": right.upper(),
        "no text": "sha256=\udcff",
        "twice": f"{right},{right}",
    }

    for kind, signature in wrong.items():
        refused = deliver(gate, shop, event=event, signature=signature)
        assert (refused.status, kind) == (401, kind)
        assert secret not in refused.text
        assert right.removeprefix("sha256=") not in refused.text

    assert gate.town.queues.intake == []


def test_18_the_old_sha1_header_proves_nothing(gate: Gate) -> None:
    shop = gate.town.repository("acme/shop")
    old = sign(secret_of(gate, shop), json.dumps(PUSH).encode(), "sha1")

    assert deliver(gate, shop, signature="", X_Hub_Signature=old).status == 401
    assert gate.town.queues.intake == []


def test_18_a_ping_is_verified_like_any_other(gate: Gate) -> None:
    shop = gate.town.repository("acme/shop")

    assert deliver(gate, shop, {"zen": "x"}, event="ping").body["outcome"] == "pong"
    assert deliver(gate, shop, {"zen": "x"}, event="ping", signature="sha256=0").status == 401


@pytest.mark.parametrize("missing", ["", None])
def test_18_without_a_configured_secret_nothing_is_accepted(gate: Gate, missing: str | None) -> None:
    shop = gate.town.repository("acme/shop")
    body = json.dumps(PUSH).encode()
    kept = gate.town.secrets.kept
    if missing is None:
        del kept[f"hooks/{shop.hook_id}"]
    else:
        kept[f"hooks/{shop.hook_id}"] = missing

    refused = deliver(gate, shop, signature=sign("", body))

    assert (refused.status, refused.headers["Retry-After"]) == (503, "60")
    assert gate.town.queues.intake == []


def test_18_the_signature_is_over_the_raw_bytes(gate: Gate) -> None:
    shop = gate.town.repository("acme/shop")
    spaced = json.dumps(PUSH, indent=4).encode()
    headers = {"X-GitHub-Event": "push", "X-Hub-Signature-256": sign(secret_of(gate, shop), spaced)}
    path = f"/hooks/github/{shop.hook_id}"

    assert gate.call("POST", path, spaced, token="", headers=headers).status == 202
    assert gate.call("POST", path, json.dumps(PUSH).encode(), token="", headers=headers).status == 401


@pytest.mark.parametrize("provider", ["gitlab", "gitea", "git", "GITHUB", "x"])
def test_18_a_hook_is_asked_in_its_own_hosts_way_only(gate: Gate, provider: str) -> None:
    shop = gate.town.repository("acme/shop")
    body = json.dumps(PUSH).encode()
    signature = sign(secret_of(gate, shop), body)
    headers = {"X-Hub-Signature-256": signature, "X-Signature": signature, "X-GitHub-Event": "push"}

    assert gate.call("POST", f"/hooks/{provider}/{shop.hook_id}", body, token="", headers=headers).status == 404


def test_19_a_replayed_delivery_deploys_nothing_twice(gate: Gate) -> None:
    gate.town.environment("staging")
    shop = gate.town.repository("acme/shop")
    push = gate.town.commit(shop, {".gimlet/staging.yaml": manifest()})
    payload = {"ref": push.ref, "before": push.before or "0" * 40, "after": push.after}

    first = deliver(gate, shop, payload, delivery="d-1")
    again_at_once = deliver(gate, shop, payload, delivery="d-1")
    gate.town.settle()
    commits = gate.town.log()
    later = deliver(gate, shop, payload, delivery="d-1")
    renamed = deliver(gate, shop, payload, delivery="d-2")
    gate.town.settle()

    assert [first.status, again_at_once.status, later.status, renamed.status] == [202, 202, 200, 202]
    assert later.body["outcome"] == "processed"
    assert gate.town.log() == commits == ["[Gimlet] staging/shop automated deploy"]
    assert gate.town.states() == ["committed"]


def test_19_an_old_delivery_under_a_new_id_does_not_bring_an_old_commit_back(gate: Gate) -> None:
    gate.town.environment("staging")
    shop = gate.town.repository("acme/shop")
    payloads = []
    for text in ("first", "second"):
        push = gate.town.commit(shop, {".gimlet/staging.yaml": manifest(value=text)})
        payloads.append({"ref": push.ref, "before": push.before or "0" * 40, "after": push.after})
        deliver(gate, shop, payloads[-1], delivery=text)
        gate.town.settle()
    commits, shown = gate.town.log(), gate.town.file("staging/shop/release.json")

    deliver(gate, shop, payloads[0], delivery="new")
    gate.town.settle()

    assert gate.town.log() == commits
    assert gate.town.file("staging/shop/release.json") == shown


@pytest.mark.parametrize("hook", ["unknown", "x" * 5000, "%00", "..%2F..", "%F0%9F%92%A9"])
def test_20_an_unknown_hook_is_404_and_costs_nothing_more(gate: Gate, hook: str) -> None:
    body = json.dumps(PUSH).encode()

    refused = gate.call("POST", f"/hooks/github/{hook}", body, token="", headers={"X-GitHub-Event": "push"})

    assert (refused.status, refused.headers["Content-Type"]) == (404, "application/problem+json")
    assert gate.town.queues.intake == []


@pytest.mark.parametrize(
    "payload",
    [
        [],
        None,
        "push",
        {},
        {"ref": "refs/heads/main"},
        {"ref": 1, "before": "0" * 40, "after": "a" * 40},
        {"ref": "main", "before": "0" * 40, "after": "a" * 40},
        {"ref": "refs/heads/" + "x" * 600, "before": "0" * 40, "after": "a" * 40},
        {"ref": "refs/heads/main", "before": "0" * 40, "after": "$(reboot)" + "a" * 31},
        {"ref": "refs/heads/main", "before": "0" * 40, "after": "a" * 39},
    ],
)
def test_20_a_signed_body_that_is_no_push_is_400_and_goes_no_further(gate: Gate, payload: Any) -> None:
    shop = gate.town.repository("acme/shop")

    assert deliver(gate, shop, payload if payload is not None else {"ref": None}).status == 400
    assert gate.town.queues.intake == []


def test_08_a_body_over_four_megabytes_is_413_before_its_signature_is_looked_at(gate: Gate) -> None:
    shop = gate.town.repository("acme/shop")
    large = b'{"x":"' + b"x" * (4 * 1024 * 1024) + b'"}'

    answer = gate.call("POST", f"/hooks/github/{shop.hook_id}", large, token="")

    assert answer.status == 413


def test_08_a_body_of_nested_lists_is_400(gate: Gate) -> None:
    shop = gate.town.repository("acme/shop")
    body = b'{"ref":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    headers = {"X-GitHub-Event": "push", "X-Hub-Signature-256": sign(secret_of(gate, shop), body)}

    assert gate.call("POST", f"/hooks/github/{shop.hook_id}", body, token="", headers=headers).status == 400


def test_08_an_unknown_field_of_any_depth_does_not_stop_a_push(gate: Gate) -> None:
    shop = gate.town.repository("acme/shop")

    assert deliver(gate, shop, {**PUSH, "sender": {"a": [{"b": [1.5, None]}]}}).status == 202
    assert set(gate.town.queues.intake[0]) >= {"ref", "before", "after", "organization_id", "repository_id"}
    assert "sender" not in gate.town.queues.intake[0]

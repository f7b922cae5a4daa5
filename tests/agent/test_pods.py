"""A pod in one word: the table of `docs/live.md`, Pod state word."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.documents import MAX_POD_BYTES, Documents
from agent.inventory import Inventory
from agent.objects import PodThing, parse_pod
from chalicelib.wire.bodies import READINESS_LOST, Pod
from chalicelib.wire.codec import size_bytes
from tests.fakes_cluster import pod

BACKING_OFF = {"state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}}, "restartCount": 4}
KILLED = {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-01-01T00:00:09Z"}}
RUNNING = {"ready": True, "state": {"running": {"startedAt": "2026-01-01T00:00:01Z"}}}


def body_of(raw: dict[str, Any]) -> Pod:
    thing = parse_pod(json.dumps(raw).encode())
    assert isinstance(thing, PodThing)
    return thing.body


def unready(*containers: dict[str, Any], **status: Any) -> dict[str, Any]:
    return pod("shop-1", ready=False, containerStatuses=list(containers), **status)


def waiting(reason: str) -> dict[str, Any]:
    return {"state": {"waiting": {"reason": reason}}}


def ended(code: int, reason: str = "") -> dict[str, Any]:
    return {"state": {"terminated": {"exitCode": code, **({"reason": reason} if reason else {})}}}


WORDS: list[tuple[str, dict[str, Any], str]] = [
    ("ready", pod("shop-1"), "Running"),
    ("not ready", unready({"state": {"running": {}}}), "NotReady"),
    ("being made", unready(waiting("ContainerCreating"), phase="Pending"), "ContainerCreating"),
    ("backs off", unready(BACKING_OFF), "CrashLoopBackOff"),
    ("no image", unready(waiting("ImagePullBackOff"), phase="Pending"), "ImagePullBackOff"),
    ("killed", unready({"state": KILLED}), "OOMKilled"),
    ("ended badly without a reason", unready(ended(3)), "Error"),
    ("a side container ended well", unready(ended(0, "Completed"), RUNNING), "Completed"),
    ("trouble before an ordinary start", unready(waiting("ContainerCreating"), BACKING_OFF), "CrashLoopBackOff"),
    ("a bad end before a good one", unready(ended(0, "Completed"), ended(1, "Error")), "Error"),
    (
        "its init container fails",
        unready(waiting("PodInitializing"), phase="Pending", initContainerStatuses=[ended(1, "Error")]),
        "Error",
    ),
    (
        "its init container backs off",
        unready(
            waiting("PodInitializing"), phase="Pending", initContainerStatuses=[ended(0, "Completed"), BACKING_OFF]
        ),
        "CrashLoopBackOff",
    ),
    (
        "it initialises",
        unready(waiting("PodInitializing"), phase="Pending", initContainerStatuses=[{"state": {"running": {}}}]),
        "PodInitializing",
    ),
    ("nothing known yet", {"metadata": {"name": "shop-1", "namespace": "team"}}, "Unknown"),
    ("pending", unready(phase="Pending"), "Pending"),
    ("succeeded", unready(ended(0, "Completed"), phase="Succeeded"), "Succeeded"),
    ("evicted", unready(ended(137, "Error"), phase="Failed", reason="Evicted"), "Failed"),
]


@pytest.mark.parametrize(("raw", "word"), [row[1:] for row in WORDS], ids=[row[0] for row in WORDS])
def test_each_pod_gets_its_word(raw: dict[str, Any], word: str) -> None:
    assert body_of(raw).state == word


def test_a_pod_being_deleted_is_terminating_whatever_else() -> None:
    raw = unready(BACKING_OFF)
    raw["metadata"]["deletionTimestamp"] = "2026-01-01T00:01:00Z"

    assert (body_of(raw).state, body_of(raw).since) == ("Terminating", "2026-01-01T00:01:00Z")


def test_a_crash_is_told_with_its_restarts_and_last_exit() -> None:
    body = body_of(unready({**BACKING_OFF, "lastState": KILLED}))

    told = (body.restarts, body.reason, body.message, body.last_exit)
    assert told == (4, "OOMKilled", "back-off 40s", "OOMKilled (137)")


def test_lost_readiness_is_told_apart_from_not_yet_ready() -> None:
    started, lost = {"startedAt": "2026-01-01T00:00:01Z"}, "2026-01-01T00:05:00Z"
    condition = {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "lastTransitionTime": lost}

    starting = body_of(unready({"state": {"running": started}}))
    failing = body_of(unready({"state": {"running": started}}, conditions=[condition]))
    restarted = body_of(unready({"state": {"running": {"startedAt": "2026-01-01T00:06:00Z"}}}, conditions=[condition]))

    assert (starting.reason, failing.reason, restarted.reason) == (
        "ContainersNotReady",
        READINESS_LOST,
        "ContainersNotReady",
    )


def test_a_pod_that_finds_no_node_says_why() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    body = body_of(unready(phase="Pending", conditions=[condition]))

    assert (body.state, body.reason, body.message) == ("Pending", "Unschedulable", "0/3 nodes")


def test_a_long_message_is_cut_and_a_pod_document_keeps_its_limit() -> None:
    raw = unready({"state": {"waiting": {"reason": "CreateContainerError", "message": "é" * 5000}}})
    raw["metadata"]["name"] = "n" * 200
    inventory = Inventory([])
    inventory.set_scope("staging", {})
    thing = parse_pod(json.dumps(raw).encode())
    inventory.apply([(thing.ref, thing)])

    body = Documents(inventory).build(f"pod/-/team/{'n' * 200}")

    assert isinstance(body, Pod)
    assert 0 < len(body.message) < 256
    assert size_bytes(body) <= MAX_POD_BYTES

"""Health in one word: the table of what deserves which word, calm, and what readers show."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.health import CALM, SEVERITY, cell_word, health, shown_word, text
from chalicelib.wire.bodies import READINESS_LOST, App, Card, Condition, FluxObject, Health, JobRun, Pod, Workload

CASES = Path(__file__).resolve().parents[2] / "histories" / "health.jsonl"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
JUST_NOW = text(NOW - timedelta(seconds=5))
LONG_AGO = text(NOW - timedelta(minutes=11))
HALTED = Condition(type="Progressing", status="False", reason="ProgressDeadlineExceeded")
REFUSED = Condition(type="ReplicaFailure", status="True", reason="FailedCreate")
STARTED = {"namespace": "team", "workload": "Deployment/shop", "since": JUST_NOW}


def workload(ready: int = 3, **changes: Any) -> Workload:
    numbers = {"wanted": 3, "updated": 3, "ready": ready, "available": ready}
    return Workload(kind="Deployment", namespace="team", name="shop", **{**numbers, **changes})


def pod(state: str, **changes: Any) -> Pod:
    return Pod(name="shop-1", state=state, **{**STARTED, **changes})


def flux(**changes: Any) -> FluxObject:
    known = {"ready": "True", "last_attempted": "main@sha1:1", "last_applied": "main@sha1:1"}
    return FluxObject(kind="Kustomization", namespace="gimlet-staging", name="shop", **{**known, **changes})


def app(*workloads: Workload, pods: tuple[Pod, ...] = (), **rest: Any) -> App:
    return App(app="shop", workloads=list(workloads), pods=list(pods), **rest)


TABLE: list[tuple[str, App, str, str]] = [
    ("nothing at all", app(), "Healthy", ""),
    ("all ready", app(workload()), "Healthy", ""),
    ("scaled to nothing", app(workload(0, wanted=0)), "Healthy", ""),
    ("paused and fine", app(workload(suspended=True)), "Suspended", "Paused"),
    ("first pods start", app(workload(0), pods=(pod("ContainerCreating"),)), "Progressing", "ContainerCreating"),
    ("not ready yet", app(workload(0), pods=(pod("NotReady"),)), "Progressing", "NotReady"),
    ("an unknown waiting reason is only slow", app(workload(0), pods=(pod("Thinking"),)), "Progressing", "Thinking"),
    ("controller has not looked yet", app(workload(settled=False)), "Progressing", "Rollout"),
    ("old pods still serve", app(workload(3, updated=1)), "Progressing", "Rollout"),
    ("some crash", app(workload(2), pods=(pod("CrashLoopBackOff"),)), "Degraded", "CrashLoopBackOff"),
    ("all crash", app(workload(0), pods=(pod("CrashLoopBackOff"),)), "Failing", "CrashLoopBackOff"),
    ("a surge pod has no image", app(workload(3), pods=(pod("ImagePullBackOff"),)), "Degraded", "ImagePullBackOff"),
    ("a name that can't be", app(workload(3), pods=(pod("InvalidImageName"),)), "Failing", "InvalidImageName"),
    ("some lost readiness", app(workload(2), pods=(pod("NotReady", reason=READINESS_LOST),)), "Degraded", "NotReady"),
    ("all lost readiness", app(workload(0), pods=(pod("NotReady", reason=READINESS_LOST),)), "Failing", "NotReady"),
    ("pending for long", app(workload(0), pods=(pod("Pending", since=LONG_AGO),)), "Failing", "Pending"),
    ("one slow for long", app(workload(2), pods=(pod("NotReady", since=LONG_AGO),)), "Degraded", "NotReady"),
    ("going away", app(workload(3), pods=(pod("Terminating"),)), "Healthy", ""),
    ("evicted and replaced", app(workload(3), pods=(pod("Failed", reason="Evicted"),)), "Healthy", ""),
    ("deadline over", app(workload(3, conditions=[HALTED])), "Failing", "ProgressDeadlineExceeded"),
    ("quota refuses some", app(workload(1, conditions=[REFUSED])), "Degraded", "FailedCreate"),
    ("quota refuses all", app(workload(0, conditions=[REFUSED])), "Failing", "FailedCreate"),
    ("another's pod", app(workload(3), pods=(pod("NotReady", workload="Job/x"),)), "Healthy", ""),
    ("a job's pod crashes", app(pods=(pod("ImagePullBackOff", workload="Job/x"),)), "Degraded", "ImagePullBackOff"),
    ("a bare pod crashes", app(pods=(pod("CrashLoopBackOff", workload=""),)), "Failing", "CrashLoopBackOff"),
    ("applied", app(workload(), kustomization=flux()), "Healthy", ""),
    ("flux looks again", app(kustomization=flux(ready="Unknown", reason="Progressing")), "Healthy", ""),
    (
        "flux applies something new",
        app(workload(), kustomization=flux(ready="Unknown", reason="Progressing", last_attempted="main@sha1:2")),
        "Progressing",
        "Progressing",
    ),
    ("flux is stopped", app(workload(), kustomization=flux(suspended=True)), "Suspended", "Suspended"),
    (
        "can't be built",
        app(workload(), kustomization=flux(ready="False", reason="BuildFailed")),
        "Failing",
        "BuildFailed",
    ),
    (
        "health check gave up",
        app(workload(), kustomization=flux(ready="False", reason="HealthCheckFailed")),
        "Degraded",
        "HealthCheckFailed",
    ),
    (
        "waits for another",
        app(kustomization=flux(ready="False", reason="DependencyNotReady", last_applied="")),
        "Progressing",
        "DependencyNotReady",
    ),
    (
        "a job failed",
        app(jobs=[JobRun(kind="Job", namespace="team", name="migrate", reason="BackoffLimitExceeded")]),
        "Failing",
        "BackoffLimitExceeded",
    ),
    (
        "last night's run failed",
        app(jobs=[JobRun(kind="CronJob", namespace="team", name="nightly", reason="BackoffLimitExceeded")]),
        "Degraded",
        "BackoffLimitExceeded",
    ),
]


@pytest.mark.parametrize(("facts", "word", "reason"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_each_row_of_the_table_gets_its_word(facts: App, word: str, reason: str) -> None:
    found = health(facts, NOW)

    assert (found.word, found.reason, found.next) == (word, reason, None)


def test_the_worst_of_all_wins_and_is_named() -> None:
    facts = app(workload(2), pods=(pod("CrashLoopBackOff"),), kustomization=flux(suspended=True))

    found = health(facts, NOW)

    assert (found.word, found.object, found.since) == ("Degraded", "Pod/shop-1", JUST_NOW)


def test_a_better_word_is_calmed_and_its_reason_is_not() -> None:
    before = Health(word="Failing", reason="CrashLoopBackOff")

    found = health(app(workload()), NOW, before)

    assert (found.word, found.reason) == ("Failing", "")
    assert found.next is not None
    assert (found.next.word, found.next.at) == ("Healthy", text(NOW + CALM))


def test_a_worse_word_shows_at_once_outside_a_rollout() -> None:
    found = health(app(workload(0), pods=(pod("CrashLoopBackOff"),)), NOW, Health(word="Healthy"))

    assert (found.word, found.next) == ("Failing", None)


def test_a_rollout_turns_red_calmly() -> None:
    found = health(app(workload(0), pods=(pod("CrashLoopBackOff"),)), NOW, Health(word="Progressing"))

    assert (found.word, found.reason) == ("Progressing", "CrashLoopBackOff")
    assert found.next is not None
    assert found.next.word == "Failing"


def test_calm_is_not_begun_again_by_the_next_document() -> None:
    first = health(app(workload()), NOW, Health(word="Failing"))
    second = health(app(workload()), NOW + timedelta(seconds=6), first)
    third = health(app(workload()), NOW + timedelta(seconds=11), second)

    assert second.next == first.next
    assert (third.word, third.next, third.since) == ("Healthy", None, second.since)


@given(st.sampled_from([row[1] for row in TABLE]), st.sampled_from([row[1] for row in TABLE]), st.integers(0, 30))
def test_the_same_document_stored_twice_tells_the_same(before: App, after: App, seconds: int) -> None:
    kept = health(after, NOW, health(before, NOW - timedelta(minutes=1)))
    later = NOW + timedelta(seconds=seconds)

    again = health(after, later, kept)

    assert shown_word(again, later) == shown_word(kept, later)
    assert shown_word(again, later + CALM) == health(after, later).word
    assert set(SEVERITY) >= {again.word, kept.word}


@pytest.mark.parametrize("line", CASES.read_text().splitlines(), ids=lambda line: json.loads(line)["name"])
def test_readers_show_what_the_shared_table_says(line: str) -> None:
    case = json.loads(line)
    card = msgspec.convert(case["card"], Card)

    assert cell_word(card, case["presence"], datetime.fromisoformat(case["now"])) == case["word"]

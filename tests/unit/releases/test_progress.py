"""From what Flux says to the hops of a release."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import releases
from chalicelib.core.progress import Sight, progress, revision_sha
from chalicelib.core.releases import HopState, Reason, Release, State
from tests.unit.releases.builders import NOW, release

LATER = NOW + timedelta(seconds=9)
NOTHING = Sight(False, False, False, "Unknown", "", "")
APPLYING = Sight(True, False, False, "Unknown", "Progressing", "Reconciliation in progress")
CHECKING = replace(APPLYING, checking=True, message="Running health checks for revision main", cause="Pod p: bad")
FAILED = Sight(
    True, False, False, "False", "HealthCheckFailed", "timeout", cause="Pod p: ImagePullBackOff: no such tag"
)
BROKEN = Sight(True, False, False, "False", "BuildFailed", "kustomize build failed")
LIVE = Sight(True, True, False, "True", "ReconciliationSucceeded", "Applied")


def committed() -> Release:
    return releases.committed(release(), "c" * 40, NOW)


def hops(moved: Release) -> dict[str, HopState]:
    return {hop.name: hop.state for hop in moved.hops}


def test_a_release_goes_through_its_hops_to_live() -> None:
    applying = progress(committed(), APPLYING, LATER)
    checking = progress(applying, CHECKING, LATER)
    live = progress(checking, LIVE, LATER)

    assert (applying.state, hops(applying)["fetched"], hops(applying)["applied"]) == (
        State.RECONCILING,
        HopState.DONE,
        HopState.RUNNING,
    )
    assert (hops(checking)["applied"], hops(checking)["healthy"]) == (HopState.DONE, HopState.RUNNING)
    assert checking.reason == Reason("checking", "Pod p: bad")
    assert (live.state, live.live_at) == (State.LIVE, LATER)
    assert {hops(live)[name] for name in ("committed", "fetched", "applied", "healthy", "live")} == {HopState.DONE}


def test_a_failed_health_check_names_the_hop_and_the_cause() -> None:
    moved = progress(committed(), FAILED, LATER)

    assert moved.state is State.UNHEALTHY
    assert hops(moved)["healthy"] is HopState.FAILED
    assert moved.reason is not None
    assert moved.reason.text.startswith("Pod p: ImagePullBackOff: no such tag")


def test_a_failed_build_fails_the_applied_hop() -> None:
    assert hops(progress(committed(), BROKEN, LATER))["applied"] is HopState.FAILED


def test_an_unhealthy_release_heals() -> None:
    assert progress(progress(committed(), FAILED, LATER), LIVE, LATER).state is State.LIVE


@pytest.mark.parametrize("sight", [NOTHING, replace(FAILED, attempted=False), replace(LIVE, attempted=False)])
def test_a_sight_of_another_revision_says_nothing(sight: Sight) -> None:
    before = committed()

    assert progress(before, sight, LATER) is before


@given(st.lists(st.sampled_from([NOTHING, APPLYING, CHECKING, FAILED, BROKEN, LIVE]), max_size=12))
def test_repeating_a_sight_changes_nothing_and_live_is_for_good(sights: list[Sight]) -> None:
    moved = committed()
    for sight in sights:
        moved = progress(moved, sight, LATER)
        assert progress(moved, sight, LATER) is moved

    assert (moved.state is State.LIVE) == (LIVE in sights)


@pytest.mark.parametrize(
    ("revision", "sha"),
    [
        ("main@sha1:" + "a" * 40, "a" * 40),
        ("main/1234567890", "1234567890"),
        ("sha1:" + "b" * 40, "b" * 40),
        ("feature/x/y@sha1:" + "c" * 40, "c" * 40),
        ("xyz", ""),
        ("", ""),
    ],
)
def test_the_commit_of_a_revision_is_found(revision: str, sha: str) -> None:
    assert revision_sha(revision) == sha

"""Waiting for a release ends with the next state, at once with a last one, and never later than asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.core.releases import Release, State
from chalicelib.ports.records import Create, Put
from chalicelib.usecases.follow import follow_release
from tests.fakes_live import FakePace
from tests.fakes_records import FakeRecords
from tests.unit.releases.builders import release as a_release

LAST = ["live", "unchanged", "superseded", "held", "rejected", "failed", "overtaken"]


@pytest.mark.parametrize("state", LAST)
def test_a_state_that_nothing_follows_is_answered_at_once(state: str) -> None:
    pace = FakePace()

    follow_release(replace(a_release(), state=State(state)), "live", 20, FakeRecords(), pace)

    assert pace.seconds == 0


def test_the_wanted_state_is_answered_at_once() -> None:
    pace = FakePace()

    follow_release(replace(a_release(), state=State.COMMITTED), "committed", 20, FakeRecords(), pace)

    assert pace.seconds == 0


def test_the_next_state_is_answered_when_it_comes() -> None:
    records, release = FakeRecords(), replace(a_release(), state=State.COMMITTED)
    records.write(Create(release))
    pace = _Moving(records, replace(release, state=State.RECONCILING), at=3)

    assert follow_release(release, "live", 20, records, pace).state is State.RECONCILING
    assert pace.seconds == 3


def test_nothing_is_waited_for_longer_than_asked() -> None:
    records, release, pace = FakeRecords(), replace(a_release(), state=State.COMMITTED), FakePace()
    records.write(Create(release))

    assert follow_release(release, "live", 20, records, pace).state is State.COMMITTED
    assert pace.seconds == 20


class _Moving(FakePace):
    """Time that moves a release on at an instant."""

    def __init__(self, records: FakeRecords, after: Release, at: float) -> None:
        super().__init__()
        self._move = (records, after, at)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        records, after, at = self._move
        if self.seconds >= at:
            records.write(Put(after))


def test_every_state_that_is_not_last_can_be_waited_on() -> None:
    moving = {state.value for state in State} - set(LAST)

    assert moving == {"requested", "waiting", "rendered", "committed", "reconciling", "unhealthy"}

"""History is read from the index: what fits is counted, not what was looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core.errors import Rejected
from chalicelib.core.releases import Release, State
from chalicelib.ports.records import Create
from chalicelib.usecases.history import find_by_commit, newest_releases
from tests.fakes_records import FakeRecords
from tests.unit.releases.builders import release as a_release


def _history(*states: State) -> tuple[FakeRecords, Release]:
    """Releases of one app, oldest first, each with the number of its place."""
    records, one = FakeRecords(), a_release()
    for place, state in enumerate(states):
        commit = f"{place:02x}" * 20 if state is State.COMMITTED else ""
        at = one.created_at + timedelta(seconds=place)
        records.write(Create(replace(one, id=f"r{place}", number=place, state=state, commit=commit, created_at=at)))
    return records, one


@pytest.mark.parametrize("app", [True, False])
def test_as_many_as_asked_are_found_behind_any_number_that_do_not_fit(app: bool) -> None:
    records, one = _history(State.COMMITTED, State.COMMITTED, *[State.SUPERSEDED] * 500)

    found = newest_releases(
        one.organization_id,
        one.environment_id,
        one.app if app else "",
        records,
        most=1,
        fits=lambda release: release.state is State.COMMITTED,
    )

    assert [release.number for release in found] == [1]


def test_a_commit_is_found_by_its_unique_prefix_at_the_release_that_made_it() -> None:
    records, one = _history(State.COMMITTED, State.COMMITTED)
    where = (one.organization_id, one.environment_id, one.app)
    later = replace(one, id="same", number=9, state=State.UNCHANGED, commit="01" * 20)
    records.write(Create(replace(later, created_at=one.created_at + timedelta(hours=1))))

    assert find_by_commit(*where, "0101", records).number == 1
    for prefix in ("010", "0", "", "ffff"):
        with pytest.raises(Rejected):
            find_by_commit(*where, prefix, records)


def test_a_prefix_of_two_commits_is_refused() -> None:
    records, one = _history(State.COMMITTED)
    twin = replace(one, id="twin", number=8, state=State.COMMITTED, commit="0000" + "f" * 36)
    records.write(Create(twin))

    with pytest.raises(Rejected, match="2 commits"):
        find_by_commit(one.organization_id, one.environment_id, one.app, "0000", records)

"""What an app's row, and so its card, shows of its releases."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.core import apps, releases
from chalicelib.core.apps import App, with_release
from chalicelib.core.projections import card_release_side
from chalicelib.core.releases import Kind, Reason, State
from tests.unit.releases.builders import NOW, release

EMPTY = App("acme", "e1", "staging", "shop")
WHY = Reason("superseded", "a newer one")


def test_a_new_release_is_under_way_until_it_is_live() -> None:
    row = with_release(EMPTY, release())
    committed = releases.committed(release(), "c" * 40, NOW)
    row = with_release(row, committed)
    assert row.desired is not None
    assert (row.desired.commit, row.committed_number) == ("c" * 40, 1)
    assert row.under_way is not None

    row = with_release(row, replace(committed, state=State.LIVE))

    assert row.under_way is None


def test_a_rejected_release_stays_in_sight_until_a_newer_one_comes() -> None:
    refused = releases.ended(release(), State.REJECTED, NOW, Reason("manifest", "no chart"))
    row = with_release(EMPTY, refused)
    assert row.under_way is not None
    assert row.under_way.reason == "no chart"

    row = with_release(row, release(id="rel2", number=2))

    assert row.under_way is not None
    assert row.under_way.id == "rel2"


def test_an_older_release_never_takes_the_place_of_a_newer_one() -> None:
    row = with_release(EMPTY, releases.committed(release(id="rel2", number=2), "d" * 40, NOW))

    row = with_release(row, releases.ended(release(), State.SUPERSEDED, NOW, WHY))
    row = with_release(row, releases.committed(release(), "c" * 40, NOW))

    assert row.desired is not None
    assert (row.desired.id, row.committed_number) == ("rel2", 2)
    assert row.under_way is not None
    assert row.under_way.id == "rel2"


def test_a_deleted_app_desires_nothing() -> None:
    row = with_release(EMPTY, releases.committed(release(kind=Kind.DELETE), "c" * 40, NOW))

    assert apps.is_deleted(row)
    assert card_release_side(row).desired is None


def test_what_stands_is_shown_live_though_a_newer_release_changed_nothing() -> None:
    standing = releases.committed(release(), "c" * 40, NOW)
    row = with_release(with_release(EMPTY, standing), releases.unchanged(release(id="rel2", number=2), "c" * 40, NOW))

    row = with_release(row, replace(standing, state=State.LIVE))

    assert row.desired is not None
    assert (row.desired.id, row.desired.state, row.committed_number) == ("rel1", State.LIVE, 2)

"""Settings of repositories and environments: changed by an admin, checked, and the rest left as it was."""

from __future__ import annotations

import pytest

from chalicelib.core.errors import NotFound, Rejected
from chalicelib.core.repositories import Artifacts
from chalicelib.usecases.environments import change_environment, get_environment
from chalicelib.usecases.repositories import change_repository, get_repository
from tests.functional.road.town import ADMIN, Town


@pytest.fixture
def town() -> Town:
    made = Town()
    made.environment("staging")
    return made


def test_a_setting_that_is_not_given_stays(town: Town) -> None:
    shop = town.repository("acme/shop")

    change_repository(ADMIN, shop.id, Artifacts.CI, None, town.records)
    change_repository(ADMIN, shop.id, None, 3, town.records)

    now = get_repository("acme", shop.id, town.records)
    assert (now.artifacts, now.preview_days, now.path) == (Artifacts.CI, 3, "acme/shop")


@pytest.mark.parametrize("days", [0, -1, 366])
def test_previews_live_a_number_of_days_that_makes_sense(town: Town, days: int) -> None:
    shop = town.repository("acme/shop")

    with pytest.raises(Rejected, match="1 to 365"):
        change_repository(ADMIN, shop.id, None, days, town.records)


def test_an_ingress_suffix_is_changed_and_emptied(town: Town) -> None:
    for suffix in (".preview.acme.org", "-preview.acme.org", ""):
        change_environment(ADMIN, "staging", suffix, town.records)
        assert get_environment("acme", "staging", town.records).ingress_suffix == suffix


@pytest.mark.parametrize(
    "suffix", ["preview", ".a b", ".acme.org/", ".ACME", ".acme.org\n", "." + "a" * 300, "{{ .X }}"]
)
def test_a_suffix_that_ends_no_host_name_is_refused(town: Town, suffix: str) -> None:
    with pytest.raises(Rejected, match="must read like"):
        change_environment(ADMIN, "staging", suffix, town.records)


def test_what_is_not_there_can_not_be_changed(town: Town) -> None:
    with pytest.raises(NotFound):
        change_repository(ADMIN, "nope", Artifacts.CI, None, town.records)
    with pytest.raises(NotFound):
        change_environment(ADMIN, "nope", "", town.records)

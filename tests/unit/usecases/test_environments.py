"""Environments are made once, with secrets that nobody writes over."""

from __future__ import annotations

import pytest

from chalicelib.core.environments import Environment
from chalicelib.core.errors import Rejected
from chalicelib.core.records import environment_key
from chalicelib.usecases.environments import NewEnvironment, environment_id, make_environment
from tests.fakes_records import FakeRecords
from tests.functional.road.town import ADMIN, Town


def _make(town: Town) -> str:
    wanted = NewEnvironment("staging", town.gitops.id)
    parts = (town.records, town.secrets, town.clock, town.chance)
    return make_environment(ADMIN, wanted, *parts).webhook_secret


def test_a_name_that_is_taken_is_refused_and_its_webhook_secret_stays() -> None:
    town = Town()
    secret = _make(town)

    with pytest.raises(Rejected, match="there already"):
        _make(town)

    stored = town.records.get(Environment, environment_key("acme", environment_id("acme", "staging")))
    assert stored is not None
    assert town.secrets.kept[stored.webhook_secret] == secret


def test_the_loser_of_a_race_for_a_name_leaves_the_winners_secret_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town()
    secret = _make(town)
    look = FakeRecords.get

    def blind(self: FakeRecords, kind: type, key: object) -> object:
        return None if kind is Environment else look(self, kind, key)  # type: ignore[arg-type] # passed on

    with monkeypatch.context() as patched:
        patched.setattr(FakeRecords, "get", blind)
        with pytest.raises(Rejected, match="there already"):
            _make(town)

    stored = town.records.get(Environment, environment_key("acme", environment_id("acme", "staging")))
    assert stored is not None
    assert town.secrets.kept[stored.webhook_secret] == secret

"""What the bench counts as broken."""

from __future__ import annotations

import pytest

from tests.bench.intake_calls import Subject, ratio
from tests.bench.push_to_commit import Commit, judged
from tests.bench.rows import count, nearest_rank, row

OWN = ("staging/shop/deployment.yaml", "staging/shop/release.json")


def commit(version: str, environment: str, number: int, paths: tuple[str, ...] = ()) -> Commit:
    """A commit of one release."""
    return Commit(f"c{number}", f"r{number}", "shop", environment, version, f"a{version}", paths)


def verdicts(made: list[Commit], shas: list[str]) -> dict[str, bool]:
    """Which counts are kept, by the last part of their names."""
    return {str(line["name"]).rpartition(".")[2]: bool(line["ok"]) for line in judged(made, shas)}


def test_a_figure_above_its_budget_is_broken_and_one_without_is_not() -> None:
    assert row("ratio", 1.2, "x", 1.2)["ok"] is True
    assert row("ratio", 1.21, "x", 1.2)["ok"] is False
    assert row("slow", 1e9, "s")["ok"] is True


def test_a_wall_clock_can_have_no_budget() -> None:
    with pytest.raises(ValueError, match="wall clock"):
        row("slow", 1, "s", 2)


@pytest.mark.parametrize("value", [1, 3])
def test_a_count_must_be_exact(value: int) -> None:
    assert count("released", value, 2)["ok"] is False


def test_the_nearest_rank_is_one_of_the_values() -> None:
    assert nearest_rank([3, 1, 2], 0.95) == 3
    assert nearest_rank([3, 1, 2], 0.1) == 1
    assert nearest_rank([float(n) for n in range(1, 101)], 0.95) == 95


def test_a_push_released_once_per_environment_is_kept() -> None:
    made = [commit("one", "staging", 1, OWN), commit("one", "production", 2)]

    assert all(verdicts(made, ["one"]).values())


def test_a_push_released_twice_or_not_at_all_is_broken() -> None:
    twice = [commit("one", "staging", 1), commit("one", "staging", 2), commit("one", "production", 3)]
    never = [commit("one", "staging", 1)]

    assert verdicts(twice, ["one"])["released_once_per_environment"] is False
    assert verdicts(never, ["one"])["released_once_per_environment"] is False


@pytest.mark.parametrize(
    "path", ["production/shop/deployment.yaml", "staging/shop2/release.json", "staging/flux/kustomization-other.yaml"]
)
def test_a_commit_that_touches_what_is_not_the_apps_is_broken(path: str) -> None:
    made = [commit("one", "staging", 1, (*OWN, path)), commit("one", "production", 2)]

    assert verdicts(made, ["one"])["foreign_files"] is False


def test_latency_that_grows_with_what_is_known_shows_in_the_ratio() -> None:
    few, many = [0.010, 0.011, 0.012], [0.015, 0.016, 0.018]

    assert ratio([Subject(1, seconds=few), Subject(10_000, seconds=many)]) > 1.2


def test_a_busy_moment_of_the_machine_does_not() -> None:
    few, many = [0.010, 0.011, 0.012], [0.010, 0.015, 0.090]

    assert ratio([Subject(1, seconds=few), Subject(10_000, seconds=many)]) == 1.0

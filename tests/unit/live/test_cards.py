"""A card stays small whatever its sources say, and shows each side only."""

import msgspec

from chalicelib.core.cards import agent_side, merge_sides, release_side
from chalicelib.wire import bodies
from chalicelib.wire.codec import size_bytes

EMPTY = bodies.Card(app="shop", environment="staging", environment_id="e1")


def released() -> bodies.Card:
    return msgspec.structs.replace(
        EMPTY,
        repository="acme/shop",
        desired=bodies.DesiredRelease(id="r1", sha="a" * 40, commit="b" * 40, message="m" * 900, who="Ada"),
        under_way=bodies.UnderWay(id="r2", sha="c" * 40, hop="applied", state="reconciling", reason="r" * 900),
    )


def test_texts_are_cut() -> None:
    side = release_side(released())

    assert side.desired is not None
    assert side.under_way is not None
    assert (len(side.desired.message), len(side.under_way.reason)) == (80, 120)
    assert size_bytes(side) < 600


def test_an_app_is_summed_up_over_its_workloads() -> None:
    workloads = [
        bodies.Workload(kind="Deployment", namespace="n", name=name, wanted=2, ready=ready)
        for name, ready in (("a", 2), ("b", 1))
    ]
    app = bodies.App(app="shop", commit="d" * 40, repository="acme/old", workloads=workloads)

    side = agent_side(app, bodies.Health(word="Degraded", reason="x" * 900))

    assert side.live == bodies.LiveSummary(wanted=4, ready=3, commit="d" * 40)
    assert len(side.health.reason) == 120


def test_the_releases_repository_wins_over_the_agents() -> None:
    side = agent_side(bodies.App(app="shop", repository="acme/old"), bodies.Health(word="Healthy"))

    merged = merge_sides(released(), side)
    alone = merge_sides(EMPTY, side)

    assert merged is not None
    assert alone is not None
    assert (merged.repository, alone.repository) == ("acme/shop", "acme/old")
    assert merged.live == side.live


def test_a_card_with_nothing_to_show_is_none() -> None:
    assert merge_sides(EMPTY, None) is None
    assert merge_sides(msgspec.structs.replace(EMPTY, hold=bodies.Hold(by="Ada")), None) is not None

"""Queues, streams and the functions' process behave as on AWS: nothing acknowledged gets lost, order where promised."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.limits import STREAM_LANES
from infra.local.pollers import failed_ids
from tests.local.tiny import Tiny, bodies, running, wait_for, waiting

pytestmark = pytest.mark.integration
VISIBILITY_SECONDS = 2


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiny]:
    folder = tmp_path_factory.mktemp("queues")
    settings = {"TINY_RELAY_SECONDS": "0.05"}
    with running(folder, queue_visibility_seconds=VISIBILITY_SECONDS, settings=settings) as tiny:
        yield tiny


def test_a_message_taken_is_deleted(tiny: Tiny) -> None:
    tiny.send("intake", test="taken")

    wait_for(lambda: bodies(tiny.events("intake-done"), "taken"))
    wait_for(lambda: waiting(tiny, "intake") == 0)
    assert len(bodies(tiny.events("intake"), "taken")) == 1


def test_a_message_not_taken_comes_back_and_ends_as_a_dead_letter(tiny: Tiny) -> None:
    for how in ("raise", "item"):
        tiny.send("intake", test=how, fail=how)

    wait_for(lambda: waiting(tiny, "intake-dead") == 2, timeout_seconds=60)
    for how in ("raise", "item"):
        times = [it["at"] for it in tiny.seen("intake") if bodies([it["event"]], how)]
        assert len(times) == 5
        assert all(later - earlier >= VISIBILITY_SECONDS - 0.1 for earlier, later in itertools.pairwise(times))


def test_messages_of_one_group_are_handled_in_order_and_groups_at_the_same_time(tiny: Tiny) -> None:
    for n in range(4):
        for group in ("a", "b", "c"):
            tiny.send("train", group=group, test="order", g=group, n=n, sleep=0.15)

    wait_for(lambda: len(bodies(tiny.events("train-done"), "order")) == 12)
    for group in ("a", "b", "c"):
        done = [body["n"] for body in bodies(tiny.events("train-done"), "order") if body["g"] == group]
        assert done == [0, 1, 2, 3]
    steps = [(it["at"], 1) for it in tiny.seen("train") if bodies([it["event"]], "order")]
    steps += [(it["at"], -1) for it in tiny.seen("train-done") if bodies([it["event"]], "order")]
    at_once = list(itertools.accumulate(step for _, step in sorted(steps)))
    assert max(at_once) > 1


def test_a_failed_message_blocks_its_group_until_it_is_visible_again(tiny: Tiny) -> None:
    tiny.send("train", group="blocked", test="block", n=0, fail="raise")
    tiny.send("train", group="blocked", test="block", n=1)
    tiny.send("train", group="free", test="block", n=2)

    wait_for(lambda: len(bodies(tiny.events("train"), "block")) >= 4)
    assert 1 not in [body["n"] for body in bodies(tiny.events("train"), "block")]
    assert 2 in [body["n"] for body in bodies(tiny.events("train-done"), "block")]


def test_a_message_stays_hidden_while_its_function_runs(tiny: Tiny) -> None:
    tiny.send("train", group="long", test="long", n=0, sleep=3 * VISIBILITY_SECONDS)

    wait_for(lambda: bodies(tiny.events("train-done"), "long"))
    assert len(bodies(tiny.events("train"), "long")) == 1


def test_changes_of_one_key_arrive_in_order_each_once(tiny: Tiny) -> None:
    for n in range(60):
        tiny.put(f"lane-{n % 6}", f"{n:03}")

    def changes() -> list[tuple[str, str]]:
        records = [record for event in tiny.events("relay-done") for record in event["Records"]]
        keys = [record["dynamodb"]["Keys"] for record in records]
        return [(key["pk"]["S"], key["sk"]["S"]) for key in keys if key["pk"]["S"].startswith("lane-")]

    wait_for(lambda: len(changes()) >= 60)
    for lane in range(6):
        heard = [sort for partition, sort in changes() if partition == f"lane-{lane}"]
        assert heard == [f"{n:03}" for n in range(60) if n % 6 == lane]


def test_no_more_than_one_batch_a_lane_runs_at_a_time(tiny: Tiny) -> None:
    for n in range(40):
        tiny.put(f"busy-{n}", "x")
    wait_for(lambda: sum("busy-" in json.dumps(event) for event in tiny.events("relay-done")))

    steps = sorted([(it["at"], 1) for it in tiny.seen("relay")] + [(it["at"], -1) for it in tiny.seen("relay-done")])
    running_now = [sum(step for _, step in steps[: n + 1]) for n in range(len(steps))]
    assert max(running_now) <= 2 * STREAM_LANES


def test_poison_is_given_up_after_two_attempts_and_the_rest_of_its_lane_goes_on(tiny: Tiny) -> None:
    for sort in ("a", "poison", "b"):
        tiny.put("sick", sort)
    tiny.put("well", "c")

    wait_for(lambda: waiting(tiny, "relay-dead") == 1)
    wait_for(lambda: '"b"' in json.dumps([it for it in tiny.events("relay-done") if "sick" in json.dumps(it)]))
    alone = [it for it in tiny.events("relay") if len(it["Records"]) == 1 and "poison" in json.dumps(it)]
    assert len(alone) == 2
    wait_for(lambda: "well" in json.dumps(tiny.events("relay-done")))


@given(st.sets(st.sampled_from("abcdef")))
def test_exactly_the_named_items_stay(failed: set[str]) -> None:
    answer = {"batchItemFailures": [{"itemIdentifier": id_} for id_ in failed]}

    assert failed_ids(answer, list("abcdef")) == failed


@pytest.mark.parametrize(
    "answer",
    [{"batchItemFailures": [{"itemIdentifier": ""}]}, {"batchItemFailures": [{"itemIdentifier": "x"}]},
     {"batchItemFailures": [{"wrong": "a"}]}, {"batchItemFailures": [{"itemIdentifier": None}]}, "text", ["a"]],
)  # fmt: skip
def test_an_answer_that_makes_no_sense_fails_the_whole_batch(answer: Any) -> None:
    assert failed_ids(answer, ["a", "b"]) == {"a", "b"}


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_an_answer_that_names_nothing_takes_the_whole_batch(answer: Any) -> None:
    assert failed_ids(answer, ["a", "b"]) == set()

"""A browser looks at topics: what it is answered, and what it may not."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.topics import TopicAddress
from chalicelib.wire.messages import Document, Subscribe, Unsubscribe
from tests.functional.live.rig import APPS, CALLER, ENV, Rig, app_doc, pod_doc

MINUTE_US = 60 * 1_000_000


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.open_browser()
    return rig


def test_a_first_subscription_is_answered_with_the_floor_alone(rig: Rig) -> None:
    rig.documents.store(ENV, [app_doc(9)], rig.now_us)
    rig.documents.raise_floor(ENV, 5, rig.now_us)

    assert rig.say("b1", Subscribe("env:e1")).outcome == "subscribed"
    assert rig.heard_by("b1") == [{"type": "floor", "topic": "env:e1", "seq": 5}]
    assert [row.address for row in rig.subscriptions.rows.values()] == [ENV]


def test_resuming_answers_the_floor_and_what_changed_since_with_an_overlap(rig: Rig) -> None:
    rig.documents.store(ENV, [pod_doc(1, "old")], rig.now_us - 10 * MINUTE_US)
    rig.documents.store(ENV, [pod_doc(2, "overlap")], rig.now_us - 5 * MINUTE_US - MINUTE_US // 2)
    rig.documents.store(ENV, [pod_doc(3, "new"), Document("app/gone", 4, None)], rig.now_us - MINUTE_US)

    rig.say("b1", Subscribe("env:e1", since=rig.now_us - 5 * MINUTE_US))

    floor, docs = rig.heard_by("b1")
    assert floor == {"type": "floor", "topic": "env:e1", "seq": 0}
    assert docs["changed_at"] == rig.now_us
    assert {doc["key"]: doc.get("body") is not None for doc in docs["docs"]} == {
        "pod/shop/staging/overlap": True,
        "pod/shop/staging/new": True,
        "app/gone": False,
    }


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ({"prefix": "pod/"}, ["pod/shop/staging/p"]),
        ({"keys": ["app/shop", "app/none"]}, ["app/shop"]),
        ({"keys": []}, []),
        ({}, ["app/shop", "pod/shop/staging/p"]),
    ],
)
def test_only_what_was_asked_for_is_answered(rig: Rig, choice: dict[str, Any], wanted: list[str]) -> None:
    rig.documents.store(ENV, [app_doc(1), pod_doc(2, "p")], rig.now_us)

    rig.say("b1", Subscribe("env:e1", since=rig.now_us, **choice))

    docs = [doc["key"] for message in rig.heard_by("b1") if message["type"] == "docs" for doc in message["docs"]]
    assert sorted(docs) == wanted


def test_who_was_away_longer_than_tombstones_live_paints_anew(rig: Rig) -> None:
    rig.documents.raise_floor(ENV, 5, 1)

    rig.say("b1", Subscribe("env:e1", since=rig.now_us - 60 * MINUTE_US - 1))

    assert [message["type"] for message in rig.heard_by("b1")] == ["resync", "floor"]


def test_who_missed_very_much_paints_anew(rig: Rig) -> None:
    rig.documents.store(ENV, [pod_doc(n + 1, f"p{n}") for n in range(2001)], rig.now_us)

    rig.say("b1", Subscribe("env:e1", since=rig.now_us))

    assert [message["type"] for message in rig.heard_by("b1")] == ["resync", "floor"]


def test_much_is_answered_in_frames_that_fit(rig: Rig) -> None:
    rig.documents.store(ENV, [pod_doc(n + 1, f"p{n}") for n in range(1000)], rig.now_us)

    rig.say("b1", Subscribe("env:e1", since=rig.now_us))

    assert max(len(text) for text in rig.sockets.texts_to("b1")) <= 32 * 1024
    messages = rig.heard_by("b1")
    assert len(messages) > 2
    assert sum(len(message.get("docs", [])) for message in messages) == 1000


def test_another_tenants_topic_answers_as_one_that_is_not_there(rig: Rig) -> None:
    rig.documents.store(TopicAddress("evil", "env:e9"), [app_doc(1)], rig.now_us)
    rig.documents.raise_floor(TopicAddress("evil", "env:e9"), 7, rig.now_us)

    rig.say("b1", Subscribe("env:e9", since=rig.now_us))
    theirs = rig.heard_by("b1")
    rig.say("b1", Subscribe("env:none", since=rig.now_us))
    nobodys = rig.heard_by("b1")

    assert theirs == [{"type": "floor", "topic": "env:e9", "seq": 0}]
    assert nobodys == [{"type": "floor", "topic": "env:none", "seq": 0}]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (Subscribe("secrets"), "not_found"),
        (Subscribe("env:e1#TOPIC#x"), "not_found"),
        (Subscribe("apps", keys=["k"] * 201), "invalid"),
        (Subscribe("apps", prefix="k" * 513), "invalid"),
    ],
)
def test_a_subscription_that_can_not_be_is_refused_with_a_code(rig: Rig, message: Subscribe, code: str) -> None:
    assert rig.say("b1", message).outcome == "refused"
    assert [(answer["type"], answer["code"]) for answer in rig.heard_by("b1")] == [("error", code)]
    assert rig.subscriptions.rows == {}


def test_who_may_not_read_is_refused(rig: Rig) -> None:
    rig.open_browser("b2", replace(CALLER, permissions=frozenset()))
    rig.open_browser("b3", replace(CALLER, environments=("staging",)))

    for name in ("b2", "b3"):
        rig.say(name, Subscribe("apps"))
        assert [answer["code"] for answer in rig.heard_by(name)] == ["not_allowed"]


def test_one_socket_looks_at_64_topics_at_most(rig: Rig) -> None:
    outcomes = [rig.say("b1", Subscribe(f"env:e{n}")).outcome for n in range(65)]

    assert outcomes == ["subscribed"] * 64 + ["refused"]


def test_unsubscribing_ends_it(rig: Rig) -> None:
    rig.say("b1", Subscribe("apps"))
    rig.say("b1", Unsubscribe("apps"))

    assert rig.subscriptions.of_topics([APPS]) == {APPS: []}


def test_a_browser_publishes_nothing(rig: Rig) -> None:
    for kind in ("docs", "floor", "hello", "heartbeat", "result"):
        assert (
            rig.say("b1", {"type": kind, "topic": "apps", "seq": 1, "frame": 1, "docs": []}).outcome == "unknown_type"
        )
    assert rig.documents.stored == {}


def test_commands_are_not_able_yet_and_say_so(rig: Rig) -> None:
    rig.say("b1", {"type": "command", "request_id": "r1", "environment": "e1", "action": "logs"})

    assert rig.heard_by("b1") == [
        {"type": "error", "code": "not_able", "message": "commands are not supported", "request_id": "r1"}
    ]


def test_a_socket_that_is_gone_while_it_is_answered_is_forgotten(rig: Rig) -> None:
    rig.sockets.gone.add("b1")

    assert rig.say("b1", Subscribe("apps")).outcome == "gone"
    assert rig.connections.rows == {}
    assert rig.subscriptions.rows == {}

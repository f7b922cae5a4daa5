"""What was stored reaches who looks at it: merged, paced, and kept from everybody else."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.actors import Permission
from chalicelib.core.errors import StoreUnavailable
from chalicelib.core.topics import TopicAddress
from chalicelib.ports.live import Change, DocumentChanged, FloorRaised, Unreadable
from chalicelib.usecases.live_relay import Relayed, relay
from chalicelib.wire.messages import Document, Subscribe
from tests.functional.live.rig import APPS, CALLER, ENV, Rig, pod_doc


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    look(rig, "b1", "env:e1")
    return rig


def look(rig: Rig, name: str, topic: str, **choice: Any) -> None:
    rig.open_browser(name)
    rig.say(name, Subscribe(topic, **choice))
    rig.heard_by(name)


def changed(doc: Document, at: int = 100, address: TopicAddress = ENV) -> Change:
    return DocumentChanged(address, doc, at)


def send(rig: Rig, *changes: Change) -> Relayed:
    return relay(changes, rig.relaying, rig.clock.now)


def big(seq: int, name: str) -> Document:
    return Document(f"app/{name}", seq, {"app": name, "fill": "x" * 20_000})


def test_a_batch_is_merged_by_key_into_one_frame(rig: Rig) -> None:
    relayed = send(rig, changed(pod_doc(2), 150), changed(pod_doc(1), 100), changed(pod_doc(5, "p2"), 120))

    (message,) = rig.heard_by("b1")
    assert message["topic"] == "env:e1"
    assert message["changed_at"] == 150
    assert {doc["key"]: doc["seq"] for doc in message["docs"]} == {
        "pod/shop/staging/shop-1": 2,
        "pod/shop/staging/p2": 5,
    }
    assert relayed.frames == 1


def test_only_subscribers_of_the_topic_and_the_key_are_sent_it(rig: Rig) -> None:
    look(rig, "apps", "apps")
    look(rig, "prefix", "env:e1", prefix="app/")
    look(rig, "key", "env:e1", keys=["pod/shop/staging/shop-1"])
    rig.open_browser("evil", replace(CALLER, organization_id="evil"))
    rig.say("evil", Subscribe("env:e1"))
    rig.heard_by("evil")

    send(rig, changed(pod_doc(2)))

    assert [name for name in ("b1", "apps", "prefix", "key", "evil") if rig.heard_by(name)] == ["b1", "key"]


def test_it_takes_half_a_second_at_least_so_that_viewers_get_two_frames_a_second(rig: Rig) -> None:
    send(rig, changed(pod_doc(1)))
    assert rig.pace.seconds == 0.5

    send(rig, changed(Document("shop/e1", 1, {}), 5, APPS))
    assert rig.pace.seconds == 1.0


def test_a_batch_without_documents_holds_up_nothing(rig: Rig) -> None:
    assert send(rig) == Relayed()
    assert rig.pace.seconds == 0.0


def test_what_fits_no_frame_follows_half_a_second_later(rig: Rig) -> None:
    send(rig, *(changed(big(n, f"a{n}")) for n in range(1, 5)))

    assert len(rig.heard_by("b1")) == 4
    assert rig.pace.seconds == 2.0


def test_a_flood_makes_its_viewers_paint_anew_instead(rig: Rig) -> None:
    look(rig, "b2", "apps")

    send(rig, *(changed(big(n, f"a{n}")) for n in range(1, 20)), changed(Document("shop/e1", 1, {}), 5, APPS))

    assert rig.heard_by("b1") == [{"type": "resync", "topic": "env:e1"}]
    assert [message["type"] for message in rig.heard_by("b2")] == ["docs"]
    assert rig.pace.seconds == 0.5


def test_a_floor_goes_before_the_documents(rig: Rig) -> None:
    send(rig, changed(pod_doc(9)), FloorRaised(ENV, 7), FloorRaised(ENV, 5))

    floor, docs = rig.heard_by("b1")
    assert floor == {"type": "floor", "topic": "env:e1", "seq": 7}
    assert docs["type"] == "docs"


def test_an_item_that_can_not_be_read_spoils_no_other_topic(rig: Rig) -> None:
    look(rig, "b2", "apps")

    relayed = send(rig, Unreadable(ENV, "no key"), changed(pod_doc(1)), changed(Document("shop/e1", 1, {}), 5, APPS))

    assert rig.heard_by("b1") == [{"type": "resync", "topic": "env:e1"}]
    assert [message["type"] for message in rig.heard_by("b2")] == ["docs"]
    assert relayed.unreadable == 1


def test_a_document_that_fits_no_frame_at_all_is_painted_anew(rig: Rig) -> None:
    send(rig, changed(Document("app/x", 1, {"fill": "x" * 40_000})))

    assert rig.heard_by("b1") == [{"type": "resync", "topic": "env:e1"}]


def test_a_socket_that_is_gone_loses_its_subscriptions(rig: Rig) -> None:
    look(rig, "b2", "env:e1")
    rig.sockets.gone.add("b1")

    relayed = send(rig, changed(pod_doc(1)))

    assert (relayed.gone, relayed.cut, relayed.frames) == (1, 0, 1)
    assert [row.connection_id for row in rig.subscriptions.rows.values()] == ["b2"]
    assert "b1" not in rig.connections.rows


def test_a_viewer_that_takes_no_frame_is_cut_so_that_it_resumes(rig: Rig) -> None:
    look(rig, "b2", "env:e1")
    rig.sockets.stuck.add("b1")

    relayed = send(rig, *(changed(big(n, f"a{n}")) for n in range(1, 4)))

    assert rig.sockets.closed == ["b1"]
    assert (relayed.gone, relayed.cut) == (0, 1)
    assert len(rig.heard_by("b2")) == 3


def test_viewers_that_could_not_be_found_are_tried_again_after_the_others_got_theirs(rig: Rig) -> None:
    look(rig, "b2", "apps")
    rig.subscriptions.silent.add(ENV)

    with pytest.raises(StoreUnavailable):
        send(rig, changed(pod_doc(1)), changed(Document("shop/e1", 1, {}), 5, APPS))

    assert rig.heard_by("b1") == []
    assert [message["type"] for message in rig.heard_by("b2")] == ["docs"]


def test_a_permission_is_looked_up_at_first_and_again_each_minute(rig: Rig) -> None:
    for n in range(1, 4):
        send(rig, changed(pod_doc(n)))
    assert rig.access.asked == 1

    rig.clock.later(60)
    send(rig, changed(pod_doc(4)))
    send(rig, changed(pod_doc(5)))

    assert rig.access.asked == 2
    assert len(rig.heard_by("b1")) == 5


def test_a_viewer_whose_session_ended_is_cut_before_anything_is_sent(rig: Rig) -> None:
    rig.access.permissions["s1"] = frozenset({Permission.SHIP})

    relayed = send(rig, changed(pod_doc(1)))

    assert rig.heard_by("b1") == []
    assert rig.sockets.closed == ["b1"]
    assert rig.subscriptions.rows == {}
    assert (relayed.cut, relayed.frames) == (1, 0)

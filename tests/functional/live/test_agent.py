"""An agent's messages: who may speak, what is acknowledged and when, what is refused."""

import msgspec
import pytest

from chalicelib.core.documents import digest
from chalicelib.core.errors import StoreUnavailable
from chalicelib.usecases.live_presence import OnlineEnvironment, check_agent, cut_agent, disconnect
from chalicelib.wire import bodies
from chalicelib.wire.messages import AgentResult, Document, Heartbeat, Hello
from tests.functional.live.rig import ENV, Rig, app_doc, pod_doc


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_hello_is_welcomed_with_what_is_held(rig: Rig) -> None:
    rig.documents.store(ENV, [pod_doc(5), pod_doc(7, "shop-2"), Document("pod/shop/staging/x", 9, None)], 1)
    rig.documents.raise_floor(ENV, 6, 1)
    rig.open_agent()

    assert rig.say("a1", Hello(1, "i1")).outcome == "welcome"

    (welcome,) = rig.heard_by("a1")
    assert welcome == {
        "type": "welcome",
        "seq": 9,
        "count": 1,
        "digest": digest([("pod/shop/staging/shop-2", 7)]),
        "environment": "staging",
        "adopted": {"flux-system/apps": "*"},
    }
    assert rig.presence.states["acme", "e1"] == ("online", "a1", rig.clock.now)


def test_documents_before_hello_are_dropped_without_a_word(rig: Rig) -> None:
    rig.open_agent()

    assert rig.send("a1", app_doc(rig.now_us)).outcome == "before_hello"
    assert rig.heard_by("a1") == []
    assert rig.documents.get(ENV, "app/shop") is None


def test_a_newer_connection_silences_the_one_before(rig: Rig) -> None:
    rig.greet_agent("old")
    rig.clock.later(1)
    rig.greet_agent("new")
    rig.heard_by("new")

    assert rig.heard_by("old")[-1] == {"type": "bye", "reason": "replaced"}
    assert rig.sockets.closed == ["old"]
    assert rig.send("old", app_doc(rig.now_us)).outcome == "unknown"
    assert rig.heard_by("old") == [{"type": "bye", "reason": "replaced"}]
    assert rig.documents.get(ENV, "app/shop") is None


def test_an_older_connection_that_says_hello_late_is_turned_away(rig: Rig) -> None:
    rig.open_agent("old")
    rig.clock.later(1)
    rig.greet_agent("new")

    assert rig.say("old", Hello(1, "i0")).outcome == "replaced"
    assert rig.heard_by("old") == [{"type": "bye", "reason": "replaced"}]
    assert rig.presence.states["acme", "e1"][:2] == ("online", "new")


def test_a_frame_is_acknowledged_when_documents_and_cards_are_stored(rig: Rig) -> None:
    rig.greet_agent()
    rig.heard_by("a1")

    heard = rig.send("a1", app_doc(rig.now_us), pod_doc(rig.now_us), frame=7)

    assert (heard.outcome, heard.stored, heard.refused) == ("docs", 2, ())
    assert rig.heard_by("a1") == [{"type": "ack", "frames": [7]}]
    card = rig.card()
    assert card is not None
    assert card["live"] == {"wanted": 1, "ready": 1}
    assert card["health"]["word"] == "Healthy"


def test_a_frame_is_not_acknowledged_while_releases_do_not_answer(rig: Rig) -> None:
    rig.greet_agent()
    rig.heard_by("a1")
    rig.progress.broken = True
    kustomization = bodies.FluxObject(kind="Kustomization", namespace="g", name="shop", app="shop")
    doc = app_doc(rig.now_us, kustomization=kustomization)

    assert rig.send("a1", doc).outcome == "unavailable"
    assert rig.heard_by("a1") == []

    rig.progress.broken = False
    assert rig.send("a1", doc).outcome == "docs"
    assert rig.progress.seen == [("shop", kustomization)]
    assert rig.heard_by("a1") == [{"type": "ack", "frames": [1]}]


def test_a_flux_document_tells_the_release_of_its_app(rig: Rig) -> None:
    rig.greet_agent()
    flux = bodies.FluxObject(kind="Kustomization", namespace="g", name="shop", app="shop", ready="True")
    other = bodies.FluxObject(kind="GitRepository", namespace="g", name="shop", app="shop")

    rig.send(
        "a1",
        Document("flux/Kustomization/g/shop", rig.now_us, msgspec.to_builtins(flux)),
        Document("flux/GitRepository/g/shop", rig.now_us, msgspec.to_builtins(other)),
    )

    assert rig.progress.seen == [("shop", flux)]


HOSTILE = [
    Document("app/shop", 2**53, {"app": "shop"}),
    Document("app/shop", -1, {"app": "shop"}),
    Document("app/shop", 1, {"app": "other"}),
    Document("app/shop", 1, {"app": "shop", "workloads": "many"}),
    Document("app/shop", 1, {"app": "shop", "links": {"x": "y" * 25_000}}),
    Document("app/shop", 1, {"app": "shop", "pods": [{"namespace": "a", "name": "b", "state": "c", "since": "never"}]}),
    Document("#floor", 1, {"floor": 5}),
    Document("../app/shop", 1, {"app": "shop"}),
    Document("app/shop/e2", 1, {"app": "shop"}),
    Document("pod/shop/staging/p", 1, {"namespace": "prod", "name": "p", "state": "Running"}),
    Document("pod/" + "x" * 600, 1, {}),
    Document("flux/Kustomization/g/n", 1, {"kind": "Kustomization", "namespace": "g", "name": "other"}),
    Document("release/x", 1, {}),
]


@pytest.mark.parametrize("doc", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_document_is_refused_alone(rig: Rig, doc: Document) -> None:
    rig.greet_agent()
    rig.heard_by("a1")

    heard = rig.send("a1", doc, pod_doc(rig.now_us))

    assert (heard.outcome, heard.stored, len(heard.refused)) == ("docs", 1, 1)
    assert rig.heard_by("a1") == [{"type": "ack", "frames": [1]}]
    assert [one.key for one in rig.documents.versions(ENV)] == ["pod/shop/staging/shop-1"]


def test_a_number_from_the_future_locks_nothing(rig: Rig) -> None:
    rig.greet_agent()
    five_minutes = 5 * 60 * 1_000_000

    rig.send("a1", app_doc(rig.now_us + five_minutes + 1, ready=0))
    heard = rig.floor("a1", rig.now_us + five_minutes + 1)
    rig.send("a1", app_doc(rig.now_us))

    assert heard.outcome == "refused"
    assert rig.documents.floor(ENV) == 0
    assert rig.documents.get(ENV, "app/shop") == app_doc(rig.now_us)


def test_a_tombstone_takes_the_app_off_its_card(rig: Rig) -> None:
    rig.greet_agent()
    rig.send("a1", app_doc(1))

    rig.send("a1", Document("app/shop", 2, None))

    assert rig.card() is None


def test_a_floor_forgets_what_is_below_and_clears_its_cards(rig: Rig) -> None:
    rig.greet_agent()
    rig.send("a1", app_doc(1), app_doc(2, app="cart"), pod_doc(3))
    rig.send("a1", app_doc(10))

    assert rig.floor("a1", 5).outcome == "floor"

    assert [one.key for one in rig.documents.versions(ENV)] == ["app/shop"]
    assert rig.card("cart/e1") is None
    assert rig.card("shop/e1") is not None


def test_a_document_that_comes_after_the_floor_that_forgets_it_shows_no_card(rig: Rig) -> None:
    rig.greet_agent()
    rig.floor("a1", 5)

    rig.send("a1", app_doc(4))

    assert rig.card() is None
    assert rig.documents.page(ENV, prefix="", cursor=None, now_us=1).docs == []


def test_a_repeated_document_still_writes_a_card_that_was_lost(rig: Rig) -> None:
    rig.greet_agent()
    rig.documents.store(ENV, [app_doc(5)], 1)

    rig.send("a1", app_doc(5))

    assert rig.card() is not None


def test_a_heartbeat_says_once_in_ten_minutes_what_is_held(rig: Rig) -> None:
    rig.greet_agent()
    rig.heard_by("a1")

    outcomes = []
    for _ in range(20):
        outcomes.append(rig.say("a1", Heartbeat(1)).outcome)
        rig.clock.later(60)

    assert outcomes.count("compared") == 2
    assert [message["type"] for message in rig.heard_by("a1")] == ["welcome", "welcome"]


def test_what_nobody_asked_for_is_dropped(rig: Rig) -> None:
    rig.greet_agent()

    assert rig.say("a1", AgentResult("r1")).outcome == "unasked"
    assert rig.say("a1", {"type": "subscribe", "topic": "apps"}).outcome == "unknown_type"
    assert rig.say("a1", {"type": "docs", "frame": "x"}).outcome == "malformed"


def test_an_agent_that_hangs_up_is_away_since_then(rig: Rig) -> None:
    rig.greet_agent()
    later = rig.clock.later(30)

    disconnect("a1", rig.connections, rig.presence, later)
    disconnect("a1", rig.connections, rig.presence, rig.clock.later(5))

    assert rig.presence.states["acme", "e1"] == ("away", "a1", later)


def test_a_replaced_agent_that_hangs_up_says_nothing_of_the_new_one(rig: Rig) -> None:
    rig.greet_agent("old")
    rig.clock.later(1)
    rig.greet_agent("new")

    disconnect("old", rig.connections, rig.presence, rig.clock.later(1))

    assert rig.presence.states["acme", "e1"][:2] == ("online", "new")


def test_an_agent_whose_socket_is_gone_is_away(rig: Rig) -> None:
    rig.greet_agent()
    rig.sockets.gone.add("a1")

    assert rig.send("a1", pod_doc(1)).outcome == "gone"
    assert rig.presence.states["acme", "e1"][0] == "away"


def test_a_rotated_key_closes_the_agents_socket_at_once(rig: Rig) -> None:
    rig.greet_agent()
    rig.heard_by("a1")

    closed = cut_agent("acme", "e1", rig.connections, rig.sockets, rig.presence, rig.clock.now)

    assert closed == 1
    assert rig.heard_by("a1") == [{"type": "bye", "reason": "revoked"}]
    assert rig.sockets.closed == ["a1"]
    assert rig.send("a1", pod_doc(1)).outcome == "unknown"
    assert rig.presence.states["acme", "e1"][0] == "away"


def test_an_agent_that_is_silent_for_150_seconds_is_away_since_it_last_spoke(rig: Rig) -> None:
    rig.greet_agent()
    spoke = rig.clock.now
    rig.sockets.active_at["a1"] = spoke
    online = OnlineEnvironment("acme", "e1", "a1")
    ports = (rig.connections, rig.sockets, rig.presence)

    assert check_agent(online, *ports, rig.clock.later(149))
    assert not check_agent(online, *ports, rig.clock.later(1))
    assert rig.presence.states["acme", "e1"] == ("away", "a1", spoke)
    assert rig.connections.rows == {}


def test_an_agent_whose_end_nobody_heard_of_is_found_away(rig: Rig) -> None:
    rig.greet_agent()
    rig.connections.close("a1")
    later = rig.clock.later(60)

    online = OnlineEnvironment("acme", "e1", "a1")
    assert not check_agent(online, rig.connections, rig.sockets, rig.presence, later)
    assert rig.presence.states["acme", "e1"] == ("away", "a1", later)


def test_a_hang_up_that_the_records_could_not_be_told_of_can_be_told_again(rig: Rig) -> None:
    rig.greet_agent()
    rig.presence.broken = True
    with pytest.raises(StoreUnavailable):
        disconnect("a1", rig.connections, rig.presence, rig.clock.now)
    rig.presence.broken = False

    disconnect("a1", rig.connections, rig.presence, rig.clock.now)

    assert rig.presence.states["acme", "e1"][0] == "away"


def test_a_rotated_key_silences_the_agent_even_while_records_do_not_answer(rig: Rig) -> None:
    rig.greet_agent()
    rig.presence.broken = True

    with pytest.raises(StoreUnavailable):
        cut_agent("acme", "e1", rig.connections, rig.sockets, rig.presence, rig.clock.now)

    assert rig.sockets.closed == ["a1"]
    assert rig.send("a1", pod_doc(1)).outcome == "unknown"

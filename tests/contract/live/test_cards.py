"""Cards: two sides that never touch each other, one suite for the fake and the table."""

from chalicelib.core.cards import AgentSide
from chalicelib.core.topics import CardAddress, TopicAddress
from chalicelib.wire import bodies
from tests.contract.live.conftest import Store

CARD = CardAddress("acme", "shop", "e1", "staging")
APPS = TopicAddress("acme", "apps")


def side(ready: int) -> AgentSide:
    return AgentSide(live=bodies.LiveSummary(wanted=2, ready=ready), health=bodies.Health(word="Healthy"))


def released(sha: str) -> bodies.Card:
    desired = bodies.DesiredRelease(id="r1", sha=sha, commit="c", message="m" * 200)
    return bodies.Card(app="shop", environment="staging", environment_id="e1", repository="a/shop", desired=desired)


def shown(store: Store) -> tuple[int, dict[str, object] | None]:
    (doc,) = store.topics.page(APPS, prefix="shop/", cursor=None, now_us=1).docs
    return doc.seq, doc.body


def test_a_card_shows_both_sides_and_counts_every_write(store: Store) -> None:
    assert store.cards.write_agent_side(CARD, 10, side(1), 100)
    assert store.write_release_side("acme", released("s1"), 1, 200)
    assert store.cards.write_agent_side(CARD, 11, side(2), 300)

    seq, body = shown(store)
    assert body is not None
    assert seq == 3
    assert body["live"] == {"wanted": 2, "ready": 2}
    assert body["repository"] == "a/shop"
    assert body["desired"] == {"id": "r1", "sha": "s1", "commit": "c", "message": "m" * 80}


def test_a_side_with_a_lower_or_equal_number_is_not_written(store: Store) -> None:
    store.cards.write_agent_side(CARD, 10, side(1), 100)
    store.write_release_side("acme", released("s2"), 5, 200)

    assert not store.cards.write_agent_side(CARD, 10, side(2), 300)
    assert not store.cards.write_agent_side(CARD, 9, side(2), 300)
    assert not store.write_release_side("acme", released("s1"), 5, 300)
    assert store.cards.agent_side(CARD) == side(1)
    assert shown(store)[0] == 2


def test_a_side_that_looks_the_same_is_not_written(store: Store) -> None:
    store.cards.write_agent_side(CARD, 10, side(1), 100)

    assert not store.cards.write_agent_side(CARD, 11, side(1), 200)
    assert shown(store)[0] == 1


def test_a_card_with_nothing_to_show_is_a_tombstone(store: Store) -> None:
    store.cards.write_agent_side(CARD, 10, side(1), 100)

    assert store.cards.write_agent_side(CARD, 11, None, 200)
    assert shown(store) == (2, None)
    assert store.cards.agent_side(CARD) is None


def test_an_agent_that_never_saw_the_app_leaves_no_card(store: Store) -> None:
    assert not store.cards.write_agent_side(CARD, 11, None, 200)
    assert store.topics.page(APPS, prefix="", cursor=None, now_us=1).docs == []


def test_a_cleared_agent_side_keeps_the_release_side(store: Store) -> None:
    store.write_release_side("acme", released("s1"), 1, 100)
    store.cards.write_agent_side(CARD, 10, side(1), 100)
    store.cards.write_agent_side(CARD, 11, None, 200)

    seq, body = shown(store)
    assert seq == 3
    assert body is not None
    assert "live" not in body
    assert "desired" in body


def test_a_changed_card_is_found_by_its_instant(store: Store) -> None:
    store.cards.write_agent_side(CARD, 10, side(1), 100)
    store.write_release_side("acme", released("s1"), 1, 200)

    changed = store.topics.changed_since(APPS, 200, most=5)

    assert changed is not None
    assert [(doc.key, doc.seq) for doc in changed] == [("shop/e1", 2)]
    assert store.topics.changed_since(APPS, 201, most=5) == []

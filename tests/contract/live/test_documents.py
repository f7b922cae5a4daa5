"""Documents and floors: one suite for the fake and the table."""

import pytest

from chalicelib.core.errors import Rejected
from chalicelib.core.topics import KeyVersion, TopicAddress, environment_topic
from chalicelib.wire.messages import Document
from tests.contract.live.conftest import Store

MINE = environment_topic("acme", "e1")
THEIRS = environment_topic("evil", "e1")
RELEASES = TopicAddress("acme", "releases")


def doc(key: str, seq: int, body: dict[str, object] | None = None, *, gone: bool = False) -> Document:
    return Document(key, seq, None if gone else body or {"n": seq})


def test_the_highest_number_of_a_key_wins_whatever_comes_last(store: Store) -> None:
    store.documents.store(MINE, [doc("app/a", 5)], 100)

    held = store.documents.store(MINE, [doc("app/a", 3), doc("app/b", 1)], 200)

    assert held == {"app/a": doc("app/a", 5), "app/b": doc("app/b", 1)}
    assert store.documents.get(MINE, "app/a") == doc("app/a", 5)


def test_a_repeated_document_answers_itself_and_changes_nothing(store: Store) -> None:
    store.documents.store(MINE, [doc("app/a", 5)], 100)

    held = store.documents.store(MINE, [doc("app/a", 5)], 900)

    assert held == {"app/a": doc("app/a", 5)}
    assert store.topics.changed_since(MINE, 101, most=10) == []


def test_one_frame_may_hold_a_key_twice(store: Store) -> None:
    held = store.documents.store(MINE, [doc("app/a", 2), doc("app/a", 1)], 100)

    assert held == {"app/a": doc("app/a", 2)}


def test_a_tombstone_is_kept_and_an_older_document_does_not_revive_it(store: Store) -> None:
    store.documents.store(MINE, [doc("app/a", 5, gone=True)], 100)

    store.documents.store(MINE, [doc("app/a", 4)], 200)

    assert store.documents.get(MINE, "app/a") == Document("app/a", 5, None)
    assert store.documents.versions(MINE) == [KeyVersion("app/a", 5, gone=True)]


def test_another_tenants_topic_is_empty(store: Store) -> None:
    store.documents.store(MINE, [doc("app/a", 5)], 100)
    store.documents.raise_floor(MINE, 4, 100)

    assert store.documents.get(THEIRS, "app/a") is None
    assert store.topics.floor(THEIRS) == 0
    assert store.topics.page(THEIRS, prefix="", cursor=None, now_us=1).docs == []
    assert store.topics.changed_since(THEIRS, 0, most=10) == []


def test_a_floor_only_rises_and_hides_what_is_below(store: Store) -> None:
    store.documents.store(MINE, [doc("app/a", 5), doc("app/b", 9)], 100)

    store.documents.raise_floor(MINE, 5, 200)
    store.documents.raise_floor(MINE, 3, 300)

    page = store.topics.page(MINE, prefix="", cursor=None, now_us=400)
    assert (page.floor, page.docs, page.changed_at) == (5, [doc("app/b", 9)], 400)
    assert store.topics.changed_since(MINE, 0, most=10) == [doc("app/b", 9)]
    assert store.documents.versions(MINE, prefix="app/a") == [KeyVersion("app/a", 5)]


def test_forgetting_a_version_keeps_a_newer_one(store: Store) -> None:
    store.documents.store(MINE, [doc("app/a", 5), doc("app/b", 6)], 100)

    store.documents.forget(MINE, [KeyVersion("app/a", 4), KeyVersion("app/b", 6), KeyVersion("app/c", 1)])

    assert store.documents.versions(MINE) == [KeyVersion("app/a", 5)]


def test_changes_since_an_instant_hold_that_instant_and_tombstones(store: Store) -> None:
    store.documents.store(MINE, [doc("app/a", 1)], 100)
    store.documents.store(MINE, [doc("app/b", 2)], 200)
    store.documents.store(MINE, [doc("app/c", 3, gone=True)], 300)

    changed = store.topics.changed_since(MINE, 200, most=2)

    assert changed is not None
    assert {one.key: one.body is None for one in changed} == {"app/b": False, "app/c": True}
    assert store.topics.changed_since(MINE, 200, most=1) is None


def test_pages_hold_every_document_once_and_the_first_pages_instant(store: Store) -> None:
    docs = [doc(f"pod/a/x/{n:04}", n + 1, {"fill": "x" * 20_000}) for n in range(60)]
    store.documents.store(MINE, [*docs, doc("app/a", 99)], 100)

    found: list[Document] = []
    cursor, pages = None, 0
    while pages == 0 or cursor:
        page = store.topics.page(MINE, prefix="pod/", cursor=cursor, now_us=500 + pages)
        found += page.docs
        cursor, pages = page.next, pages + 1
        assert page.changed_at == 500

    assert pages > 1
    assert sorted(one.key for one in found) == [one.key for one in docs]


def test_a_made_up_cursor_is_rejected(store: Store) -> None:
    for cursor in ("x", "%%%", "W10=", "é"):
        with pytest.raises(Rejected):
            store.topics.page(MINE, prefix="", cursor=cursor, now_us=1)


def test_records_are_read_as_documents_of_their_topic(store: Store) -> None:
    store.record(RELEASES, doc("e1/shop/r1", 3), 100)
    store.record(RELEASES, doc("e1/cart/r2", 1), 200)
    store.record(TopicAddress("evil", "releases"), doc("e1/shop/r9", 1), 200)

    page = store.topics.page(RELEASES, prefix="e1/shop/", cursor=None, now_us=300)

    assert (page.docs, page.floor, page.next) == ([doc("e1/shop/r1", 3)], 0, None)
    assert store.topics.changed_since(RELEASES, 150, most=10) == [doc("e1/cart/r2", 1)]

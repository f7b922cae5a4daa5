"""What every `Records` does, on the fake and on DynamoDB (MiniStack)."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.adapters.dynamodb import Table
from chalicelib.adapters.records_table import RecordsTable
from chalicelib.core.apps import App
from chalicelib.core.artifacts import Artifact, Source, Version
from chalicelib.core.errors import DuplicateRecord, Rejected, StaleRecord, TooLarge
from chalicelib.core.records import (
    app_key,
    artifact_key,
    artifacts_pk,
    branch_key,
    repositories_pk,
    train_pk,
    waiting_key,
)
from chalicelib.core.repositories import Branch, Host, Repository, Use
from chalicelib.core.trains import Waiting
from chalicelib.ports.records import Create, Put, Records, Remove, Replace, ShowCard
from tests.fakes_records import FakeRecords
from tests.ministack_fixture import Aws, aws, aws_endpoint  # noqa: F401 - fixtures

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def _fake(request: pytest.FixtureRequest) -> Records:
    return FakeRecords()


def _real(request: pytest.FixtureRequest) -> Records:
    stack: Aws = request.getfixturevalue("aws")
    tables = [Table(name, stack.dynamodb) for name in (stack.records_table, stack.documents_table)]
    return RecordsTable(tables[0], tables[1], lambda: 1)


@pytest.fixture(
    params=[pytest.param(_fake, id="fake"), pytest.param(_real, id="dynamodb", marks=pytest.mark.integration)]
)
def records(request: pytest.FixtureRequest) -> Records:
    make: Callable[[Any], Records] = request.param
    return make(request)


def branch(**changes: Any) -> Branch:
    return replace(Branch("acme", "r1", "refs/heads/main", "a" * 40, 1), **changes)


def repository(path: str) -> Repository:
    return Repository(f"id-{path}", "acme", path, "https://git.example/x", Host.GIT, Host.GIT, Use.APPLICATION)


def artifact(number: int, text: str = "app: a") -> Artifact:
    version = Version("acme/shop", f"{number:040d}")
    sources = (Source("a.yaml", "yaml", text),)
    return Artifact(f"acme/shop-{number}", "acme", "r1", version, created=number, sources=sources)


def test_a_row_comes_back_as_it_was_written(records: Records) -> None:
    records.write(Create(branch()))

    assert records.get(Branch, branch_key("acme", "r1", "refs/heads/main")) == branch()
    assert records.get(Branch, branch_key("acme", "r1", "refs/heads/other")) is None


def test_a_key_is_created_once(records: Records) -> None:
    records.write(Create(branch()))

    with pytest.raises(DuplicateRecord):
        records.write(Create(branch(head="b" * 40)))


def test_only_the_next_version_replaces_a_row(records: Records) -> None:
    records.write(Create(branch()))
    records.write(Replace(branch(head="b" * 40, version=2)))

    with pytest.raises(StaleRecord):
        records.write(Replace(branch(head="c" * 40, version=2)))
    with pytest.raises(StaleRecord):
        records.write(Replace(branch(ref="refs/heads/new", version=2)))
    kept = records.get(Branch, branch_key("acme", "r1", "refs/heads/main"))
    assert kept is not None
    assert kept.head == "b" * 40


def test_a_transaction_writes_all_or_nothing(records: Records) -> None:
    records.write(Create(branch()))

    with pytest.raises(DuplicateRecord):
        records.write(Create(branch(ref="refs/heads/two")), Create(branch()))

    assert records.get(Branch, branch_key("acme", "r1", "refs/heads/two")) is None


def test_putting_writes_whatever_stands_there_and_removing_leaves_others(records: Records) -> None:
    row = Waiting("acme", "g1", "one", "e1", "shop", 1, NOW)
    records.write(Put(row), Put(replace(row, release_id="two")))
    records.write(Put(replace(row, number=7)))

    records.write(Remove(waiting_key("acme", "g1", "two")))
    records.write(Remove(waiting_key("acme", "g1", "never")))

    assert records.list_below(Waiting, train_pk("acme", "g1"), "WAITING#") == (replace(row, number=7),)
    assert records.list_below(Waiting, train_pk("acme", "g2"), "WAITING#") == ()


def test_an_index_is_read_in_pages_in_both_directions(records: Records) -> None:
    for number in range(5):
        records.write(Create(artifact(number)))

    first = records.list_index(Artifact, "index1", artifacts_pk("acme"), newest_first=True, limit=2)
    second = records.list_index(Artifact, "index1", artifacts_pk("acme"), newest_first=True, limit=9, cursor=first.next)

    assert [one.created for one in first.items + second.items] == [4, 3, 2, 1, 0]
    assert second.next == ""
    oldest = records.list_index(Artifact, "index1", artifacts_pk("acme"), limit=1)
    assert oldest.items[0].created == 0


def test_an_index_is_bounded_by_sort_keys(records: Records) -> None:
    for number in range(5):
        records.write(Create(artifact(number)))

    page = records.list_index(Artifact, "index1", artifacts_pk("acme"), since=f"{2:012d}", until=f"{4:012d}")

    assert [one.created for one in page.items] == [2, 3]


def test_a_cursor_of_another_list_or_of_nobody_is_refused(records: Records) -> None:
    for path in ("a", "b"):
        records.write(Create(repository(path)))
    cursor = records.list_index(Repository, "index1", repositories_pk("acme"), limit=1).next

    with pytest.raises(Rejected):
        records.list_index(Repository, "index1", repositories_pk("evil"), cursor=cursor)
    with pytest.raises(Rejected):
        records.list_index(Repository, "index1", repositories_pk("acme"), cursor="nonsense")


def test_a_card_is_written_with_the_transaction_or_not_at_all(records: Records) -> None:
    row = App("acme", "e1", "staging", "shop", version=1)

    records.write(Create(row), ShowCard(row))
    with pytest.raises(StaleRecord):
        records.write(Replace(replace(row, version=9)), ShowCard(replace(row, version=9)))

    assert records.get(App, app_key("acme", "e1", "shop")) == row


def test_a_large_record_is_kept_whole(records: Records) -> None:
    large = artifact(1, "app: a # " + "x" * 600_000)

    records.write(Create(large))

    assert records.get(Artifact, artifact_key("acme", large.id)) == large


@pytest.mark.integration
def test_a_record_that_no_item_holds_is_refused(request: pytest.FixtureRequest) -> None:
    noise = random.Random(1).randbytes(600_000).hex()

    with pytest.raises(TooLarge):
        _real(request).write(Create(artifact(1, noise)))


def test_a_card_that_already_shows_something_newer_stops_nothing(records: Records) -> None:
    newer = App("acme", "e1", "staging", "shop", version=7)
    records.write(Create(branch()), ShowCard(newer))

    records.write(Replace(branch(head="b" * 40, version=2)), ShowCard(replace(newer, version=6)))

    kept = records.get(Branch, branch_key("acme", "r1", "refs/heads/main"))
    assert kept is not None
    assert kept.head == "b" * 40

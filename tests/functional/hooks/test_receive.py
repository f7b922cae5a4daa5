"""Every delivery is checked in the same order, whatever it says: size, hook, secret, signature, known, content."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from chalicelib.core.errors import NotFound, Rejected, SignatureMismatch, TooLarge, Unavailable
from chalicelib.core.records import Key
from chalicelib.core.repositories import Delivery, Host, Use
from chalicelib.usecases.receive_webhook import MAX_BODY_BYTES, Arrival, Receipt, receive_webhook
from tests.fakes_records import FakeRecords
from tests.functional.road.town import Town
from tests.recorded_deliveries import SHA, ZEROS, Recorded, gitea, github, gitlab, plain, signed

EVENTS = ("push", "delete", "pull_request", "check_run", "check_suite", "status", "workflow_run", "ping",
          "installation", "repository", "star", "")  # fmt: skip
PUSH = json.dumps({"ref": "refs/heads/main", "before": ZEROS, "after": SHA}).encode()


@dataclass
class CountedRecords(FakeRecords):
    """Counts the reads."""

    reads: list[Key] = field(default_factory=list)

    def get(self, kind, key):  # type: ignore[no-untyped-def] # passed on
        self.reads.append(key)
        return super().get(kind, key)


@dataclass
class Door:
    """A town with one repository of one kind of host."""

    host: Host
    town: Town = field(default_factory=lambda: Town(records=CountedRecords()))
    hook_id: str = field(init=False)
    secret: str = field(init=False)

    def __post_init__(self) -> None:
        shop = self.town.repository("acme/shop", Use.APPLICATION, self.host)
        self.hook_id = shop.hook_id
        self.secret = self.town.secrets.kept[f"hooks/{shop.hook_id}"]

    def knock(self, headers: dict[str, str], body: bytes, *, provider: str = "", hook_id: str = "") -> Receipt:
        arrival = Arrival(provider or self.host.value, hook_id or self.hook_id, headers, body)
        town = self.town
        return receive_webhook(arrival, town.records, town.secrets, town.queues, town.clock)

    def deliver(self, headers: dict[str, str], body: bytes = PUSH) -> Receipt:
        return self.knock(signed(self.host, headers, body, self.secret), body)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("host", list(Host))
def test_every_kind_of_event_needs_the_signature(host: Host, event: str) -> None:
    door = Door(host)
    headers = {"x-github-event": event, "x-gitea-event": event, "x-gitlab-event": event}

    for proof in ({}, signed(host, {}, PUSH, "wrong"), signed(host, {}, b"other", "wrong")):
        with pytest.raises(SignatureMismatch):
            door.knock({**headers, **proof}, PUSH)

    assert door.town.queues.intake == []


def test_without_a_secret_nothing_is_believed() -> None:
    door = Door(Host.GITHUB)
    door.town.secrets.kept.clear()

    with pytest.raises(Unavailable, match="no secret"):
        door.knock(signed(Host.GITHUB, {"x-github-event": "ping"}, b"{}", ""), b"{}")


def test_a_body_that_is_too_large_is_refused_before_anything_is_asked() -> None:
    door = Door(Host.GITHUB)
    reads = len(door.town.records.reads)  # type: ignore[attr-defined] # they are counted

    with pytest.raises(TooLarge):
        door.knock({}, b"x" * (MAX_BODY_BYTES + 1))

    assert len(door.town.records.reads) == reads  # type: ignore[attr-defined] # they are counted


def test_a_hook_is_not_known_under_another_hosts_name_or_another_id() -> None:
    door = Door(Host.GITHUB)
    headers = signed(Host.GITHUB, {"x-github-event": "ping"}, b"{}", door.secret)

    with pytest.raises(NotFound):
        door.knock(headers, b"{}", provider="gitea")
    with pytest.raises(NotFound):
        door.knock(headers, b"{}", hook_id="nope")


def test_a_ping_is_answered_and_an_unknown_event_is_taken_and_changes_nothing() -> None:
    door = Door(Host.GITHUB)

    assert door.deliver({"x-github-event": "ping"}, b"{}").outcome == "pong"
    assert door.deliver({"x-github-event": "star"}, b"{}").outcome == "ignored"
    assert door.town.queues.intake == []


def test_a_processed_delivery_is_answered_without_a_second_message() -> None:
    door = Door(Host.GITHUB)
    headers = {"x-github-event": "push", "x-github-delivery": "d1"}
    body = json.dumps({"ref": "refs/heads/gone", "before": SHA, "after": SHA}).encode()

    assert door.deliver(headers, body).outcome == "accepted"
    door.town.settle()
    assert door.deliver(headers, body).outcome == "processed"

    assert door.town.queues.intake == []
    assert [one.id for one in door.town.records.all(Delivery)] == ["d1"]


def test_a_host_that_names_no_delivery_may_say_the_same_twice() -> None:
    door = Door(Host.GIT)

    for _ in range(2):
        door.town.clock.pass_(seconds=1)
        assert door.deliver({}).outcome == "accepted"

    assert len({one["delivery_id"] for one in door.town.queues.intake}) == 2


@pytest.mark.parametrize("recorded", [*gitea(), *gitlab(), *plain(), *github()], ids=lambda one: one.name)
def test_a_delivery_costs_at_most_three_calls_and_sends_little(recorded: Recorded) -> None:
    door = Door(recorded.host)
    reads = len(door.town.records.reads)  # type: ignore[attr-defined] # they are counted

    receipt = door.deliver(recorded.headers, recorded.body)

    sent = door.town.queues.intake
    assert receipt.outcome in ("accepted", "ignored", "pong")
    assert len(door.town.records.reads) - reads + len(sent) <= 3  # type: ignore[attr-defined] # they are counted
    assert all(len(json.dumps(message)) < 64 * 1024 for message in sent)


def test_a_body_that_is_signed_and_no_event_is_refused_with_a_sentence() -> None:
    door = Door(Host.GITHUB)

    with pytest.raises(Rejected, match="no push event"):
        door.deliver({"x-github-event": "push"}, b'{"ref": 1}')

"""Posting to sockets: one suite for the fake and for the adapter against a loopback `@connections` API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from chalicelib.adapters.sockets import ApiGatewaySockets
from chalicelib.ports.connections import Delivery, Post, Sockets
from tests.contract.live.connections_api import connections_api
from tests.fakes_live import FakeSockets

ACTIVE_AT = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)


@dataclass
class Case:
    """Sockets, and what their other end knows."""

    sockets: Sockets
    gone: set[str]
    stuck: set[str]
    closed: list[str]
    sent: Callable[[], list[tuple[str, str]]]


@pytest.fixture(params=["fake", "api gateway"])
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    if request.param == "fake":
        fake = FakeSockets(active_at={"a": ACTIVE_AT})
        yield Case(
            fake, fake.gone, fake.stuck, fake.closed, lambda: [(post.connection_id, post.text) for post in fake.sent]
        )
        return
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    with connections_api() as api:
        api.active_at["a"] = "2026-03-01T12:00:05Z"
        yield Case(ApiGatewaySockets(api.endpoint), api.gone, api.stuck, api.closed, lambda: api.sent)


def test_a_frame_is_sent_as_it_is(case: Case) -> None:
    assert case.sockets.post(Post("a", '{"text":"é"}')) is Delivery.SENT
    assert case.sent() == [("a", '{"text":"é"}')]


def test_answers_come_in_the_order_of_the_posts(case: Case) -> None:
    case.gone.add("g")
    case.stuck.add("s")

    deliveries = case.sockets.post_all([Post("a", "1"), Post("g", "2"), Post("s", "3"), Post("b=", "4")])

    assert deliveries == [Delivery.SENT, Delivery.GONE, Delivery.FAILED, Delivery.SENT]
    assert sorted(case.sent()) == [("a", "1"), ("b=", "4")]


def test_nothing_to_send_sends_nothing(case: Case) -> None:
    assert case.sockets.post_all([]) == []


def test_closing_closes(case: Case) -> None:
    case.sockets.close("a")

    assert case.closed == ["a"]


def test_the_last_activity_is_known_while_the_socket_is_open(case: Case) -> None:
    case.gone.add("g")

    assert case.sockets.last_active_at("a") == ACTIVE_AT
    assert case.sockets.last_active_at("g") is None


def test_a_gateway_that_throttles_or_is_away_is_no_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    with connections_api() as api:
        api.throttled.add("t")
        sockets = ApiGatewaySockets(api.endpoint)
        throttled = sockets.post(Post("t", "1"))
        sockets.close("t")
    away = sockets.post(Post("a", "1"))

    assert (throttled, away) == (Delivery.FAILED, Delivery.FAILED)

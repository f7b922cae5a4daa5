"""Sockets, subscriptions and tickets: one suite for the fakes and the table."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chalicelib.core.actors import Actor, Caller, Permission
from chalicelib.core.topics import TopicAddress
from chalicelib.ports.connections import AgentIdentity, Connection, Subscription, Taken
from tests.contract.live.conftest import Store

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AGENT = AgentIdentity("acme", "e1", "staging", "k1", {"flux-system/apps": "*"})
CALLER = Caller("acme", Actor("person", "p1", "Ada", ("dev",)), frozenset({Permission.READ}), (), "s1")
APPS = TopicAddress("acme", "apps")


def agent(name: str, at: int = 1) -> Connection:
    return Connection(name, at, agent=AGENT)


def browser(name: str) -> Connection:
    return Connection(name, 1, caller=CALLER)


def test_a_connection_is_what_was_opened(store: Store) -> None:
    store.connections.open(agent("a"))
    store.connections.open(browser("b"))

    assert store.connections.get("a") == agent("a")
    assert store.connections.get("b") == browser("b")
    assert store.connections.get("c") is None


def test_the_newest_connection_takes_the_environment_from_the_one_before(store: Store) -> None:
    store.connections.open(agent("old", 1))
    store.connections.open(agent("new", 2))

    assert store.connections.take_environment(agent("old", 1)) == Taken()
    assert store.connections.take_environment(agent("new", 2)) == Taken("old")

    assert store.connections.owner("acme", "e1") == "new"
    assert store.connections.get("old") is None
    assert store.connections.get("new") == replace(agent("new", 2), owns=True)


def test_an_older_connection_does_not_take_the_environment_back(store: Store) -> None:
    store.connections.open(agent("old", 1))
    store.connections.open(agent("new", 2))
    store.connections.take_environment(agent("new", 2))

    assert store.connections.take_environment(agent("old", 1)) is None
    assert store.connections.owner("acme", "e1") == "new"


def test_saying_hello_twice_changes_nothing(store: Store) -> None:
    store.connections.open(agent("a"))
    store.connections.take_environment(agent("a"))

    assert store.connections.take_environment(agent("a")) == Taken()
    assert store.connections.get("a") == replace(agent("a"), owns=True)


def test_a_cut_connection_takes_nothing(store: Store) -> None:
    store.connections.open(agent("a"))
    store.connections.close("a")

    assert store.connections.take_environment(agent("a")) is None
    assert store.connections.owner("acme", "e1") is None


def test_closing_gives_the_environment_free_but_only_ones_own(store: Store) -> None:
    store.connections.open(agent("old", 1))
    store.connections.take_environment(agent("old", 1))
    store.connections.open(agent("new", 2))
    store.connections.take_environment(agent("new", 2))

    assert store.connections.close("old") is None
    assert store.connections.owner("acme", "e1") == "new"
    assert store.connections.close("new") == replace(agent("new", 2), owns=True)
    assert store.connections.owner("acme", "e1") is None


def test_connections_are_found_by_their_holder_within_the_tenant(store: Store) -> None:
    store.connections.open(browser("b1"))
    store.connections.open(browser("b2"))
    store.connections.open(Connection("b3", 1, caller=replace(CALLER, session_id="s2")))
    store.connections.open(Connection("b4", 1, caller=replace(CALLER, organization_id="evil")))
    store.connections.open(agent("a"))

    assert sorted(store.connections.of_holder("acme", "session:s1")) == ["b1", "b2"]
    assert store.connections.of_holder("acme", "agent:e1") == ["a"]


def subscription(to: TopicAddress = APPS, connection: str = "b1", **more: object) -> Subscription:
    return Subscription(to, connection, CALLER, NOW, **more)  # type: ignore[arg-type]  # parts of the value by name


def test_subscriptions_are_found_by_topic_within_the_tenant(store: Store) -> None:
    mine = subscription(keys=frozenset({"shop/e1"}))
    other = subscription(TopicAddress("acme", "releases"), prefix="e1/")
    evil = subscription(TopicAddress("evil", "apps"), connection="b9")
    for one in (mine, other, evil):
        store.subscriptions.add(one)

    found = store.subscriptions.of_topics([APPS, other.address, TopicAddress("acme", "env:e1")])

    assert found == {APPS: [mine], other.address: [other], TopicAddress("acme", "env:e1"): []}
    assert store.subscriptions.count("b1") == 2


def test_subscribing_again_replaces_the_choice(store: Store) -> None:
    store.subscriptions.add(subscription(prefix="a"))
    store.subscriptions.add(subscription(prefix="b"))

    assert store.subscriptions.of_topics([APPS]) == {APPS: [subscription(prefix="b")]}


def test_closing_a_connection_ends_its_subscriptions(store: Store) -> None:
    store.connections.open(browser("b1"))
    store.subscriptions.add(subscription())
    store.subscriptions.add(subscription(connection="b2"))

    store.connections.close("b1")

    assert store.subscriptions.of_topics([APPS]) == {APPS: [subscription(connection="b2")]}


def test_checking_renews_a_subscription_but_revives_none(store: Store) -> None:
    later = NOW + timedelta(minutes=1)
    store.subscriptions.add(subscription())
    store.subscriptions.add(subscription(connection="b2"))
    store.subscriptions.remove(APPS, "b2")

    store.subscriptions.checked(subscription(), later)
    store.subscriptions.checked(subscription(connection="b2"), later)

    assert store.subscriptions.of_topics([APPS]) == {APPS: [replace(subscription(), checked_at=later)]}


def test_a_ticket_opens_once(store: Store) -> None:
    value = store.tickets.issue(CALLER, NOW + timedelta(seconds=30))

    assert store.tickets.redeem(value, NOW) == CALLER
    assert store.tickets.redeem(value, NOW) is None


def test_a_ticket_opens_nothing_when_it_is_too_old_or_made_up(store: Store) -> None:
    value = store.tickets.issue(CALLER, NOW + timedelta(seconds=30))

    assert store.tickets.redeem(value, NOW + timedelta(seconds=31)) is None
    assert store.tickets.redeem("made-up", NOW) is None

"""In-memory fakes of the ports of live state; they pass the contract suites in `tests/contract/live`."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import msgspec

from chalicelib.core.actors import Caller, Permission
from chalicelib.core.cards import AgentSide, merge_sides, release_side
from chalicelib.core.errors import Rejected, StoreUnavailable
from chalicelib.core.topics import APPS, CardAddress, KeyVersion, TopicAddress
from chalicelib.ports.connections import (
    AgentIdentity,
    Connection,
    Delivery,
    Post,
    Subscription,
    Taken,
)
from chalicelib.ports.live import AgentInfo, TopicPage
from chalicelib.wire import bodies
from chalicelib.wire.messages import Document

PAGE_LENGTH = 3  # small, so that tests see pages


@dataclass
class FakeCard:
    """One card: both sides and their numbers."""

    release: bodies.Card
    release_version: int | None = None
    agent: AgentSide | None = None
    has_agent_side: bool = False
    app_seq: int | None = None
    version: int = 0


@dataclass
class FakeDocuments:
    """Documents, floors and cards; also reads topics. `before_card` runs before each card write, to race with it."""

    stored: dict[TopicAddress, dict[str, tuple[Document, int]]] = field(default_factory=dict)
    floors: dict[TopicAddress, int] = field(default_factory=dict)
    cards: dict[CardAddress, FakeCard] = field(default_factory=dict)
    before_card: Callable[[], object] | None = None

    def floor(self, address: TopicAddress) -> int:
        return self.floors.get(address, 0)

    def get(self, address: TopicAddress, key: str) -> Document | None:
        held = self.stored.get(address, {}).get(key)
        return held[0] if held else None

    def store(self, address: TopicAddress, docs: Sequence[Document], changed_at: int) -> dict[str, Document]:
        topic = self.stored.setdefault(address, {})
        for doc in docs:
            held = topic.get(doc.key)
            if held is None or held[0].seq < doc.seq:
                topic[doc.key] = (doc, changed_at)
        return {doc.key: topic[doc.key][0] for doc in docs}

    def raise_floor(self, address: TopicAddress, seq: int, changed_at: int) -> None:
        self.floors[address] = max(self.floors.get(address, 0), seq)

    def versions(self, address: TopicAddress, *, prefix: str = "") -> list[KeyVersion]:
        topic = self.stored.get(address, {})
        return [
            KeyVersion(k, doc.seq, doc.body is None) for k, (doc, _) in sorted(topic.items()) if k.startswith(prefix)
        ]

    def forget(self, address: TopicAddress, versions: Sequence[KeyVersion]) -> None:
        topic = self.stored.get(address, {})
        for version in versions:
            if version.key in topic and topic[version.key][0].seq <= version.seq:
                del topic[version.key]

    def agent_side(self, card: CardAddress) -> AgentSide | None:
        held = self.cards.get(card)
        return held.agent if held else None

    def write_agent_side(self, card: CardAddress, seq: int, side: AgentSide | None, changed_at: int) -> bool:
        if self.before_card is not None:
            race, self.before_card = self.before_card, None
            race()
        held = self.cards.get(card) or _empty_card(card)
        is_higher = held.app_seq is None or held.app_seq < seq
        differs = held.has_agent_side and held.agent != side if side is None else held.agent != side
        if not (is_higher and differs):
            return False
        held = replace(held, agent=side, has_agent_side=True, app_seq=seq)
        self._write(card, held, changed_at)
        return True

    def write_release_side(self, organization: str, card: bodies.Card, number: int, changed_at: int) -> bool:
        address = CardAddress(organization, card.app, card.environment_id, card.environment)
        held = self.cards.get(address) or _empty_card(address)
        if held.release_version is not None and held.release_version >= number:
            return False
        self._write(address, replace(held, release=release_side(card), release_version=number), changed_at)
        return True

    def _write(self, address: CardAddress, card: FakeCard, changed_at: int) -> None:
        card.version += 1
        self.cards[address] = card
        shown = merge_sides(card.release, card.agent)
        key = f"{address.app}/{address.environment_id}"
        doc = Document(key, card.version, None if shown is None else msgspec.to_builtins(shown))
        self.stored.setdefault(TopicAddress(address.organization, APPS), {})[key] = (doc, changed_at)

    def changed_since(self, address: TopicAddress, since_us: int, *, most: int) -> list[Document] | None:
        topic, floor = self.stored.get(address, {}), self.floor(address)
        changed = [doc for doc, at in topic.values() if at >= since_us]
        return None if len(changed) > most else [doc for doc in changed if doc.seq > floor]

    def page(self, address: TopicAddress, *, prefix: str, cursor: str | None, now_us: int) -> TopicPage:
        at, after = _read_cursor(cursor) if cursor else (now_us, "")
        topic, floor = self.stored.get(address, {}), self.floor(address)
        keys = sorted(key for key in topic if key.startswith(prefix) and key > after)
        docs = [topic[key][0] for key in keys[:PAGE_LENGTH]]
        more = keys[PAGE_LENGTH - 1] if len(keys) > PAGE_LENGTH else None
        following = base64.urlsafe_b64encode(f"{at} {more}".encode()).decode() if more else None
        return TopicPage([doc for doc in docs if doc.seq > floor], floor, at, following)


def _empty_card(card: CardAddress) -> FakeCard:
    return FakeCard(bodies.Card(app=card.app, environment=card.environment, environment_id=card.environment_id))


def _read_cursor(text: str) -> tuple[int, str]:
    try:
        at, _, key = base64.urlsafe_b64decode(text.encode()).decode().partition(" ")
        return int(at), key
    except ValueError as error:
        raise Rejected("the cursor is not one that was answered here") from error


@dataclass
class FakeSubscriptions:
    """Who looks at what. Topics in `silent` do not answer."""

    rows: dict[tuple[TopicAddress, str], Subscription] = field(default_factory=dict)
    silent: set[TopicAddress] = field(default_factory=set)

    def add(self, subscription: Subscription) -> None:
        self.rows[subscription.address, subscription.connection_id] = subscription

    def checked(self, subscription: Subscription, at: datetime) -> None:
        held = self.rows.get((subscription.address, subscription.connection_id))
        if held is not None:
            self.add(replace(held, checked_at=at))

    def remove(self, address: TopicAddress, connection_id: str) -> None:
        self.rows.pop((address, connection_id), None)

    def count(self, connection_id: str) -> int:
        return sum(1 for _, connection in self.rows if connection == connection_id)

    def of_topics(self, addresses: Sequence[TopicAddress]) -> dict[TopicAddress, list[Subscription]]:
        return {
            address: [row for (at, _), row in self.rows.items() if at == address]
            for address in addresses
            if address not in self.silent
        }


@dataclass
class FakeConnections:
    """Open sockets and who has which environment; closing one removes its subscriptions."""

    subscriptions: FakeSubscriptions = field(default_factory=FakeSubscriptions)
    rows: dict[str, Connection] = field(default_factory=dict)
    owners: dict[tuple[str, str], str] = field(default_factory=dict)
    taken_at: dict[tuple[str, str], int] = field(default_factory=dict)

    def open(self, connection: Connection) -> None:
        self.rows[connection.id] = connection

    def get(self, connection_id: str) -> Connection | None:
        return self.rows.get(connection_id)

    def take_environment(self, connection: Connection) -> Taken | None:
        agent = connection.agent
        if agent is None or connection.id not in self.rows:
            return None
        place = (agent.organization, agent.environment_id)
        previous = self.owners.get(place)
        if previous not in (None, connection.id) and self.taken_at[place] > connection.connected_at_us:
            return None
        self.owners[place], self.taken_at[place] = connection.id, connection.connected_at_us
        self.rows[connection.id] = replace(self.rows[connection.id], owns=True)
        if previous is None or previous == connection.id:
            return Taken()
        self.rows.pop(previous, None)
        return Taken(previous)

    def close(self, connection_id: str) -> Connection | None:
        for address, connection in list(self.subscriptions.rows):
            if connection == connection_id:
                self.subscriptions.remove(address, connection_id)
        closed = self.rows.pop(connection_id, None)
        self.owners = {place: owner for place, owner in self.owners.items() if owner != connection_id}
        return closed

    def owner(self, organization: str, environment_id: str) -> str | None:
        return self.owners.get((organization, environment_id))

    def of_holder(self, organization: str, holder: str) -> list[str]:
        return [row.id for row in self.rows.values() if (row.organization, row.holder) == (organization, holder)]


@dataclass
class FakeTickets:
    """One-use tickets."""

    rows: dict[str, tuple[Caller, datetime]] = field(default_factory=dict)
    issued: int = 0

    def issue(self, caller: Caller, expires_at: datetime) -> str:
        self.issued += 1
        value = f"ticket-{self.issued}"
        self.rows[value] = (caller, expires_at)
        return value

    def redeem(self, value: str, at: datetime) -> Caller | None:
        caller, expires_at = self.rows.pop(value, (None, at))
        return caller if expires_at >= at else None


@dataclass
class FakeSockets:
    """Remembers what was sent to whom. Sockets in `gone` are closed, those in `stuck` take nothing."""

    sent: list[Post] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    stuck: set[str] = field(default_factory=set)
    active_at: dict[str, datetime] = field(default_factory=dict)

    def post(self, post: Post) -> Delivery:
        if post.connection_id in self.gone:
            return Delivery.GONE
        if post.connection_id in self.stuck:
            return Delivery.FAILED
        self.sent.append(post)
        return Delivery.SENT

    def post_all(self, posts: Sequence[Post]) -> list[Delivery]:
        return [self.post(post) for post in posts]

    def close(self, connection_id: str) -> None:
        self.closed.append(connection_id)

    def last_active_at(self, connection_id: str) -> datetime | None:
        return self.active_at.get(connection_id)

    def texts_to(self, connection_id: str) -> list[str]:
        """What one socket was sent."""
        return [post.text for post in self.sent if post.connection_id == connection_id]


@dataclass
class FakePresence:
    """The presence of environments' agents: (state, connection, instant); `broken` makes it not answer."""

    states: dict[tuple[str, str], tuple[str, str, datetime]] = field(default_factory=dict)
    broken: bool = False

    def online(self, organization: str, environment_id: str, info: AgentInfo, at: datetime) -> None:
        held = self.states.get((organization, environment_id))
        if held is None or held[:2] != ("online", info.connection_id):
            self.states[organization, environment_id] = ("online", info.connection_id, at)

    def away(self, organization: str, environment_id: str, connection_id: str, since: datetime) -> None:
        if self.broken:
            raise StoreUnavailable("environments do not answer")
        held = self.states.get((organization, environment_id))
        if held is not None and held[1] == connection_id:
            self.states[organization, environment_id] = ("away", connection_id, since)


@dataclass
class FakeProgress:
    """What was told of releases; `broken` makes it not answer."""

    seen: list[tuple[str, bodies.FluxObject]] = field(default_factory=list)
    broken: bool = False

    def observe(self, agent: AgentIdentity, app: str, kustomization: bodies.FluxObject, observed_at: datetime) -> None:
        if self.broken:
            raise StoreUnavailable("releases do not answer")
        self.seen.append((app, kustomization))


@dataclass
class FakeAccess:
    """Sessions and what they may."""

    permissions: dict[str, frozenset[Permission]] = field(default_factory=dict)
    asked: int = 0

    def permissions_of(self, caller: Caller) -> frozenset[Permission]:
        self.asked += 1
        return self.permissions.get(caller.session_id, frozenset())


@dataclass
class FakeAgentKeys:
    """Agent keys in the clear."""

    agents: dict[str, AgentIdentity] = field(default_factory=dict)

    def agent_of(self, key: str, at: datetime) -> AgentIdentity | None:
        return self.agents.get(key)


@dataclass
class FakePace:
    """Time that passes only by sleeping."""

    seconds: float = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class FakeClock:
    """Wall clock that moves when told."""

    now: datetime = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def later(self, seconds: float) -> datetime:
        """Move on and answer the new time."""
        self.now += timedelta(seconds=seconds)
        return self.now

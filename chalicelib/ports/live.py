"""The outside world of live state: documents, cards, what they tell the rest, and what the streams tell of them.

Instants that order changes are whole microseconds since 1970 (`…_us`, `changed_at`); all others are aware UTC.
Every address that could be another tenant's carries its organisation. What does not answer raises `Unavailable`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chalicelib.core.cards import AgentSide
from chalicelib.core.topics import CardAddress, KeyVersion, TopicAddress
from chalicelib.ports.connections import AgentIdentity, Connections, Sockets, Subscriptions
from chalicelib.wire import bodies
from chalicelib.wire.messages import Document


@dataclass(frozen=True, slots=True)
class TopicPage:
    """A page of a topic's documents, tombstones included; `next` is the cursor of the next page, or none."""

    docs: list[Document]
    floor: int
    changed_at: int
    next: str | None = None


class TopicReader(Protocol):
    """Reads any topic, stored or projected. Documents at or below the floor are never answered."""

    def floor(self, address: TopicAddress) -> int:
        """The topic's floor; 0 for one that never had any."""
        ...

    def changed_since(self, address: TopicAddress, since_us: int, *, most: int) -> list[Document] | None:
        """Documents stored at or after the instant, tombstones included; none when there are more than `most`."""
        ...

    def page(self, address: TopicAddress, *, prefix: str, cursor: str | None, now_us: int) -> TopicPage:
        """At most 1 MB of documents whose key starts with `prefix`; `changed_at` is when the first page was read.

        Raises:
            Rejected: the cursor is not one of ours.
        """
        ...


class DocumentStore(Protocol):
    """Stores documents by the two folds."""

    def floor(self, address: TopicAddress) -> int:
        """The topic's floor; 0 for one that never had any."""
        ...

    def get(self, address: TopicAddress, key: str) -> Document | None:
        """The newest version of a key, as last written by anybody."""
        ...

    def store(self, address: TopicAddress, docs: Sequence[Document], changed_at: int) -> dict[str, Document]:
        """Store each document whose seq is higher than the held one's; answers what each key now holds."""
        ...

    def raise_floor(self, address: TopicAddress, seq: int, changed_at: int) -> None:
        """Raise the floor; a lower one is no error and changes nothing."""
        ...

    def versions(self, address: TopicAddress, *, prefix: str = "") -> list[KeyVersion]:
        """All keys held, those at or below the floor too, without their bodies."""
        ...

    def forget(self, address: TopicAddress, versions: Sequence[KeyVersion]) -> None:
        """Remove these versions; a key that has a newer one by now is kept."""
        ...


class Cards(Protocol):
    """The agent side of cards; the release side is written with the release's own transition."""

    def agent_side(self, card: CardAddress) -> AgentSide | None:
        """The side as last written."""
        ...

    def write_agent_side(self, card: CardAddress, seq: int, side: AgentSide | None, changed_at: int) -> bool:
        """Write the side when `seq` is higher than the side's own and the side differs; whether it was written."""
        ...


# ---- what live state tells the rest


@dataclass(frozen=True, slots=True)
class AgentInfo:
    """What an agent said of itself in `hello`, and on which connection."""

    connection_id: str
    instance: str = ""
    agent_version: str = ""
    kubernetes_version: str = ""
    capabilities: tuple[str, ...] = ()


class EnvironmentPresence(Protocol):
    """Whether an environment's agent is there, on the environment's record."""

    def online(self, organization: str, environment_id: str, info: AgentInfo, at: datetime) -> None:
        """The agent is there. Idempotent: online on the same connection again changes nothing."""
        ...

    def away(self, organization: str, environment_id: str, connection_id: str, since: datetime) -> None:
        """The connection is gone; changes nothing when the record names another connection."""
        ...


class ReleaseProgress(Protocol):
    """What the cluster says of an app's Kustomization, for the release that is on its way there."""

    def observe(
        self,
        agent: AgentIdentity,
        app: str,
        kustomization: bodies.FluxObject,
        observed_at: datetime,
    ) -> None:
        """Move the app's release on. Idempotent; sights may repeat and come late."""
        ...


# ---- changes, as the tables' streams tell them


@dataclass(frozen=True, slots=True)
class DocumentChanged:
    """A document was stored, or a record that is shown as one."""

    address: TopicAddress
    doc: Document
    changed_at: int


@dataclass(frozen=True, slots=True)
class FloorRaised:
    """A topic's floor is now at least this."""

    address: TopicAddress
    seq: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An item of the topic that can't be read as a document; its viewers must paint anew."""

    address: TopicAddress
    why: str


Change = DocumentChanged | FloorRaised | Unreadable


class Pace(Protocol):
    """The passing of time, for what must not go faster."""

    def monotonic(self) -> float:
        """Seconds that only rise."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


@dataclass(frozen=True, slots=True)
class LivePorts:
    """All that a message of a socket may need; each step takes only what it uses."""

    documents: DocumentStore
    topics: TopicReader
    cards: Cards
    connections: Connections
    subscriptions: Subscriptions
    sockets: Sockets
    presence: EnvironmentPresence
    progress: ReleaseProgress

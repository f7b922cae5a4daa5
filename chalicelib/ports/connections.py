"""Who is connected: sockets and their rows, subscriptions, tickets, and what proves an agent or a session.

Instants that order connections are whole microseconds since 1970; all others are aware UTC.
What does not answer raises `Unavailable`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol

from chalicelib.core.actors import Caller, Permission
from chalicelib.core.topics import TopicAddress

# ---- who is connected


@dataclass(frozen=True, slots=True)
class AgentIdentity:
    """Whose agent presented a key. `adopted` maps `namespace/kustomization` to an app, or `*` for all."""

    organization: str
    environment_id: str
    environment: str
    key_id: str = ""
    adopted: Mapping[str, str] = field(default_factory=dict)


class AgentKeys(Protocol):
    """The environments' agent keys."""

    def agent_of(self, key: str, at: datetime) -> AgentIdentity | None:
        """Whose key this is; none when it is unknown, expired or revoked."""
        ...


@dataclass(frozen=True, slots=True)
class Connection:
    """An open socket: an agent's or a caller's. `owns`: the agent said hello and took its environment."""

    id: str
    connected_at_us: int
    agent: AgentIdentity | None = None
    caller: Caller | None = None
    owns: bool = False

    @property
    def organization(self) -> str:
        """The tenant whose socket this is."""
        if self.agent is not None:
            return self.agent.organization
        return self.caller.organization_id if self.caller is not None else ""

    @property
    def holder(self) -> str:
        """Whose socket it is, for revoking: `agent:<environment id>`, or `session:<session id>`."""
        if self.agent is not None:
            return agent_holder(self.agent.environment_id)
        return session_holder(self.caller.session_id) if self.caller is not None else ""


def agent_holder(environment_id: str) -> str:
    """The holder of an environment's agent connections."""
    return f"agent:{environment_id}"


def session_holder(session_id: str) -> str:
    """The holder of a session's browser connections."""
    return f"session:{session_id}"


@dataclass(frozen=True, slots=True)
class Taken:
    """A connection took its environment; `previous` is the connection it took it from."""

    previous: str | None = None


class Connections(Protocol):
    """Open sockets. A row may outlive its socket by hours; nothing relies on its being removed."""

    def open(self, connection: Connection) -> None:
        """Remember an accepted socket."""
        ...

    def get(self, connection_id: str) -> Connection | None:
        """The socket's row; none when it was cut, replaced or never accepted."""
        ...

    def take_environment(self, connection: Connection) -> Taken | None:
        """Make this agent's connection the environment's only one and forget the one before, at once.

        None when a newer connection has it, or this one was cut.
        """
        ...

    def close(self, connection_id: str) -> Connection | None:
        """Forget the socket, its subscriptions and its hold on an environment; answers what it was."""
        ...

    def owner(self, organization: str, environment_id: str) -> str | None:
        """The connection that has the environment."""
        ...

    def of_holder(self, organization: str, holder: str) -> list[str]:
        """The connections of a session or of an environment's agent."""
        ...


@dataclass(frozen=True, slots=True)
class Subscription:
    """A browser looks at a topic: all of it, a prefix of its keys, or some keys. Holds what it was allowed by."""

    address: TopicAddress
    connection_id: str
    caller: Caller
    checked_at: datetime
    permission: Permission = Permission.READ
    prefix: str | None = None
    keys: frozenset[str] | None = None

    def wants(self, key: str) -> bool:
        """Whether the viewer asked for this key."""
        if self.keys is not None:
            return key in self.keys
        return key.startswith(self.prefix or "")


class Subscriptions(Protocol):
    """Who looks at what."""

    def add(self, subscription: Subscription) -> None:
        """Remember it, in place of the connection's earlier one to the topic."""
        ...

    def checked(self, subscription: Subscription, at: datetime) -> None:
        """Its permission was found to hold; one that was removed meanwhile stays removed."""
        ...

    def remove(self, address: TopicAddress, connection_id: str) -> None:
        """Forget it; a missing one is no error."""
        ...

    def count(self, connection_id: str) -> int:
        """How many topics a connection looks at, give or take those of the last second."""
        ...

    def of_topics(self, addresses: Sequence[TopicAddress]) -> dict[TopicAddress, list[Subscription]]:
        """The subscriptions of each topic; a topic whose store did not answer is left out."""
        ...


class Tickets(Protocol):
    """One-use proofs for opening a browser's socket."""

    def issue(self, caller: Caller, expires_at: datetime) -> str:
        """A new ticket's value; only its hash is kept."""
        ...

    def redeem(self, value: str, at: datetime) -> Caller | None:
        """Who the ticket was made for, once; none when it is unknown, used or expired."""
        ...


class Access(Protocol):
    """What a session may do now."""

    def permissions_of(self, caller: Caller) -> frozenset[Permission]:
        """Permissions left to the caller's session; empty when it ended or was revoked."""
        ...


# ---- sockets


class Delivery(Enum):
    """What became of a post."""

    SENT = "sent"
    GONE = "gone"  # the socket is closed: 410
    FAILED = "failed"  # not within its time, or refused


@dataclass(frozen=True, slots=True)
class Post:
    """A text frame for one socket."""

    connection_id: str
    text: str


class Sockets(Protocol):
    """Posts to open sockets. Never raises for a socket's sake; each post has its own timeout."""

    def post(self, post: Post) -> Delivery:
        """Send one frame."""
        ...

    def post_all(self, posts: Sequence[Post]) -> list[Delivery]:
        """Send frames in parallel; answers in the order given."""
        ...

    def close(self, connection_id: str) -> None:
        """Close the socket; a closed one is no error."""
        ...

    def last_active_at(self, connection_id: str) -> datetime | None:
        """When the socket last sent or answered anything; none when it is closed."""
        ...

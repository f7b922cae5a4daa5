"""Open sockets, their subscriptions and tickets, in the documents table.

Rows: `CONNECTION#<id>` (index1: by holder), `ORG#<o>#ENVIRONMENT#<e>` `#agent` (which connection has the environment),
`ORG#<o>#SUBSCRIPTIONS#<topic>` by connection (index1: by connection), `TICKET#<sha256>`. All expire; a row may outlive
its socket, and nothing relies on the time to live having run.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from secrets import token_urlsafe

import msgspec

from chalicelib.adapters.dynamodb import ConditionFailed, Item, Table
from chalicelib.core.actors import Caller, Permission
from chalicelib.core.errors import StoreUnavailable
from chalicelib.core.topics import TopicAddress
from chalicelib.ports.connections import AgentIdentity, Connection, Subscription, Taken

CONNECTION_LIFE_SECONDS = 2 * 3600 + 900  # API Gateway closes a socket after 2 h
SECOND_US = 1_000_000
TAKE_ATTEMPTS = 5
READERS = 16
TICKET_BYTES = 32
CONNECTION_SK = "#connection"

_CALLER = msgspec.json.Decoder(Caller)
_AGENT = msgspec.json.Decoder(AgentIdentity)


class ConnectionsTable:
    """Sockets and which of them has an environment."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def open(self, connection: Connection) -> None:
        """Remember an accepted socket."""
        item: Item = {
            "pk": _connection_pk(connection.id),
            "sk": CONNECTION_SK,
            "connected_at": connection.connected_at_us,
            "expires_at": connection.connected_at_us // SECOND_US + CONNECTION_LIFE_SECONDS,
            "owns": connection.owns,
            "i1pk": _holder_pk(connection.organization, connection.holder),
            "i1sk": connection.id,
        }
        if connection.agent is not None:
            item["agent"] = msgspec.json.encode(connection.agent).decode()
        if connection.caller is not None:
            item["caller"] = msgspec.json.encode(connection.caller).decode()
        self._table.put(item)

    def get(self, connection_id: str) -> Connection | None:
        """The socket's row."""
        item = self._table.get(_connection_pk(connection_id), CONNECTION_SK)
        return _connection_of(item) if item is not None else None

    def take_environment(self, connection: Connection) -> Taken | None:
        """One transaction: this row becomes the environment's, the row of the one before is removed."""
        agent = connection.agent
        if agent is None:
            return None
        for _ in range(TAKE_ATTEMPTS):
            held = self._table.get(_environment_pk(agent.organization, agent.environment_id), "#agent")
            if held is not None and _is_newer(held, connection):
                return None
            previous = held["connection_id"] if held is not None else None
            try:
                self._table.transact(self._taking(connection, agent, previous), f"the agent of {agent.environment}")
            except ConditionFailed:
                if self.get(connection.id) is None:
                    return None
                continue
            return Taken(previous if previous != connection.id else None)
        raise StoreUnavailable(f"agents compete for {agent.environment}")

    def _taking(self, connection: Connection, agent: AgentIdentity, previous: str | None) -> list[Item]:
        values: Item = {
            "mine": connection.id,
            "at": connection.connected_at_us,
            "expires": connection.connected_at_us // SECOND_US + CONNECTION_LIFE_SECONDS,
        }
        take = self._table.update_write(
            _environment_pk(agent.organization, agent.environment_id),
            "#agent",
            "SET #held = :mine, #at = :at, #expires = :expires",
            condition="attribute_not_exists(#held)" if previous is None else "#held = :previous",
            names={"held": "connection_id", "at": "connected_at", "expires": "expires_at"},
            values=values if previous is None else values | {"previous": previous},
        )
        own = self._table.update_write(
            _connection_pk(connection.id),
            CONNECTION_SK,
            "SET #owns = :true",
            condition="attribute_exists(#pk)",
            names={"owns": "owns", "pk": "pk"},
            values={"true": True},
        )
        if previous is None or previous == connection.id:
            return [take, own]
        return [take, own, self._table.delete_write(_connection_pk(previous), CONNECTION_SK)]

    def close(self, connection_id: str) -> Connection | None:
        """Forget the socket, its subscriptions and its hold on an environment."""
        for item in self._table.query_all(
            "#pk = :pk", index="index1", names={"pk": "i1pk"}, values={"pk": _subscriber_pk(connection_id)}
        ):
            self._table.delete(item["pk"], item["sk"])
        closed = self._table.delete(_connection_pk(connection_id), CONNECTION_SK)
        connection = _connection_of(closed) if closed is not None else None
        if connection is not None and connection.agent is not None:
            self._release(connection.agent, connection_id)
        return connection

    def _release(self, agent: AgentIdentity, connection_id: str) -> None:
        try:
            self._table.delete(
                _environment_pk(agent.organization, agent.environment_id),
                "#agent",
                condition="#held = :mine",
                names={"held": "connection_id"},
                values={"mine": connection_id},
            )
        except ConditionFailed:
            return

    def owner(self, organization: str, environment_id: str) -> str | None:
        """The connection that has the environment."""
        item = self._table.get(_environment_pk(organization, environment_id), "#agent")
        return str(item["connection_id"]) if item is not None else None

    def of_holder(self, organization: str, holder: str) -> list[str]:
        """The connections of a session or of an environment's agent."""
        items = self._table.query_all(
            "#pk = :pk", index="index1", names={"pk": "i1pk"}, values={"pk": _holder_pk(organization, holder)}
        )
        return [item["i1sk"] for item in items]


class SubscriptionsTable:
    """Who looks at what."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, subscription: Subscription) -> None:
        """Remember it, in place of the connection's earlier one to the topic."""
        item: Item = {
            "pk": _subscriptions_pk(subscription.address),
            "sk": subscription.connection_id,
            "caller": msgspec.json.encode(subscription.caller).decode(),
            "permission": subscription.permission.value,
            "checked_at": int(subscription.checked_at.timestamp()),
            "expires_at": int(subscription.checked_at.timestamp()) + CONNECTION_LIFE_SECONDS,
            "i1pk": _subscriber_pk(subscription.connection_id),
            "i1sk": subscription.address.topic,
        }
        if subscription.prefix is not None:
            item["prefix"] = subscription.prefix
        if subscription.keys is not None:
            item["keys"] = sorted(subscription.keys)
        self._table.put(item)

    def checked(self, subscription: Subscription, at: datetime) -> None:
        """Its permission was found to hold."""
        try:
            self._table.update(
                _subscriptions_pk(subscription.address),
                subscription.connection_id,
                "SET #checked = :at",
                condition="attribute_exists(#pk)",
                names={"checked": "checked_at", "pk": "pk"},
                values={"at": int(at.timestamp())},
            )
        except ConditionFailed:
            return

    def remove(self, address: TopicAddress, connection_id: str) -> None:
        """Forget it."""
        self._table.delete(_subscriptions_pk(address), connection_id)

    def count(self, connection_id: str) -> int:
        """How many topics a connection looks at."""
        query = {"names": {"pk": "i1pk"}, "values": {"pk": _subscriber_pk(connection_id)}}
        return sum(1 for _ in self._table.query_all("#pk = :pk", index="index1", **query))

    def of_topics(self, addresses: Sequence[TopicAddress]) -> dict[TopicAddress, list[Subscription]]:
        """The subscriptions of each topic; a topic whose store did not answer is left out."""
        if not addresses:
            return {}
        with ThreadPoolExecutor(min(READERS, len(addresses))) as pool:
            found = list(pool.map(self._of_topic, addresses))
        return {address: subs for address, subs in zip(addresses, found, strict=True) if subs is not None}

    def _of_topic(self, address: TopicAddress) -> list[Subscription] | None:
        try:
            items = self._table.query_all(
                "#pk = :pk", names={"pk": "pk"}, values={"pk": _subscriptions_pk(address)}, consistent=True
            )
            return [_subscription_of(address, item) for item in items]
        except StoreUnavailable:
            return None


class TicketsTable:
    """One-use tickets, kept by their hash."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def issue(self, caller: Caller, expires_at: datetime) -> str:
        """A new ticket's value."""
        value = token_urlsafe(TICKET_BYTES)
        item = {**_ticket_key(value), "caller": msgspec.json.encode(caller).decode()}
        self._table.put(item | {"expires_at": int(expires_at.timestamp())})
        return value

    def redeem(self, value: str, at: datetime) -> Caller | None:
        """Who the ticket was made for: whoever deletes the row has used it."""
        item = self._table.delete(**_ticket_key(value))
        if item is None or item["expires_at"] < at.timestamp():
            return None
        caller: Caller = _CALLER.decode(item["caller"])
        return caller


def _connection_pk(connection_id: str) -> str:
    return f"CONNECTION#{connection_id}"


def _ticket_key(value: str) -> dict[str, str]:
    return {"pk": f"TICKET#{sha256(value.encode()).hexdigest()}", "sk": "#ticket"}


def _environment_pk(organization: str, environment_id: str) -> str:
    return f"ORG#{organization}#ENVIRONMENT#{environment_id}"


def _holder_pk(organization: str, holder: str) -> str:
    return f"ORG#{organization}#HOLDER#{holder}"


def _subscriptions_pk(address: TopicAddress) -> str:
    return f"ORG#{address.organization}#SUBSCRIPTIONS#{address.topic}"


def _subscriber_pk(connection_id: str) -> str:
    return f"SUBSCRIBER#{connection_id}"


def _is_newer(held: Item, connection: Connection) -> bool:
    if held["connection_id"] == connection.id:
        return False
    return bool(held["connected_at"] > connection.connected_at_us)


def _connection_of(item: Item) -> Connection:
    return Connection(
        id=item["pk"].removeprefix("CONNECTION#"),
        connected_at_us=item["connected_at"],
        agent=_AGENT.decode(item["agent"]) if "agent" in item else None,
        caller=_CALLER.decode(item["caller"]) if "caller" in item else None,
        owns=item["owns"],
    )


def _subscription_of(address: TopicAddress, item: Item) -> Subscription:
    return Subscription(
        address=address,
        connection_id=item["sk"],
        caller=_CALLER.decode(item["caller"]),
        checked_at=datetime.fromtimestamp(item["checked_at"], UTC),
        permission=Permission(item["permission"]),
        prefix=item.get("prefix"),
        keys=frozenset(item["keys"]) if "keys" in item else None,
    )

"""What a browser may ask on its socket: to look at topics. It publishes nothing."""

from datetime import datetime, timedelta

from chalicelib.core.actors import Caller, Permission
from chalicelib.core.frames import frames_of
from chalicelib.core.topics import TopicAddress, is_topic, microseconds
from chalicelib.ports.connections import Connection, Connections, Delivery, Post, Sockets, Subscription, Subscriptions
from chalicelib.ports.live import TopicReader
from chalicelib.wire.codec import encode
from chalicelib.wire.messages import Error, Floor, Resync, Subscribe, Unsubscribe

TOMBSTONES_LIVE = timedelta(hours=1)
OVERLAP = timedelta(seconds=60)  # writers give up after 30 s; clocks of functions differ by less
CHECK_EACH = timedelta(seconds=60)  # how long a viewer's permission is believed
MOST_RESUMED = 2000  # documents; painting anew is cheaper above
MAX_SUBSCRIPTIONS = 64  # of one socket
MAX_KEYS = 200
MAX_KEY_LENGTH = 512


def subscribe(
    connection: Connection,
    message: Subscribe,
    subscriptions: Subscriptions,
    topics: TopicReader,
    sockets: Sockets,
    now: datetime,
) -> str:
    """Remember the subscription, then answer the floor and what changed since; what became of it, for the log.

    Remembered first, so that nothing falls between what is answered here and what `relay` sends.
    """
    caller = connection.caller
    refusal = _refusal(caller, message, connection.id, subscriptions)
    if caller is None or refusal is not None:
        sockets.post(Post(connection.id, encode(refusal or Error("not_allowed", "this socket may look at nothing"))))
        return "refused"
    address = TopicAddress(caller.organization_id, message.topic)
    keys = frozenset(message.keys) if message.keys is not None else None
    due_at = now - CHECK_EACH  # looked up with the first delivery: the session may have ended since its ticket
    subscription = Subscription(address, connection.id, caller, due_at, prefix=message.prefix, keys=keys)
    subscriptions.add(subscription)
    for text in _answer(subscription, message.since, topics, now):
        if sockets.post(Post(connection.id, text)) is Delivery.GONE:
            return "gone"
    return "subscribed"


def unsubscribe(connection: Connection, message: Unsubscribe, subscriptions: Subscriptions) -> str:
    """Forget the subscription."""
    if connection.caller is not None and is_topic(message.topic):
        subscriptions.remove(TopicAddress(connection.caller.organization_id, message.topic), connection.id)
    return "unsubscribed"


def refuse_command(connection: Connection, request_id: str, sockets: Sockets) -> str:
    """Commands are not taken by these functions yet: say so to the one who asked."""
    sockets.post(Post(connection.id, encode(Error("not_able", "commands are not supported", request_id[:64]))))
    return "not_able"


def close_if_gone(outcome: str, connection: Connection, connections: Connections) -> str:
    """Forget a socket that turned out to be closed; answers the outcome."""
    if outcome == "gone":
        connections.close(connection.id)
    return outcome


def _refusal(
    caller: Caller | None, message: Subscribe, connection_id: str, subscriptions: Subscriptions
) -> Error | None:
    if caller is None or not caller.may(Permission.READ) or caller.environments:
        return Error("not_allowed", f"needs the permission {Permission.READ.value}")
    if not is_topic(message.topic):
        return Error("not_found", f"there is no topic {message.topic[:80]!r}")
    keys = message.keys or []
    if len(keys) > MAX_KEYS or any(len(key) > MAX_KEY_LENGTH for key in [*keys, message.prefix or ""]):
        return Error("invalid", f"at most {MAX_KEYS} keys of {MAX_KEY_LENGTH} characters")
    if subscriptions.count(connection_id) >= MAX_SUBSCRIPTIONS:
        return Error("invalid", f"at most {MAX_SUBSCRIPTIONS} topics on one socket")
    return None


def _answer(subscription: Subscription, since: int | None, topics: TopicReader, now: datetime) -> list[str]:
    address, now_us = subscription.address, microseconds(now)
    floor = encode(Floor(address.topic, topics.floor(address)))
    if since is None:
        return [floor]
    resync = [encode(Resync(address.topic)), floor]  # the floor last: `resync` forgets it too
    if since < microseconds(now - TOMBSTONES_LIVE):
        return resync
    docs = topics.changed_since(address, since - microseconds_of(OVERLAP), most=MOST_RESUMED)
    if docs is None:
        return resync
    wanted = [doc for doc in docs if subscription.wants(doc.key)]
    frames = frames_of(address.topic, wanted, now_us)
    return [floor, *frames.texts]


def microseconds_of(span: timedelta) -> int:
    """Whole microseconds of a span."""
    return span // timedelta(microseconds=1)

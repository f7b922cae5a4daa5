"""What was stored goes to the browsers that look at it: merged per topic and key, in parallel, twice a second at most.

A batch may repeat and its folds do not mind. A viewer that does not take a frame in time is cut, so that it comes back
and resumes: a change is late then, never lost. One topic's trouble is kept from the others' viewers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.core.errors import StoreUnavailable, Unavailable
from chalicelib.core.frames import frames_of
from chalicelib.core.topics import TopicAddress
from chalicelib.ports.connections import Access, Connections, Delivery, Post, Sockets, Subscription, Subscriptions
from chalicelib.ports.live import Change, DocumentChanged, FloorRaised, Pace, Unreadable
from chalicelib.usecases.live_browser import CHECK_EACH
from chalicelib.wire.codec import encode
from chalicelib.wire.messages import Document, Floor, Resync

FRAME_SPACING_SECONDS = 0.5  # 2 frames a second per topic and viewer
MAX_ROUNDS = 8  # frames of one batch to one viewer of a topic; more is cheaper to paint anew
MAX_CHECKS = 50  # permissions looked up in one batch; the rest are in the next


@dataclass(slots=True)
class News:
    """What changed in one topic: the newest version of each key, the highest floor, or that it must be painted anew."""

    docs: dict[str, Document] = field(default_factory=dict)
    changed_at: int = 0
    floor: int = 0
    resync: bool = False


@dataclass(slots=True)
class Relayed:
    """What a batch came to, for the log."""

    topics: int = 0
    frames: int = 0
    gone: int = 0
    cut: int = 0
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class RelayPorts:
    """All that relaying needs."""

    subscriptions: Subscriptions
    connections: Connections
    sockets: Sockets
    access: Access
    pace: Pace


def relay(changes: Iterable[Change], ports: RelayPorts, now: datetime) -> Relayed:
    """Send a batch of changes to who looks at them; takes at least 500 ms, or no time when nothing changed.

    Most items of both tables are no documents, and their batches must not hold up a change that follows.

    Raises:
        StoreUnavailable: some topics' viewers could not be found; the batch is to be tried again.
    """
    started = ports.pace.monotonic()
    news = merge_changes(changes)
    if not news:
        return Relayed()
    relayed = Relayed(len(news), unreadable=sum(1 for topic in news.values() if topic.resync))
    viewers = ports.subscriptions.of_topics(list(news))
    allowed = _still_allowed([viewer for found in viewers.values() for viewer in found], ports, now, relayed)
    rounds = _send(_queues(news, allowed), started, ports, relayed)
    _wait_until(started + FRAME_SPACING_SECONDS * max(rounds, 1), ports.pace)
    missing = [address.topic for address in news if address not in viewers]
    if missing:
        raise StoreUnavailable(f"the viewers of {len(missing)} topics could not be found")
    return relayed


def merge_changes(changes: Iterable[Change]) -> dict[TopicAddress, News]:
    """The news of each topic, whatever order and repetition the changes come in."""
    news: dict[TopicAddress, News] = {}
    for change in changes:
        topic = news.setdefault(change.address, News())
        match change:
            case DocumentChanged(_, doc, changed_at):
                topic.changed_at = max(topic.changed_at, changed_at)
                if doc.key not in topic.docs or doc.seq > topic.docs[doc.key].seq:
                    topic.docs[doc.key] = doc
            case FloorRaised(_, seq):
                topic.floor = max(topic.floor, seq)
            case Unreadable():
                topic.resync = True
    return news


def texts_for(topic: str, news: News, subscription: Subscription) -> list[str]:
    """The frames of a topic's news for one viewer, in the order they are to be sent."""
    floor = [encode(Floor(topic, news.floor))] if news.floor else []
    if news.resync:
        return [encode(Resync(topic)), *floor]
    wanted = [doc for doc in news.docs.values() if subscription.wants(doc.key)]
    frames = frames_of(topic, wanted, news.changed_at)
    if frames.oversized or len(floor) + len(frames.texts) > MAX_ROUNDS:
        return [encode(Resync(topic)), *floor]
    return [*floor, *frames.texts]


def _queues(news: Mapping[TopicAddress, News], viewers: Iterable[Subscription]) -> list[tuple[str, list[str]]]:
    """What each viewer of each topic is to get. Viewers who look at the same share the texts."""
    made: dict[tuple[TopicAddress, str | None, frozenset[str] | None], list[str]] = {}
    queues: list[tuple[str, list[str]]] = []
    for viewer in viewers:
        choice = (viewer.address, viewer.prefix, viewer.keys)
        if choice not in made:
            made[choice] = texts_for(viewer.address.topic, news[viewer.address], viewer)
        queues.append((viewer.connection_id, made[choice]))
    return queues


def _send(queues: list[tuple[str, list[str]]], started: float, ports: RelayPorts, relayed: Relayed) -> int:
    """Send the first frame to all, half a second later the second, and so on; how many rounds there were."""
    lost: set[str] = set()
    rounds = max((len(texts) for _, texts in queues), default=0)
    for number in range(rounds):
        _wait_until(started + FRAME_SPACING_SECONDS * number, ports.pace)
        posts = [Post(to, texts[number]) for to, texts in queues if number < len(texts) and to not in lost]
        deliveries = ports.sockets.post_all(posts)
        relayed.frames += deliveries.count(Delivery.SENT)
        failed = {post.connection_id: how for post, how in zip(posts, deliveries, strict=True) if how != Delivery.SENT}
        for connection_id, how in failed.items():
            _lose(connection_id, how, ports, relayed)
        lost |= failed.keys()
    return rounds


def _lose(connection_id: str, how: Delivery, ports: RelayPorts, relayed: Relayed) -> None:
    ports.connections.close(connection_id)
    if how is Delivery.GONE:
        relayed.gone += 1
    else:
        ports.sockets.close(connection_id)
        relayed.cut += 1


def _still_allowed(
    viewers: list[Subscription], ports: RelayPorts, now: datetime, relayed: Relayed
) -> list[Subscription]:
    """The viewers whose session still may; each is looked up once a minute at most, those who may not are cut."""
    due = [viewer for viewer in viewers if now - viewer.checked_at >= CHECK_EACH][:MAX_CHECKS]
    cut: set[str] = set()
    for viewer in due:
        if viewer.connection_id in cut:
            continue
        if _may_still(viewer, ports.access):
            ports.subscriptions.checked(viewer, now)
        else:
            cut.add(viewer.connection_id)
            _lose(viewer.connection_id, Delivery.FAILED, ports, relayed)
    return [viewer for viewer in viewers if viewer.connection_id not in cut]


def _may_still(viewer: Subscription, access: Access) -> bool:
    try:
        return viewer.permission in access.permissions_of(viewer.caller)
    except Unavailable:
        return True  # not told otherwise: asked again with the next batch


def _wait_until(moment: float, pace: Pace) -> None:
    left = moment - pace.monotonic()
    if left > 0:
        pace.sleep(left)

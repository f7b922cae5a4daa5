"""The use cases of live state over fakes: what a test holds in its hands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from chalicelib.core.actors import Actor, Caller, Permission
from chalicelib.core.topics import TopicAddress, microseconds
from chalicelib.ports.connections import AgentIdentity
from chalicelib.ports.live import LivePorts
from chalicelib.usecases.live_agent import Heard
from chalicelib.usecases.live_connect import connect, issue_ticket
from chalicelib.usecases.live_message import receive
from chalicelib.usecases.live_relay import RelayPorts
from chalicelib.wire import bodies
from chalicelib.wire.codec import encode
from chalicelib.wire.messages import AgentDocs, AgentFloor, Document, Hello
from tests.fakes_live import (
    FakeAccess,
    FakeAgentKeys,
    FakeClock,
    FakeConnections,
    FakeDocuments,
    FakePace,
    FakePresence,
    FakeProgress,
    FakeSockets,
    FakeSubscriptions,
    FakeTickets,
)

AGENT = AgentIdentity("acme", "e1", "staging", "k1", {"flux-system/apps": "*"})
CALLER = Caller("acme", Actor("person", "p1", "Ada"), frozenset({Permission.READ}), (), "s1")
ENV = TopicAddress("acme", "env:e1")
APPS = TopicAddress("acme", "apps")


@dataclass
class Rig:
    """All fakes, wired."""

    documents: FakeDocuments = field(default_factory=FakeDocuments)
    subscriptions: FakeSubscriptions = field(default_factory=FakeSubscriptions)
    sockets: FakeSockets = field(default_factory=FakeSockets)
    presence: FakePresence = field(default_factory=FakePresence)
    progress: FakeProgress = field(default_factory=FakeProgress)
    tickets: FakeTickets = field(default_factory=FakeTickets)
    access: FakeAccess = field(default_factory=lambda: FakeAccess({"s1": frozenset({Permission.READ})}))
    keys: FakeAgentKeys = field(default_factory=lambda: FakeAgentKeys({"secret": AGENT}))
    pace: FakePace = field(default_factory=FakePace)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.connections = FakeConnections(self.subscriptions)
        self.live = LivePorts(
            documents=self.documents,
            topics=self.documents,
            cards=self.documents,
            connections=self.connections,
            subscriptions=self.subscriptions,
            sockets=self.sockets,
            presence=self.presence,
            progress=self.progress,
        )
        self.relaying = RelayPorts(self.subscriptions, self.connections, self.sockets, self.access, self.pace)

    @property
    def now_us(self) -> int:
        return microseconds(self.clock.now)

    def open_agent(self, name: str = "a1") -> str:
        headers = {"authorization": "Bearer secret"}
        assert connect(name, headers, self.connections, self.keys, self.tickets, self.clock.now).status == 200
        return name

    def greet_agent(self, name: str = "a1") -> str:
        self.open_agent(name)
        self.say(name, Hello(1, "i1", "0.1", "v1.36"))
        return name

    def open_browser(self, name: str = "b1", caller: Caller = CALLER) -> str:
        ticket = issue_ticket(caller, self.tickets, self.clock.now).ticket
        headers = {"Sec-WebSocket-Protocol": f"gimlet.v1, ticket.{ticket}"}
        assert connect(name, headers, self.connections, self.keys, self.tickets, self.clock.now).status == 200
        return name

    def say(self, name: str, message: Any) -> Heard:
        return receive(name, encode(message), self.live, self.clock.now)

    def send(self, name: str, *docs: Document, frame: int = 1) -> Heard:
        return self.say(name, AgentDocs(frame, list(docs)))

    def floor(self, name: str, seq: int) -> Heard:
        return self.say(name, AgentFloor(seq))

    def heard_by(self, name: str) -> list[dict[str, Any]]:
        """What a socket was sent since the last look, decoded."""
        texts = self.sockets.texts_to(name)
        self.sockets.sent = [post for post in self.sockets.sent if post.connection_id != name]
        return [msgspec.json.decode(text) for text in texts]

    def card(self, key: str = "shop/e1") -> dict[str, Any] | None:
        doc = self.documents.get(APPS, key)
        return doc.body if doc is not None else None


def app_doc(seq: int, *, app: str = "shop", ready: int = 1, wanted: int = 1, **more: Any) -> Document:
    workload = bodies.Workload(
        kind="Deployment",
        namespace="staging",
        name=app,
        wanted=wanted,
        updated=wanted,
        ready=ready,
        available=ready,
    )
    body = bodies.App(app=app, workloads=[workload], **more)
    return Document(f"app/{app}", seq, msgspec.to_builtins(body))


def pod_doc(seq: int, name: str = "shop-1") -> Document:
    body = bodies.Pod(namespace="staging", name=name, state="Running", ready=True)
    return Document(f"pod/shop/staging/{name}", seq, msgspec.to_builtins(body))

"""The whole Chalice app in process, as API Gateway calls it: real routes and use cases over the fakes of all ports."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec
import pytest

import app as functions
from chalicelib import wiring
from chalicelib.core.actors import Caller, Scope
from chalicelib.core.projections import projection_of
from chalicelib.core.topics import TopicAddress
from chalicelib.ports.connections import AgentIdentity
from chalicelib.ports.live import LivePorts
from chalicelib.ports.records import Create, Put, Replace, ShowCard, Write
from chalicelib.settings import settings
from chalicelib.usecases.authenticate import sign_in
from chalicelib.usecases.bootstrap import make_organization, make_sign_in_code
from chalicelib.usecases.live_records import RecordedAgentKeys, RecordedPresence, RecordedProgress
from chalicelib.usecases.tokens import make_token
from chalicelib.wire.messages import Document
from infra.local.gateway_rest import Routes
from tests.fakes_live import (
    FakeConnections,
    FakeDocuments,
    FakePace,
    FakeSockets,
    FakeSubscriptions,
    FakeTickets,
)
from tests.fakes_records import FakeRecords
from tests.functional.road.town import ADMIN, Town

PUBLIC_URL = "https://gimlet.example"
BINARY = "application/octet-stream"
SETTINGS = {
    "RECORDS_TABLE": "records",
    "DOCUMENTS_TABLE": "documents",
    "INTAKE_QUEUE_URL": "https://queue.example/intake",
    "RENDER_QUEUE_URL": "https://queue.example/render",
    "TRAIN_QUEUE_URL": "https://queue.example/train.fifo",
    "BUCKET": "bucket",
    "PUBLIC_URL": PUBLIC_URL,
    "WEBSOCKET_ENDPOINT": "https://socket.example",
    "RENDER_FUNCTION": "render",
}


@dataclass
class Reply:
    """An answer. `body` is the decoded JSON, none when there is no text."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text) if self.text else None


@dataclass
class ShownRecords(FakeRecords):
    """Records whose documents can be read in their topics, as the real table shows them."""

    documents: FakeDocuments = field(default_factory=FakeDocuments)
    now_us: int = 1

    def _apply(self, write: Write) -> None:
        super()._apply(write)
        match write:
            case Create(record) | Replace(record) | Put(record):
                self._project(record)
            case ShowCard(app):
                card = self.cards[app.app, app.environment_id]
                self.documents.write_release_side(app.organization_id, card, app.version, self.now_us)

    def _project(self, record: Any) -> None:
        shown = projection_of(record)
        if shown is not None:
            doc = Document(shown.key, record.version, msgspec.to_builtins(shown.body))
            self.documents.store(TopicAddress(record.organization_id, shown.topic), [doc], self.now_us)


@dataclass
class FakeRenderCall:
    """The image function, as far as the API sees it."""

    answer: dict[str, Any] = field(default_factory=lambda: {"valid": True, "errors": [], "notes": [], "manifests": []})
    asked: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(request)
        return self.answer


@dataclass
class Gate:
    """One running API: `call` is a request to it, `town` everything behind it."""

    town: Town
    documents: FakeDocuments
    subscriptions: FakeSubscriptions = field(default_factory=FakeSubscriptions)
    connections: FakeConnections = field(init=False)
    sockets: FakeSockets = field(default_factory=FakeSockets)
    tickets: FakeTickets = field(default_factory=FakeTickets)
    pace: FakePace = field(default_factory=FakePace)
    render_call: FakeRenderCall = field(default_factory=FakeRenderCall)
    routes: Routes = field(default_factory=lambda: Routes(functions.app.routes))
    token: str = ""

    def __post_init__(self) -> None:
        self.connections = FakeConnections(self.subscriptions)
        make_organization("acme", "Acme", self.town.records)
        self.token = self.new_token(Scope.ADMIN)

    @property
    def live(self) -> LivePorts:
        """What a message of a socket may need."""
        town, documents = self.town, self.documents
        progress = RecordedProgress(town.records, documents, town.queues, town.clock)
        return LivePorts(
            documents=documents,
            topics=documents,
            cards=documents,
            connections=self.connections,
            subscriptions=self.subscriptions,
            sockets=self.sockets,
            presence=RecordedPresence(town.records),
            progress=progress,
        )

    def agent_of(self, key: str) -> AgentIdentity | None:
        """Whose agent a key is."""
        return RecordedAgentKeys(self.town.records).agent_of(key, self.town.clock())

    def new_token(self, *scopes: Scope, organization: str = "acme", environments: tuple[str, ...] = ()) -> str:
        """An API token of an organisation."""
        admin = Caller(organization, ADMIN.actor, ADMIN.permissions)
        parts = (self.town.records, self.town.clock, self.town.chance)
        return make_token(admin, "ci", scopes, *parts, environments=environments)[1]

    def new_session(self, organization: str = "acme") -> str:
        """A signed-in admin's cookie value."""
        parts = (self.town.records, self.town.clock, self.town.chance)
        return sign_in(make_sign_in_code(organization, ADMIN.actor, *parts), *parts)

    def new_organization(self, organization: str) -> str:
        """Another tenant; answers its admin's token."""
        make_organization(organization, organization.title(), self.town.records)
        return self.new_token(Scope.ADMIN, organization=organization)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """A request with a token (none when empty). `body`: bytes and text go as they are, all else as JSON."""
        given = {"Host": "gimlet.example", **(headers or {})}
        bearer = self.token if token is None else token
        if bearer and "Authorization" not in given:
            given["Authorization"] = f"Bearer {bearer}"
        raw = body if isinstance(body, bytes) else (body or "").encode() if isinstance(body, str | None) else None
        answer = functions.app(self.event(method, path, given, json.dumps(body).encode() if raw is None else raw), None)
        many = {name: values[-1] for name, values in answer["multiValueHeaders"].items()}
        return Reply(answer["statusCode"], {**answer["headers"], **many}, answer["body"])

    def browse(self, session: str, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """A request by cookie from our own page; `headers` replace what the page sends (`_` for `-`)."""
        ours = {"Cookie": f"__Host-gimlet={session}", "Origin": PUBLIC_URL, "X-Gimlet-CSRF": "1"}
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call(method, path, body, token="", headers={k: v for k, v in (ours | changed).items() if v})

    def event(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """The proxy event of a request, as `infra/local/gateway_rest.py` makes it."""
        path, _, query_text = target.partition("?")
        matched = self.routes.match(path)
        assert matched is not None, f"API Gateway has no route for {path}"
        query = parse_qs(query_text, keep_blank_values=True)
        binary = headers.get("Content-Type") == BINARY
        return {
            "resource": matched[0],
            "path": unquote(path),
            "httpMethod": method,
            "headers": dict(headers),
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
            "multiValueQueryStringParameters": query or None,
            "pathParameters": matched[1] or None,
            "stageVariables": None,
            "requestContext": {"resourcePath": matched[0], "httpMethod": method, "requestId": "request-1"},
            "body": (base64.b64encode(body).decode() if binary else body.decode("utf-8", "replace")) or None,
            "isBase64Encoded": binary and bool(body),
        }


@contextmanager
def open_gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """The app with fakes behind it; the composition root is the only thing replaced."""
    documents = FakeDocuments()
    town = Town(records=ShownRecords(documents=documents))
    gate = Gate(town, documents)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("LOCAL", raising=False)
    settings.cache_clear()
    for name, port in _ports(gate).items():
        monkeypatch.setattr(wiring, name, lambda port=port: port)
    yield gate
    settings.cache_clear()


def _ports(gate: Gate) -> dict[str, Any]:
    town = gate.town
    return {
        "records": town.records,
        "queues": town.queues,
        "secrets": town.secrets,
        "clock": town.clock,
        "chance": town.chance,
        "topics": gate.documents,
        "documents": gate.documents,
        "connections": gate.connections,
        "sockets": gate.sockets,
        "tickets": gate.tickets,
        "pace": gate.pace,
        "presence": RecordedPresence(town.records),
        "agent_keys": RecordedAgentKeys(town.records),
        "render_call": gate.render_call,
    }

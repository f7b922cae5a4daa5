"""Messages of the live stream: JSON text frames of at most 32 KB, tagged unions on `type`.

Unknown fields are ignored; an unknown `type` is an `UnknownMessage` for the caller to count and drop.
Who may send what is in the names of the unions at the end.
"""

from typing import Any

import msgspec

MAX_MESSAGE_BYTES = 32 * 1024  # one API Gateway WebSocket frame; longer messages would be split and billed apart
PROTOCOL = "gimlet.v1"  # WebSocket subprotocol of browsers
TICKET_PREFIX = "ticket."  # a browser offers `gimlet.v1, ticket.<value>`; only `gimlet.v1` is answered
MAX_SEQ = 2**53 - 1  # the largest integer a browser holds exactly


class Document(msgspec.Struct, frozen=True, omit_defaults=True):
    """One version of one key of a topic. `body` none is a tombstone. `seq` orders versions of this key only."""

    key: str
    seq: int
    body: dict[str, Any] | None = None


# ---- agent → us


class Hello(msgspec.Struct, tag="hello", tag_field="type", frozen=True):
    """First message of an agent. `instance` is new at every start; `capabilities` name commands it can do."""

    protocol: int
    instance: str
    agent_version: str = ""
    kubernetes_version: str = ""
    capabilities: list[str] = []


class AgentDocs(msgspec.Struct, tag="docs", tag_field="type", frozen=True):
    """Documents of the agent's own environment; `frame` is named in our `ack` once they are stored."""

    frame: int
    docs: list[Document]


class AgentFloor(msgspec.Struct, tag="floor", tag_field="type", frozen=True):
    """Forget every document with a seq at or below this one."""

    seq: int


class Heartbeat(msgspec.Struct, tag="heartbeat", tag_field="type", frozen=True):
    """Every 60 s; writes nothing."""

    seq: int


class AgentResult(msgspec.Struct, tag="result", tag_field="type", frozen=True, omit_defaults=True):
    """A part of a command's answer; `done` with the last one."""

    request_id: str
    part: int = 0
    done: bool = True
    data: Any = None
    error: str | None = None


# ---- us → agent


class Welcome(msgspec.Struct, tag="welcome", tag_field="type", frozen=True):
    """What we hold of the environment, sent after each `hello`, and after a heartbeat every 10 minutes.

    `seq` is the highest number we ever accepted, tombstones and floor included; `count` and `digest` (`codec.digest`)
    are of the documents that live: above the floor and no tombstones. `environment` is the name that labels carry;
    `adopted` maps `namespace/kustomization` to an app, or `*` for all.
    """

    seq: int
    count: int
    digest: str
    environment: str = ""
    adopted: dict[str, str] = {}


class Ack(msgspec.Struct, tag="ack", tag_field="type", frozen=True):
    """These frames are stored. Never means "up to"."""

    frames: list[int]


class Refresh(msgspec.Struct, tag="refresh", tag_field="type", frozen=True):
    """Send every document again with new numbers, then raise the floor."""


class AgentCommand(msgspec.Struct, tag="command", tag_field="type", frozen=True):
    """Do this for somebody who may; answer `result` before `deadline` (unix seconds)."""

    request_id: str
    action: str
    arguments: dict[str, Any] = {}
    deadline: int = 0


class Cancel(msgspec.Struct, tag="cancel", tag_field="type", frozen=True):
    """Stop working on this request."""

    request_id: str


class Bye(msgspec.Struct, tag="bye", tag_field="type", frozen=True):
    """We close: `replaced`, `revoked`, `shutdown`."""

    reason: str


# ---- browser → us


class Subscribe(msgspec.Struct, tag="subscribe", tag_field="type", frozen=True, omit_defaults=True):
    """Watch a topic, all of it, a prefix of its keys, or some keys. `since` is the highest `changed_at` seen (µs)."""

    topic: str
    prefix: str | None = None
    keys: list[str] | None = None
    since: int | None = None


class Unsubscribe(msgspec.Struct, tag="unsubscribe", tag_field="type", frozen=True):
    """No longer watch a topic."""

    topic: str


class BrowserCommand(msgspec.Struct, tag="command", tag_field="type", frozen=True):
    """Ask the agent of an environment to do something."""

    request_id: str
    environment: str
    action: str
    arguments: dict[str, Any] = {}


class Ping(msgspec.Struct, tag="ping", tag_field="type", frozen=True):
    """Keep the connection, and these requests, alive."""

    request_ids: list[str] = []


# ---- us → browser


class Docs(msgspec.Struct, tag="docs", tag_field="type", frozen=True):
    """Changed documents of a topic; `changed_at` (µs) is what to resume from."""

    topic: str
    docs: list[Document]
    changed_at: int


class Floor(msgspec.Struct, tag="floor", tag_field="type", frozen=True):
    """Forget every document of the topic with a seq at or below this one."""

    topic: str
    seq: int


class Resync(msgspec.Struct, tag="resync", tag_field="type", frozen=True):
    """Forget the topic and fetch it anew: what changed since is no longer known."""

    topic: str


class BrowserResult(msgspec.Struct, tag="result", tag_field="type", frozen=True, omit_defaults=True):
    """A part of the answer to this browser's own command."""

    request_id: str
    part: int = 0
    done: bool = True
    data: Any = None
    error: str | None = None


class Error(msgspec.Struct, tag="error", tag_field="type", frozen=True, omit_defaults=True):
    """The message was understood and refused: `not_allowed`, `not_found`, `invalid`, `not_able`."""

    code: str
    message: str
    request_id: str | None = None


FromAgent = Hello | AgentDocs | AgentFloor | Heartbeat | AgentResult
ToAgent = Welcome | Ack | Refresh | AgentCommand | Cancel | Bye
FromBrowser = Subscribe | Unsubscribe | BrowserCommand | Cancel | Ping
ToBrowser = Docs | Floor | Resync | BrowserResult | Error

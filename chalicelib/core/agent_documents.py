"""What an agent may send: its own environment's keys, bounded bodies of the known shapes, numbers that lock nothing.

An agent may be taken over: a document that breaks a rule is refused alone, and the reason is for the log.
"""

import re
from dataclasses import dataclass

import msgspec

from chalicelib.core.documents import is_acceptable_seq
from chalicelib.core.health import instant
from chalicelib.wire import bodies
from chalicelib.wire.codec import size_bytes
from chalicelib.wire.messages import Document

MAX_KEY_BYTES = 512
MAX_BODY_BYTES = 24 * 1024
MAX_POD_BYTES = 1200  # agents keep to 600; two of them so that a longer name breaks nothing

_PART = r"[A-Za-z0-9._:-]{1,253}"
_SHAPES: tuple[tuple[re.Pattern[str], type[msgspec.Struct]], ...] = (
    (re.compile(rf"app/(?P<app>{_PART})"), bodies.App),
    (re.compile(rf"pod/{_PART}/(?P<namespace>{_PART})/(?P<name>{_PART})"), bodies.Pod),
    (re.compile(rf"events/(?P<app>{_PART})"), bodies.Events),
    (re.compile(rf"flux/(?P<kind>{_PART})/(?P<namespace>{_PART})/(?P<name>{_PART})"), bodies.FluxObject),
    (re.compile(rf"namespace/(?P<namespace>{_PART})"), bodies.Namespace),
    (re.compile(r"cluster"), bodies.Cluster),
)
APP_PREFIX = "app/"


class BadDocument(ValueError):
    """A document that an agent may not send; the message says why."""


@dataclass(frozen=True, slots=True)
class AgentDocument:
    """A checked document and its body, typed; none for a tombstone."""

    doc: Document
    body: msgspec.Struct | None


def check_agent_document(doc: Document, *, now_us: int) -> AgentDocument:
    """The document with its body typed.

    Raises:
        BadDocument: its number, key, size or body is not one that an agent may send.
    """
    if not is_acceptable_seq(doc.seq, now_us=now_us):
        raise BadDocument(f"number {doc.seq} is negative or too far ahead")
    if len(doc.key.encode()) > MAX_KEY_BYTES:
        raise BadDocument(f"key {doc.key[:60]!r}… is over {MAX_KEY_BYTES} bytes")
    return AgentDocument(doc, body_of(doc))


def body_of(doc: Document) -> msgspec.Struct | None:
    """The typed body of a document by its key; none for a tombstone. Raises `BadDocument`."""
    match, shape = _shape_of(doc.key)
    if doc.body is None:
        return None
    limit = MAX_POD_BYTES if shape is bodies.Pod else MAX_BODY_BYTES
    if size_bytes(doc.body) > limit:
        raise BadDocument(f"body of {doc.key} is over {limit} bytes")
    try:
        body = msgspec.convert(doc.body, shape)
        _check_instants(body)
    except (msgspec.ValidationError, ValueError) as error:
        raise BadDocument(f"body of {doc.key} is not a {shape.__name__}: {str(error)[:120]}") from error
    told = {name: getattr(body, name) for name in match.groupdict()}
    if told != match.groupdict():
        raise BadDocument(f"body of {doc.key} speaks of something else")
    return body


def kustomization_of(checked: AgentDocument) -> tuple[str, bodies.FluxObject] | None:
    """The app and the state of its Kustomization, where the document tells of one."""
    body = checked.body
    if isinstance(body, bodies.App) and body.kustomization is not None:
        return body.app, body.kustomization
    if isinstance(body, bodies.FluxObject) and body.kind == "Kustomization" and body.app:
        return body.app, body
    return None


def _shape_of(key: str) -> tuple[re.Match[str], type[msgspec.Struct]]:
    for pattern, shape in _SHAPES:
        match = pattern.fullmatch(key)
        if match is not None:
            return match, shape
    raise BadDocument(f"key {key[:60]!r} is not one of an environment")


def _check_instants(body: msgspec.Struct) -> None:
    pods = body.pods if isinstance(body, bodies.App) else [body] if isinstance(body, bodies.Pod) else []
    for pod in pods:
        if pod.since:
            instant(pod.since)

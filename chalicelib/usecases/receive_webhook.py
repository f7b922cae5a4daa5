"""A webhook delivery at the door: checked, then handed to `intake`. At most three calls to managed services."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from chalicelib.core.deliveries import decode, delivery_id, is_signed
from chalicelib.core.errors import NotFound, SignatureMismatch, TooLarge, Unavailable
from chalicelib.core.identity import derive_id
from chalicelib.core.payloads import Event, Ignored, Ping, PullRequest, Push, RefDeleted
from chalicelib.core.records import delivery_key
from chalicelib.core.repositories import Delivery, Hook, Host
from chalicelib.ports.queues import Queues
from chalicelib.ports.records import Records
from chalicelib.ports.stores import Clock, Secrets
from chalicelib.usecases.repositories import get_hook

MAX_BODY_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a delivery: `accepted`, `processed` already, `pong`, or `ignored`."""

    outcome: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A delivery as it came: header names in lower case, raw bytes."""

    provider: str
    hook_id: str
    headers: Mapping[str, str]
    body: bytes


def receive_webhook(arrival: Arrival, records: Records, secrets: Secrets, queues: Queues, clock: Clock) -> Receipt:
    """Check size, then signature, then whether it is known; only then look inside and enqueue.

    Raises:
        TooLarge, NotFound, SignatureMismatch, Rejected: the host must change something.
        Unavailable: no secret is configured, or the store or queue does not answer.
    """
    if len(arrival.body) > MAX_BODY_BYTES:
        raise TooLarge(f"a webhook body may have {MAX_BODY_BYTES} bytes")
    hook = get_hook(arrival.hook_id, records)
    if hook is None or hook.provider != arrival.provider:
        raise NotFound(f"there is no {arrival.provider[:20]} webhook {arrival.hook_id[:40]!r}")
    _verify(arrival, hook, secrets)
    given = delivery_id(hook.provider, arrival.headers)
    if given and _is_processed(hook, given, records):
        return Receipt("processed")
    event = decode(hook.provider, arrival.headers, arrival.body)
    if isinstance(event, Ping):
        return Receipt("pong")
    facts = _facts(event)
    if facts is None:
        name = event.event if isinstance(event, Ignored) else type(event).__name__
        return Receipt("ignored", f"event {name!r} changes nothing")
    queues.send_intake({**_envelope(arrival, hook, given, clock()), **facts})
    return Receipt("accepted")


def _is_processed(hook: Hook, given: str, records: Records) -> bool:
    return records.get(Delivery, delivery_key(hook.organization_id, hook.provider, given)) is not None


def _facts(event: Event) -> dict[str, Any] | None:
    """The decoded event as `intake` is told it, at most a few KB; none for one that changes nothing."""
    match event:
        case Push(ref, before, after):
            return {"kind": "push", "ref": ref, "before": before, "after": after}
        case RefDeleted(ref):
            return {"kind": "deleted", "ref": ref}
        case PullRequest():
            return {"kind": "pull_request", "pull": msgspec.to_builtins(event)}
        case _:
            return None


def _envelope(arrival: Arrival, hook: Hook, given: str, now: datetime) -> dict[str, Any]:
    """Whose event it is. A host that names no delivery may send the same body twice and mean it."""
    return {
        "organization_id": hook.organization_id,
        "repository_id": hook.repository_id,
        "provider": hook.provider,
        "delivery_id": given or derive_id("delivery", sha256(arrival.body).hexdigest(), now.isoformat()),
        "received_at": now.isoformat(),
    }


def _verify(arrival: Arrival, hook: Hook, secrets: Secrets) -> None:
    for fresh in (False, True):  # a rotated secret is read again once before the signature counts as wrong
        secret = secrets.get(hook.secret, fresh=fresh)
        if not secret:
            raise Unavailable("no secret is configured for this webhook", retry_after_seconds=60)
        if is_signed(Host(arrival.provider), arrival.headers, arrival.body, secret):
            return
    raise SignatureMismatch("the signature does not fit this body")

"""A webhook delivery at the door: checked, then handed to `intake`. At most three calls to managed services."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.core.errors import NotFound, SignatureMismatch, TooLarge, Unavailable
from chalicelib.core.payloads import delivery_id, event_name, is_signed, read_push
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
    delivery = delivery_id(arrival.headers, arrival.body)
    event = event_name(hook.provider, arrival.headers)
    if event == "ping":
        return Receipt("pong")
    if event != "push":
        return Receipt("ignored", f"event {event[:40]!r} changes nothing yet")
    if records.get(Delivery, delivery_key(hook.organization_id, hook.provider, delivery)):
        return Receipt("processed")
    push = read_push(arrival.body)
    queues.send_intake(
        {
            "kind": "push",
            "organization_id": hook.organization_id,
            "repository_id": hook.repository_id,
            "provider": hook.provider,
            "delivery_id": delivery,
            "ref": push.ref,
            "before": push.before,
            "after": push.after,
            "received_at": clock().isoformat(),
        },
    )
    return Receipt("accepted")


def _verify(arrival: Arrival, hook: Hook, secrets: Secrets) -> None:
    for fresh in (False, True):  # a rotated secret is read again once before the signature counts as wrong
        secret = secrets.get(hook.secret, fresh=fresh)
        if not secret:
            raise Unavailable("no secret is configured for this webhook", retry_after_seconds=60)
        if is_signed(Host(arrival.provider), arrival.headers, arrival.body, secret):
            return
    raise SignatureMismatch("the signature does not fit this body")

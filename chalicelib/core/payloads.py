"""What a Git host's webhook says, decoded to the few facts we act on. Unknown fields are ignored.

GitHub: docs.github.com/webhooks/webhook-events-and-payloads#push. A plain Git host posts `{ref, before, after}`.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from chalicelib.core.errors import Rejected
from chalicelib.core.repositories import Host

REF_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Push:
    """A ref moved. `before` is empty for a new ref, `after` for a deleted one."""

    ref: str
    before: str
    after: str


class _Push(msgspec.Struct):
    ref: str
    before: str
    after: str


def is_signed(provider: Host, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether the SHA-256 signature over the raw bytes is the secret's, compared in constant time."""
    name = "x-signature" if provider is Host.GIT else "x-hub-signature-256"
    expected = "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()
    return hmac.compare_digest(headers.get(name, "").encode(), expected.encode())


def event_name(provider: Host, headers: Mapping[str, str]) -> str:
    """The kind of event: what GitHub's header says; a plain Git host only has pushes."""
    return "push" if provider is Host.GIT else headers.get("x-github-event", "")


def delivery_id(headers: Mapping[str, str], body: bytes) -> str:
    """The delivery's id; made of the body where the host sends none. It is not signed, so it only saves work."""
    given = headers.get("x-github-delivery", "") or headers.get("x-delivery-id", "")
    return given[:100] if given else sha256(body).hexdigest()


def read_push(body: bytes) -> Push:
    """The push in a body. Raises `Rejected` with what is wrong."""
    try:
        push = msgspec.json.decode(body, type=_Push)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected(f"this is no push event: {error}"[:300]) from error
    if not push.ref.startswith(("refs/heads/", "refs/tags/")) or len(push.ref) > REF_LIMIT:
        raise Rejected(f"ref {push.ref[:80]!r} is neither a branch nor a tag")
    return Push(push.ref, _sha(push.before), _sha(push.after))


def is_nested_within(value: object, levels: int) -> bool:
    """Whether a decoded JSON value has at most so many levels of lists and objects in each other."""
    level = [value]
    for _ in range(levels + 1):
        level = [inner for outer in level if isinstance(outer, dict | list) for inner in _members(outer)]
        if not level:
            return True
    return False


def _members(outer: dict[object, object] | list[object]) -> list[object]:
    return list(outer.values()) if isinstance(outer, dict) else outer


def _sha(text: str) -> str:
    if len(text) not in (40, 64) or not set(text) <= set("0123456789abcdef"):
        raise Rejected(f"{text[:80]!r} is no commit id")
    return "" if set(text) == {"0"} else text

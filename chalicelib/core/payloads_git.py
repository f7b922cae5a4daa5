"""A post-receive hook of any host: JSON `{ref, before, after}`, signed in `X-Signature` (`docs/api.md`)."""

import msgspec

from chalicelib.core.payloads import Event, moved, read_body


class _Push(msgspec.Struct):
    ref: str
    before: str
    after: str


def decode(body: bytes) -> Event:
    """The event in a body. Raises `Rejected` with what is wrong."""
    push = read_body(body, _Push, "push")
    return moved(push.ref, push.before, push.after)

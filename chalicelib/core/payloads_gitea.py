"""Gitea's webhooks. Source: docs.gitea.com/usage/webhooks, and deliveries recorded from Gitea 1.26.

They carry GitHub's headers too, so `X-Gitea-Event` is looked at first. A branch's deletion is a `delete` alone, a
tag's a `push` and a `delete`; a new branch is a `create` and a `push`, in either order. There is no ping.
"""

from collections.abc import Callable

from chalicelib.core.payloads import Event, Ignored, short_text
from chalicelib.core.payloads_github import read_delete, read_pull_request, read_push, read_status

_READERS: dict[str, Callable[[bytes], Event]] = {
    "push": read_push,
    "delete": read_delete,
    "pull_request": read_pull_request,
    "pull_request_sync": read_pull_request,
    "pull_request_label": read_pull_request,
    "status": read_status,
}


def decode(event: str, body: bytes) -> Event:
    """The event in a body; `event` is what the header says. Raises `Rejected` with what is wrong."""
    reader = _READERS.get(event)
    return reader(body) if reader else Ignored(short_text(event, 40))

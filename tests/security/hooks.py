"""Deliveries as a Git host signs them, and as an attacker does."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from chalicelib.core.repositories import Repository
from tests.functional.api.gate import Gate, Reply

PUSH = {"ref": "refs/heads/main", "before": "0" * 40, "after": "a" * 40}


def secret_of(gate: Gate, repository: Repository) -> str:
    """The webhook secret of a repository."""
    return gate.town.secrets.kept[f"hooks/{repository.hook_id}"]


def sign(secret: str, body: bytes, algorithm: str = "sha256") -> str:
    """`sha256=<hex>`, as GitHub writes it."""
    return f"{algorithm}=" + hmac.new(secret.encode(), body, getattr(hashlib, algorithm)).hexdigest()


def deliver(
    gate: Gate,
    repository: Repository,
    payload: Any = None,
    *,
    event: str = "push",
    delivery: str = "d-1",
    signature: str | None = None,
    **more: str,
) -> Reply:
    """A GitHub-shaped delivery, signed with the hook's own secret unless `signature` is given."""
    body = json.dumps(PUSH if payload is None else payload).encode()
    headers = {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": sign(secret_of(gate, repository), body) if signature is None else signature,
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    sent = {name: value for name, value in headers.items() if value}
    return gate.call("POST", f"/hooks/github/{repository.hook_id}", body, token="", headers=sent)

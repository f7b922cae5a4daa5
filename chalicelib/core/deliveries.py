"""A webhook delivery of any host: is it signed with the hook's secret, what is its id, what does it tell.

Signatures are HMAC-SHA-256 over the raw bytes, compared in constant time; a SHA-1 signature alone counts for nothing.
Only bodies are signed, never headers: an id from a header may save work and nothing else.
"""

import hmac
from collections.abc import Mapping
from hashlib import sha256

from chalicelib.core import payloads_git, payloads_gitea, payloads_github, payloads_gitlab
from chalicelib.core.payloads import Event
from chalicelib.core.repositories import Host

ID_LIMIT = 100
Headers = Mapping[str, str]  # names in lower case


def is_signed(provider: Host, headers: Headers, body: bytes, secret: str) -> bool:
    """Whether the delivery proves that it knows `secret`. An empty secret is known by nobody."""
    if not secret:
        return False
    if provider is Host.GITLAB:
        return _same(headers.get("x-gitlab-token", ""), secret)
    return _same(_signature(provider, headers), hmac.new(secret.encode(), body, sha256).hexdigest())


def decode(provider: Host, headers: Headers, body: bytes) -> Event:
    """What the delivery tells. Raises `Rejected` with what is wrong."""
    if provider is Host.GITLAB:
        return payloads_gitlab.decode(headers.get("x-gitlab-event", ""), body)
    if provider is Host.GIT:
        return payloads_git.decode(body)
    if "x-gitea-event" in headers:
        return payloads_gitea.decode(headers["x-gitea-event"], body)
    return payloads_github.decode(headers.get("x-github-event", ""), body)


def delivery_id(provider: Host, headers: Headers) -> str:
    """The id that the host gave the delivery; empty where it gives none."""
    names = {
        Host.GITHUB: ("x-github-delivery",),
        Host.GITEA: ("x-gitea-delivery", "x-github-delivery"),
        Host.GITLAB: ("idempotency-key",),
        Host.GIT: ("x-delivery-id",),
    }[provider]
    return next((headers[name][:ID_LIMIT] for name in names if headers.get(name)), "")


def _signature(provider: Host, headers: Headers) -> str:
    if provider is Host.GITEA and "x-gitea-signature" in headers:
        return headers["x-gitea-signature"]
    name = "x-signature" if provider is Host.GIT else "x-hub-signature-256"
    kind, _, digest = headers.get(name, "").partition("=")
    return digest if kind == "sha256" else ""


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())

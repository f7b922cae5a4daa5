"""Organisations and what proves who acts in one: tokens, sessions, one-time codes. Only hashes are kept."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from chalicelib.core.actors import Actor, Scope

TOKEN_LIFE = timedelta(days=90)
SESSION_LIFE = timedelta(days=7)
SESSION_IDLE = timedelta(hours=12)
CODE_LIFE = timedelta(minutes=30)
_TOKEN = re.compile(r"gim_([0-9a-z]{16})_([0-9A-Za-z_-]{32,64})")
_AGENT_KEY = re.compile(r"gak_([0-9a-z]{16})_([0-9A-Za-z_-]{32,64})")


@dataclass(frozen=True, slots=True)
class Organization:
    """A tenant."""

    id: str
    name: str
    version: int = 1


@dataclass(frozen=True, slots=True)
class Token:
    """An API token, by the hash of its secret part."""

    id: str
    organization_id: str
    name: str
    secret_hash: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime
    environments: tuple[str, ...] = ()
    last_used_at: datetime | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in person, by the hash of the session id."""

    id_hash: str
    organization_id: str
    actor: Actor
    scopes: tuple[Scope, ...]
    created_at: datetime
    seen_at: datetime
    version: int = 1

    def is_over(self, now: datetime) -> bool:
        """Idle for 12 hours, or 7 days old."""
        return now - self.seen_at > SESSION_IDLE or now - self.created_at > SESSION_LIFE


class CodePurpose(StrEnum):
    """What a one-time code opens."""

    SIGN_IN = "sign-in"
    CONNECT = "connect"


@dataclass(frozen=True, slots=True)
class OneTimeCode:
    """A code that works once, by its hash."""

    code_hash: str
    organization_id: str
    purpose: CodePurpose
    actor: Actor
    expires_at: datetime
    environment_id: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True)
class Presented:
    """A credential as it came: which row to look for, and the hash that the row must hold."""

    id: str
    secret_hash: str


def hash_secret(secret: str) -> str:
    """SHA-256 hex. The secrets are random and long, so no slow hash is needed."""
    return sha256(secret.encode()).hexdigest()


def read_token(text: str) -> Presented | None:
    """An API token's parts; none when it is not of that form."""
    return _presented(_TOKEN.fullmatch(text))


def read_agent_key(text: str) -> Presented | None:
    """An agent key's parts; none when it is not of that form (an API token is not)."""
    return _presented(_AGENT_KEY.fullmatch(text))


def token_text(token_id: str, secret: str) -> str:
    """What is shown once to whoever made the token."""
    return f"gim_{token_id}_{secret}"


def agent_key_text(key_id: str, secret: str) -> str:
    """What is shown once to whoever connects the cluster."""
    return f"gak_{key_id}_{secret}"


def _presented(match: re.Match[str] | None) -> Presented | None:
    return Presented(match.group(1), hash_secret(match.group(2))) if match else None

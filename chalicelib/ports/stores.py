"""Objects by digest, secrets by reference, and the two sources of surprise: the clock and chance."""

from datetime import datetime
from typing import Protocol


class Trees(Protocol):
    """Rendered trees: file name → text, kept under the digest of their content."""

    def put(self, organization_id: str, files: dict[str, str]) -> str:
        """Store a tree and return its digest. Idempotent."""
        ...

    def get(self, organization_id: str, digest: str) -> dict[str, str]:
        """The tree with this digest, hashed again. Raises `StoreUnavailable` when it is not what it should be."""
        ...


class Secrets(Protocol):
    """Secrets by reference; a process keeps what it read for 5 minutes."""

    def get(self, reference: str, *, fresh: bool = False) -> str | None:
        """The secret, or none when there is none; `fresh` asks again."""
        ...

    def put(self, reference: str, value: str) -> None:
        """Store or replace a secret."""
        ...


class Clock(Protocol):
    """The time now, in UTC."""

    def __call__(self) -> datetime: ...


class Chance(Protocol):
    """Unguessable text."""

    def secret(self) -> str:
        """43 URL-safe characters (256 bits)."""
        ...

    def id(self) -> str:
        """16 characters of a-z and 0-9."""
        ...

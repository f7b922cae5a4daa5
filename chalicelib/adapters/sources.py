"""The clock and chance, for real."""

import secrets
import string
from datetime import UTC, datetime

_ALPHABET = string.ascii_lowercase + string.digits


def utc_now() -> datetime:
    """The time now, aware, in UTC."""
    return datetime.now(UTC)


def now_us() -> int:
    """Microseconds since the epoch."""
    return int(datetime.now(UTC).timestamp() * 1_000_000)


class SystemChance:
    """Unguessable text from the operating system."""

    def secret(self) -> str:
        """See `Chance.secret`."""
        return secrets.token_urlsafe(32)

    def id(self) -> str:
        """See `Chance.id`."""
        return "".join(secrets.choice(_ALPHABET) for _ in range(16))

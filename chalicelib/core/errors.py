"""One tree of expected failures; the class says who must act (`docs/architecture.md`, Failure).

Anything that is not a `Failure` is a bug and is left to crash. Messages name the thing and the value, and are safe
to show: never put a secret into one.
"""

from dataclasses import dataclass


class Failure(Exception):
    """Something expected went wrong; the message may be shown to whoever asked."""

    @property
    def message(self) -> str:
        """The sentence for people."""
        return str(self.args[0]) if self.args else type(self).__name__


class Rejected(Failure):
    """The caller must act: the request can't be done as it stands."""


class NotAllowed(Rejected):
    """The actor is known and lacks the permission."""


class NotSignedIn(Rejected):
    """No credential, or one that is unknown, expired or revoked."""


class NotFound(Rejected):
    """The thing does not exist, or belongs to somebody else: both answer the same."""


class SignatureMismatch(Rejected):
    """A webhook whose signature does not fit its bytes."""


class TooLarge(Rejected):
    """A body or payload over its limit."""


class PushRefused(Rejected):
    """The Git host refused our push, in its own words."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a text: where it is, what it is, and what to do. Lines and columns count from 1."""

    path: str
    message: str
    hint: str = ""
    line: int | None = None
    column: int | None = None
    file: str = ""

    def __str__(self) -> str:
        place = self.file
        if self.line is not None:
            place += f":{self.line}" + (f":{self.column}" if self.column is not None else "")
        where = " ".join(part for part in (place, self.path) if part)
        text = f"{where}: {self.message}" if where else self.message
        return f"{text} ({self.hint})" if self.hint else text


class InvalidManifest(Rejected):
    """A manifest that can't be used; `problems` names all of them at once."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


class Conflict(Failure):
    """Somebody was faster: read again and decide again."""


class StaleHead(Conflict):
    """The branch is no longer where it was read."""


class StaleRecord(Conflict):
    """A record's version is no longer the one that was read."""


class DuplicateRecord(Conflict):
    """A record with this key is already there."""


class Unavailable(Failure):
    """Something we need does not answer; try again after `retry_after_seconds`."""

    def __init__(self, message: str, retry_after_seconds: int = 5) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ScmUnavailable(Unavailable):
    """The Git host answered 5xx, 429, or not at all."""


class StoreUnavailable(Unavailable):
    """The tables or the object store do not answer, or throttle."""


class QueueUnavailable(Unavailable):
    """The queues do not take messages now."""

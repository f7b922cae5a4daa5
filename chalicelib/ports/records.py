"""The records table as one port: typed rows by key or index, and transactions that fail when a row moved."""

from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from chalicelib.core.apps import App
from chalicelib.core.records import Key

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Create:
    """Write a new row; `DuplicateRecord` when its key is taken."""

    record: Any


@dataclass(frozen=True, slots=True)
class Replace:
    """Write the next version of a row; `StaleRecord` unless the stored version is one lower."""

    record: Any


@dataclass(frozen=True, slots=True)
class Put:
    """Write a row whatever stands there: for rows whose content their key decides."""

    record: Any


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete the row with this key; no matter whether it is there."""

    key: Key


@dataclass(frozen=True, slots=True)
class ShowCard:
    """Write the release side of the app's card in the documents table; older numbers change nothing."""

    app: App


Write = Create | Replace | Put | Remove | ShowCard


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Rows in order, and what to ask with for the next page; empty at the end."""

    items: tuple[T, ...]
    next: str = ""


class Records(Protocol):
    """Rows are values; every write names what it replaces."""

    def get(self, kind: type[T], key: Key) -> T | None:
        """One row, read strongly consistently.

        Raises:
            StoreUnavailable: the table does not answer, or throttles.
        """
        ...

    def list_below(self, kind: type[T], pk: str, prefix: str, *, limit: int = 100) -> tuple[T, ...]:
        """Rows of a partition whose sort key starts with `prefix`, in its order, read strongly consistently."""
        ...

    def list_index(
        self,
        kind: type[T],
        index: str,
        pk: str,
        *,
        newest_first: bool = False,
        limit: int = 50,
        cursor: str = "",
        since: str = "",
        until: str = "",
    ) -> Page[T]:
        """A page of an index partition; `since` ≤ sort key ≤ `until` where given. Eventually consistent.

        Raises:
            Rejected: the cursor is not one of ours.
        """
        ...

    def write(self, *writes: Write) -> None:
        """All writes or none.

        Raises:
            DuplicateRecord: a created key is taken.
            StaleRecord: a replaced row is no longer at the version below, or another transaction was faster.
            StoreUnavailable: the table does not answer, or throttles.
        """
        ...

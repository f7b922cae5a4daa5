"""In-memory fakes of the ports for records, queues, trees, secrets, the clock and chance."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, TypeVar

import msgspec

from chalicelib.core.errors import DuplicateRecord, Rejected, StaleRecord, StoreUnavailable
from chalicelib.core.projections import card_release_side
from chalicelib.core.records import Key, key_of, places_of
from chalicelib.ports.records import Create, Page, Put, Remove, Replace, ShowCard, Write
from chalicelib.wire.bodies import Card

T = TypeVar("T")


@dataclass
class FakeRecords:
    """Rows as JSON by key, so that what comes out is equal to what went in and never the same object."""

    rows: dict[Key, tuple[type, bytes, int]] = field(default_factory=dict)
    places: dict[Key, Any] = field(default_factory=dict)
    cards: dict[tuple[str, str], Card] = field(default_factory=dict)
    writes: int = 0

    def get(self, kind: type[T], key: Key) -> T | None:
        row = self.rows.get(key)
        return msgspec.json.decode(row[1], type=kind) if row else None

    def list_below(self, kind: type[T], pk: str, prefix: str, *, limit: int = 100) -> tuple[T, ...]:
        keys = sorted((key for key in self.rows if key.pk == pk and key.sk.startswith(prefix)), key=lambda k: k.sk)
        return tuple(msgspec.json.decode(self.rows[key][1], type=kind) for key in keys[:limit])

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
        found = sorted(
            (place.sk, key.pk, key)
            for key, places in self.places.items()
            for place in places
            if place.index == index and place.pk == pk and (since or " ") <= place.sk <= (until or "\U0010ffff")
        )
        if newest_first:
            found.reverse()
        start = self._start(cursor, pk)
        shown = found[start : start + limit]
        more = f"{pk}|{start + limit}" if start + limit < len(found) else ""
        return Page(tuple(msgspec.json.decode(self.rows[key][1], type=kind) for _, _, key in shown), more)

    def write(self, *writes: Write) -> None:
        for write in writes:
            self._check(write)
        for write in writes:
            self._apply(write)
        self.writes += 1

    def _check(self, write: Write) -> None:
        if isinstance(write, Create) and key_of(write.record) in self.rows:
            raise DuplicateRecord("it is there")
        if isinstance(write, Replace):
            row = self.rows.get(key_of(write.record))
            if row is None or row[2] != write.record.version - 1:
                raise StaleRecord("it moved")

    def _apply(self, write: Write) -> None:
        match write:
            case Create(record) | Replace(record) | Put(record):
                key = key_of(record)
                self.rows[key] = (type(record), msgspec.json.encode(record), record.version)
                self.places[key] = places_of(record)
            case Remove(key):
                self.rows.pop(key, None)
                self.places.pop(key, None)
            case ShowCard(app):
                self.cards[(app.app, app.environment_id)] = card_release_side(app)

    def all(self, kind: type[T]) -> list[T]:
        """Every row of a kind, for judging."""
        return [msgspec.json.decode(text, type=kind) for stored, text, _ in self.rows.values() if stored is kind]

    @staticmethod
    def _start(cursor: str, pk: str) -> int:
        if not cursor:
            return 0
        owner, _, number = cursor.rpartition("|")
        if owner != pk or not number.isdigit():
            raise Rejected("this cursor is not one of ours: start again without it")
        return int(number)


@dataclass
class FakeQueues:
    """What was sent, in order."""

    intake: list[dict[str, Any]] = field(default_factory=list)
    render: list[dict[str, Any]] = field(default_factory=list)
    rings: list[tuple[str, str]] = field(default_factory=list)
    postponed: list[tuple[str, int]] = field(default_factory=list)

    def send_intake(self, message: dict[str, Any], *, delay_seconds: int = 0) -> None:
        self.intake.append(json.loads(json.dumps(message)))

    def send_render(self, message: dict[str, Any]) -> None:
        self.render.append(json.loads(json.dumps(message)))

    def ring_train(self, organization_id: str, gitops_repository_id: str, *, number: bool = False) -> None:
        self.rings.append((organization_id, gitops_repository_id))

    def postpone_train(self, receipt: str, seconds: int) -> None:
        self.postponed.append((receipt, seconds))


@dataclass
class FakeTrees:
    """Trees by digest."""

    kept: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def put(self, organization_id: str, files: dict[str, str]) -> str:
        digest = sha256(json.dumps(files, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
        self.kept[(organization_id, digest)] = dict(files)
        return digest

    def get(self, organization_id: str, digest: str) -> dict[str, str]:
        try:
            return dict(self.kept[(organization_id, digest)])
        except KeyError:
            raise StoreUnavailable("it is not there") from None


@dataclass
class FakeSecrets:
    """Secrets by reference."""

    kept: dict[str, str] = field(default_factory=dict)

    def get(self, reference: str, *, fresh: bool = False) -> str | None:
        return self.kept.get(reference)

    def put(self, reference: str, value: str) -> None:
        self.kept[reference] = value


@dataclass
class FakeClock:
    """A clock that moves when told."""

    now: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **by: float) -> None:
        self.now += timedelta(**by)


class FakeChance:
    """Text that is different each time and the same in each run."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def secret(self) -> str:
        return f"secret{next(self._numbers):037d}"

    def id(self) -> str:
        return f"id{next(self._numbers):014d}"

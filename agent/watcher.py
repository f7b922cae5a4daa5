"""Keeps one kind in view: list page by page, then watch, for ever. One thread a kind.

It never gives up and never holds more than a page. Facts about the API server it relies on (Kubernetes docs, "API
concepts", and observed): an expired version is HTTP 200 with an ERROR event of code 410 *or* HTTP 410, and means list
again; a clean end of a watch is ordinary and means go on from the last version; a BOOKMARK carries a version only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import uniform
from typing import Protocol

import msgspec

from agent.kinds import Kind
from agent.kubernetes_api import (
    METADATA_ONLY,
    METADATA_ONLY_WATCH,
    Cluster,
    ClusterError,
    Forbidden,
    Gone,
    NotServed,
)
from agent.objects import Ref, Thing
from agent.raw import RawMeta

PAGE = 500
WATCH_SECONDS = 240  # asked of the server; it ends cleanly then
SILENCE_SECONDS = WATCH_SECONDS + 30
RELIST_JITTER_SECONDS = 1.0
RETRY_SECONDS = (0.5, 30.0)
GRACE_REFUSALS = 6  # of a kind that was seen: a server that just started refuses everything until it knows its roles
MISSING_SECONDS = 120.0  # how often a kind that is not served or not allowed is asked for again


class Sink(Protocol):
    """Who wants to know. Called from the watcher's thread."""

    def changed(self, changes: list[tuple[Ref, Thing | None]]) -> None:
        """Objects as they are now; none: it is gone."""

    def listed(self, kind: str, refs: set[Ref]) -> None:
        """A list is complete: what is not in it is gone."""

    def missing(self, kind: str, why: str) -> None:
        """The kind can't be seen: not served or not allowed."""

    def troubled(self, kind: str, why: str) -> None:
        """Something went wrong and will be tried again."""


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Status(msgspec.Struct):
    code: int = 0
    reason: str = ""


class _Bare(msgspec.Struct):
    metadata: RawMeta


_PAGE = msgspec.json.Decoder(_Page)
_EVENT = msgspec.json.Decoder(_Event)
_STATUS = msgspec.json.Decoder(_Status)
_BARE = msgspec.json.Decoder(_Bare)


@dataclass(slots=True)
class Watcher:
    """One kind's loop. `listing` lets few lists run at once, so that pages of many kinds never pile up in memory."""

    kind: Kind
    cluster: Cluster
    sink: Sink
    stop: threading.Event
    listing: threading.Semaphore
    jitter: Callable[[float, float], float] = uniform
    failures: int = 0
    refusals_left: int = 0
    unreadable: int = field(default=0)

    def run(self) -> None:
        """Until stopped."""
        version = ""
        while not self.stop.is_set():
            try:
                if not version:
                    version = self.list_all()
                version = self.watch_from(version)
            except Gone:
                version = ""
                self.stop.wait(self.jitter(0, RELIST_JITTER_SECONDS))
            except (NotServed, Forbidden) as error:
                if self.refusals_left:
                    self.refusals_left -= 1
                    self.back_off(error)
                    continue
                version = ""
                self.sink.missing(self.kind.name, str(error))
                self.stop.wait(self.jitter(MISSING_SECONDS / 2, MISSING_SECONDS))
            except (ClusterError, msgspec.MsgspecError) as error:
                self.back_off(error)

    def back_off(self, error: Exception) -> None:
        """Wait longer with each failure in a row, with full jitter."""
        self.failures += 1
        self.sink.troubled(self.kind.name, str(error)[:200])
        least, most = RETRY_SECONDS
        self.stop.wait(self.jitter(0, min(most, least * 2 ** min(self.failures, 8))))

    def list_all(self) -> str:
        """List page by page, report as pages come, and return the version to watch from."""
        refs: set[Ref] = set()
        with self.listing:
            query = {"limit": str(PAGE)}
            while True:
                accept = METADATA_ONLY if self.kind.metadata_only else "application/json"
                page = _PAGE.decode(self.cluster.get(self.kind.path, self.selected(query), accept=accept))
                things = list(self.parsed(page.items or []))
                refs.update(thing.ref for thing in things)
                self.sink.changed([(thing.ref, thing) for thing in things])
                if not page.metadata.continue_ or self.stop.is_set():
                    break
                query["continue"] = page.metadata.continue_
        self.failures, self.refusals_left = 0, GRACE_REFUSALS
        if not self.stop.is_set():
            self.sink.listed(self.kind.name, refs)
        return page.metadata.resource_version

    def watch_from(self, version: str) -> str:
        """Report changes until the stream ends cleanly; returns the version to go on from. Raises `Gone`."""
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        accept = METADATA_ONLY_WATCH if self.kind.metadata_only else "application/json"
        before = version
        stream = self.cluster.lines(
            self.kind.path, self.selected(query), accept=accept, silence_seconds=SILENCE_SECONDS
        )
        try:
            with stream as lines:
                for line in lines:
                    version = self.seen(line) or version
                    self.failures, self.refusals_left = 0, GRACE_REFUSALS
                    if self.stop.is_set():
                        break
        except (Gone, NotServed, Forbidden):
            raise
        except ClusterError as error:
            self.back_off(error)
        if version == before:
            self.stop.wait(self.jitter(0.05, 0.5))  # a server that ends watches at once is not to be stormed
        return version

    def seen(self, line: bytes) -> str:
        """Report one event of a watch; its version, or nothing."""
        event = _EVENT.decode(line)
        if event.type == "ERROR":
            status = _STATUS.decode(event.object)
            if status.code == 410:
                raise Gone(f"{self.kind.path}: {status.reason}")
            raise ClusterError(f"{self.kind.path}: watch error {status.code} {status.reason}")
        if event.type in ("ADDED", "MODIFIED", "DELETED"):
            gone = event.type == "DELETED"
            self.sink.changed([(thing.ref, None if gone else thing) for thing in self.parsed([event.object])])
        return _BARE.decode(event.object).metadata.resource_version

    def selected(self, query: dict[str, str]) -> dict[str, str]:
        """The query with the kind's own selector."""
        return {**query, "fieldSelector": self.kind.field_selector} if self.kind.field_selector else query

    def parsed(self, items: list[msgspec.Raw]) -> Iterator[Thing]:
        """Things of raw objects; one that can't be read is reported and left out, and stops nothing else."""
        for item in items:
            try:
                yield self.kind.parse(item)
            except msgspec.MsgspecError as error:
                self.unreadable += 1
                self.sink.troubled(self.kind.name, f"unreadable object: {error}"[:200])

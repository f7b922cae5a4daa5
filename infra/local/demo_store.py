"""The demo cluster's memory: its objects, and what changed lately. For one thread.

Objects are replaced, never changed in place, so what a reader holds stays as it was. Versions start at the clock: those
of an earlier life are too old instead of wrong. It checks nothing: what may be applied is for `demo_flux` to say.
"""

import time
import uuid
from collections import deque
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeAlias

Object: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[str, str, str]  # kind, namespace ("" for none), name
Change: TypeAlias = tuple[str, Object]  # ADDED, MODIFIED or DELETED, and the object
HISTORY = 4000  # changes that a watch may go back


def dig(item: Any, path: str) -> Any:
    """What is at a dotted path, or None."""
    for part in path.split("."):
        item = item.get(part) if isinstance(item, dict) else None
    return item


def key_of(item: Object) -> Key:
    return str(item["kind"]), str(item["metadata"].get("namespace", "")), str(item["metadata"]["name"])


def now_text() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(item: Object | None, name: str) -> Object:
    """The condition called `name`, or an empty one."""
    return next((it for it in dig(item, "status.conditions") or [] if it["type"] == name), {})


class Store:
    """All objects; `version` is that of the last change."""

    def __init__(self) -> None:
        self.version = time.time_ns() // 1_000_000
        self._objects: dict[Key, Object] = {}
        self._history: deque[Change] = deque(maxlen=HISTORY)

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        return self._objects.get((kind, namespace, name))

    def items(self, kind: str) -> list[Object]:
        """All objects of a kind, by namespace and name."""
        return [self._objects[at] for at in sorted(self._objects) if at[0] == kind]

    def since(self, version: int) -> list[Change] | None:
        """What changed after `version`, oldest first, or None when that is longer ago than we remember."""
        skipped = len(self._history) - (self.version - version)
        return None if skipped < 0 else list(islice(self._history, skipped, None))

    def put(self, item: Object) -> Object:
        """Store an object, with the status that it had; what says nothing new keeps its version."""
        known = self.get(*key_of(item)) or {"status": {}}
        return self._write(item | {"status": known["status"]})

    def report(self, item: Object, status: Object, **conditions: tuple[str, str, str]) -> None:
        """Add to the status of `item`, with these conditions and no others; nothing when it is gone."""
        if (stored := self.get(*key_of(item))) is not None:
            said = [_condition(condition(stored, name), name, *it) for name, it in conditions.items()]
            self._write(stored | {"status": stored["status"] | status | {"conditions": said}})

    def delete(self, item: Object) -> None:
        self._record("DELETED", self._objects.pop(key_of(item)))

    def warn(self, about: Object, reason: str, message: str) -> None:
        """Record a Warning (core/v1 Event) about an object: one for each reason, which counts."""
        kind, namespace, name = key_of(about)
        own = {"namespace": namespace, "name": f"{name}.{reason.lower()}"}
        count = (self.get("Event", *own.values()) or {}).get("count", 0) + 1
        ref = {"kind": kind, "namespace": namespace, "name": name, "uid": about["metadata"]["uid"]}
        said = {"type": "Warning", "reason": reason, "message": message, "count": count, "lastTimestamp": now_text()}
        self.put({"apiVersion": "v1", "kind": "Event", "metadata": own, "involvedObject": ref} | said)

    def _write(self, item: Object) -> Object:
        """Add what the server itself adds: identity, generation, version."""
        before = self.get(*key_of(item))
        old = before["metadata"] if before else {"uid": str(uuid.uuid4()), "creationTimestamp": now_text()}
        generation = old.get("generation", 0) + (dig(before, "spec") != item.get("spec"))
        kept = {name: old[name] for name in ("uid", "creationTimestamp", "resourceVersion") if name in old}
        after = item | {"metadata": item["metadata"] | kept | {"generation": generation}}
        if after == before:
            return before
        after = self._objects[key_of(item)] = self._record("MODIFIED" if before else "ADDED", after)
        return after

    def _record(self, word: str, item: Object) -> Object:
        self.version += 1
        item = item | {"metadata": item["metadata"] | {"resourceVersion": str(self.version)}}
        self._history.append((word, item))
        return item


def _condition(before: Object, name: str, status: str, reason: str, message: str) -> Object:
    """A condition; its transition time moves only with its status."""
    since = before["lastTransitionTime"] if before.get("status") == status else now_text()
    return {"type": name, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}

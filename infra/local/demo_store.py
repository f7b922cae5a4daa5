"""The demo cluster's memory: the kinds it knows, its objects, and what changed lately. For one thread.

Objects are replaced, never changed in place, so what a reader holds stays as it was. Versions start at the clock: those
of an earlier life are too old instead of wrong. It checks only what its controllers would stumble over.
"""

import copy
import time
import uuid
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeAlias

Object: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[str, str, str]  # kind, namespace ("" for none), name
Change: TypeAlias = tuple[Object | None, Object | None]  # before and after; no after: deleted
HISTORY = 4000  # changes that a watch may go back
_SERVED = {
    "v1": "Pod Service Event Namespace ConfigMap Secret ServiceAccount PersistentVolumeClaim",
    "apps/v1": "Deployment ReplicaSet StatefulSet DaemonSet",
    "batch/v1": "Job CronJob",
    "networking.k8s.io/v1": "Ingress NetworkPolicy",
    "autoscaling/v2": "HorizontalPodAutoscaler",
    "policy/v1": "PodDisruptionBudget",
    "source.toolkit.fluxcd.io/v1": "GitRepository",
    "kustomize.toolkit.fluxcd.io/v1": "Kustomization",
    "notification.toolkit.fluxcd.io/v1beta3": "Alert Provider",
}
VERSIONS = {kind: version for version, kinds in _SERVED.items() for kind in kinds.split()}
_REQUIRED = {
    "Deployment": ("spec.template.spec.containers", "spec.template.metadata.labels"),
    "Pod": ("spec.containers",),
    "GitRepository": ("spec.url",),
    "Kustomization": ("spec.sourceRef.name",),
}


class Refused(Exception):
    """A request or a reconciliation cannot go on: the word of Kubernetes or Flux for it, message, HTTP status."""

    def __init__(self, reason: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.reason, self.status = reason, status


def dig(item: Any, path: str) -> Any:
    """What is at a dotted path, or None."""
    for part in path.split("."):
        item = item.get(part) if isinstance(item, dict) else None
    return item


def key_of(item: Object) -> Key:
    return item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]


def now_text() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(item: Object, name: str) -> Object:
    """The condition called `name`, or an empty one."""
    return next((it for it in dig(item, "status.conditions") or [] if it["type"] == name), {})


def set_condition(item: Object, name: str, status: str, reason: str, message: str) -> None:
    """Set a condition in place; its transition time moves only with its status."""
    before, rest = condition(item, name), dig(item, "status.conditions") or []
    since = before["lastTransitionTime"] if before.get("status") == status else now_text()
    fresh = {"type": name, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}
    item["status"]["conditions"] = [*(it for it in rest if it["type"] != name), fresh]


class Store:
    """All objects; `version` is that of the last change."""

    def __init__(self) -> None:
        self.version = time.time_ns() // 1_000_000
        self._objects: dict[Key, Object] = {}
        self._history: deque[Change] = deque(maxlen=HISTORY)

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        return self._objects.get((kind, namespace, name))

    def items(self, kind: str = "") -> list[Object]:
        """The objects of a kind, or all, by namespace and name."""
        return [self._objects[at] for at in sorted(self._objects) if kind in ("", at[0])]

    def since(self, version: int) -> list[Change] | None:
        """What changed after `version`, oldest first, or None when that is longer ago than we remember."""
        skipped = len(self._history) - (self.version - version)
        return None if skipped < 0 else list(islice(self._history, skipped, None))

    def put(self, item: Object) -> Object:
        """Store an object, with the status it had unless it brings one; what says nothing new keeps its version."""
        self._check(item)
        return self._write(item)

    def edit(self, item: Object, change: Callable[[Object], object]) -> None:
        """Let `change` alter a copy of what is stored of `item` now, and store it; nothing when `item` is gone."""
        stored = self.get(*key_of(item))
        if stored is not None and stored["metadata"]["uid"] == item["metadata"]["uid"]:
            copied: Object = {"status": {}} | copy.deepcopy(stored)
            change(copied)
            self._write(copied)

    def delete(self, item: Object, *, at_once: bool = False) -> None:
        """Delete an object; a pod is only marked, unless `at_once`, and goes when it has stopped."""
        if item["kind"] == "Pod" and not at_once:
            self.edit(item, lambda it: it["metadata"].setdefault("deletionTimestamp", now_text()))
        elif (stored := self.get(*key_of(item))) is not None:
            self._record(stored, None)

    def warn(self, about: Object, reason: str, message: str) -> None:
        """Record a Warning (core/v1 Event) about an object, counting repetitions."""
        _, namespace, name = key_of(about)
        own = {"namespace": namespace, "name": f"{name}.{uuid.uuid5(uuid.UUID(about['metadata']['uid']), message).hex}"}
        known = self.get("Event", *own.values()) or {}
        times = {"firstTimestamp": known.get("firstTimestamp", now_text()), "lastTimestamp": now_text()}
        item = times | {"apiVersion": "v1", "kind": "Event", "metadata": own, "count": known.get("count", 0) + 1}
        item["involvedObject"] = {part: about["metadata"][part] for part in ("namespace", "name", "uid")}
        item["involvedObject"] |= {"apiVersion": about["apiVersion"], "kind": about["kind"]}
        self._write(item | {"type": "Warning", "reason": reason, "message": message, "source": {"component": "demo"}})

    def _check(self, item: Object) -> None:
        kind, namespace, name = key_of(item)
        if VERSIONS.get(kind) != item["apiVersion"]:
            raise Refused("NotFound", f'no matches for kind "{kind}" in version "{item["apiVersion"]}"')
        if kind != "Namespace" and self.get("Namespace", "", namespace) is None:
            raise Refused("NotFound", f'namespaces "{namespace}" not found')
        required = [dig(item, path) for path in _REQUIRED.get(kind, ())]
        images = [dig(it, "image") for found in required if isinstance(found, list) for it in found]
        whole = all(isinstance(it, str) for it in images) and isinstance(dig(item, "spec.replicas") or 0, int)
        if not (whole and all(required)):
            raise Refused("Invalid", f'{kind} "{name}" is invalid: spec: Invalid value')

    def _write(self, item: Object) -> Object:
        before = self.get(*key_of(item))
        after = _completed(item, before)
        return before if before == after else self._record(before, after)

    def _record(self, before: Object | None, after: Object | None) -> Object:
        self.version += 1
        item: Object = (after or before or {}).copy()
        item["metadata"] = item["metadata"] | {"resourceVersion": str(self.version)}
        self._objects[key_of(item)] = item
        if after is None:
            del self._objects[key_of(item)]
        self._history.append((before, item) if after else (item, None))
        return item


def _completed(item: Object, before: Object | None) -> Object:
    """`item` with what the server itself adds: identity, generation, defaults."""
    old = before["metadata"] if before else {"uid": str(uuid.uuid4()), "creationTimestamp": now_text()}
    kept = {name: old[name] for name in ("uid", "creationTimestamp", "resourceVersion") if name in old}
    status = {"phase": "Active"} if item["kind"] == "Namespace" else (before or {}).get("status", {})
    item = {"status": status} | item | {"metadata": item["metadata"] | kept}
    if item["kind"] == "Deployment":
        item["spec"] = {"replicas": 1} | item["spec"]
    if "spec" in item:
        item["metadata"]["generation"] = old.get("generation", 0) + (dig(before, "spec") != item["spec"])
    return item

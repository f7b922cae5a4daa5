"""The demo cluster's controllers and kubelet: Deployment, ReplicaSet, Pod, garbage collection.

Nothing is run: a pod is ready a moment after it was made, unless its label or image says how it fails, and goes at
once. A rolling update adds one pod at a time. All other kinds are only stored.
"""

import contextlib
import hashlib
import json
import re
import secrets
import time

from infra.local.demo_store import Object, Store, condition, dig, key_of, now_text

FAIL_LABEL = "e2e.test/fail"  # imagepull or crashloop, as in the test bed
_FAILURES = {"imagepull": "ImagePullBackOff", "crashloop": "CrashLoopBackOff"}
_CANNOT_PULL = re.compile(r":[^/@]*(does-not-exist|broken)")
_NEXT = {"": "ContainerCreating", "ContainerCreating": "Running", "CrashLoopBackOff": "CrashLoopBackOff"}
_SECONDS = {"ContainerCreating": 1.0, "CrashLoopBackOff": 5.0}  # that a state lasts
_MESSAGES = {
    "ImagePullBackOff": 'Back-off pulling image "{}": manifest unknown',
    "CrashLoopBackOff": 'back-off restarting failed container of "{}"',
}


def is_healthy(item: Object | None) -> bool:
    """Whether Flux takes an object for healthy: a Deployment when it is rolled out, all else when it is there."""
    if item is None or item["kind"] != "Deployment":
        return item is not None
    is_observed = dig(item, "status.observedGeneration") == item["metadata"]["generation"]
    return bool(is_observed and condition(item, "Progressing")["reason"] == "NewReplicaSetAvailable")


class Workloads:
    """Each `reconcile` takes every object one step towards what its spec says."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._due_at: dict[str, float] = {}  # a pod's next step

    def reconcile(self) -> None:
        self._collect_garbage()
        for kind, step in {"Deployment": self._roll, "Pod": self._live}.items():
            for item in self._store.items(kind):
                with contextlib.suppress(AttributeError, KeyError, TypeError):  # nonsense stays, and never gets healthy
                    step(item)

    def _collect_garbage(self) -> None:
        made = [*self._store.items("ReplicaSet"), *self._store.items("Pod")]
        owners = [[_ref(it)] for it in (*self._store.items("Deployment"), *made)]
        for it in made:
            if it["metadata"].get("ownerReferences") not in owners:
                self._store.delete(it)

    def _roll(self, deployment: Object) -> None:
        """Rolling update: one new pod above the wanted number, old ones go as new ones become ready."""
        wanted, template = deployment["spec"].get("replicas", 1), deployment["spec"]["template"]
        digest = hashlib.sha256(json.dumps(template, sort_keys=True, default=str).encode()).hexdigest()[:10]
        labels = template["metadata"]["labels"] | {"pod-template-hash": digest}
        hashed = template | {"metadata": template["metadata"] | {"labels": labels}}
        made = _child(deployment, ("apps/v1", "ReplicaSet"), digest, hashed, {"template": hashed})
        current = self._store.get(*key_of(made)) or self._store.put(made)
        owned = (pod for it in self._owned("ReplicaSet", deployment) for pod in self._owned("Pod", it))
        pods = sorted(owned, key=_is_ready, reverse=True)
        new = [it for it in pods if it["metadata"]["labels"]["pod-template-hash"] == digest]
        old = [it for it in pods if it not in new]
        for it in (*new[wanted:], *old[max(0, wanted - sum(map(_is_ready, new))) :]):
            self._store.delete(it)
        for _ in range(min(wanted, wanted + 1 - len(old)) - len(new)):
            self._store.put(_child(current, ("v1", "Pod"), secrets.token_hex(3)[:5], hashed, hashed["spec"]))
        self._report(deployment, wanted, new, old)

    def _owned(self, kind: str, owner: Object) -> list[Object]:
        return [it for it in self._store.items(kind) if it["metadata"]["ownerReferences"] == [_ref(owner)]]

    def _report(self, deployment: Object, wanted: int, new: list[Object], old: list[Object]) -> None:
        ready = sum(map(_is_ready, new + old))
        counts = {"replicas": len(new + old), "updatedReplicas": len(new), "readyReplicas": ready}
        counts["availableReplicas"] = ready
        is_up, is_done = ready >= wanted, set(counts.values()) == {wanted}
        said = f"{ready} of {wanted} pods are available."
        available = (str(is_up), "MinimumReplicasAvailable" if is_up else "MinimumReplicasUnavailable", said)
        progressing = ("True", "NewReplicaSetAvailable" if is_done else "ReplicaSetUpdated", said)
        counts["observedGeneration"] = deployment["metadata"]["generation"]
        self._store.report(deployment, counts, Available=available, Progressing=progressing)

    def _live(self, pod: Object) -> None:
        """Take a pod's next step when its time in the present state is over."""
        uid, now, state = pod["metadata"]["uid"], time.monotonic(), _NEXT.get(_state(pod), "")
        if not state or now < self._due_at.get(uid, now):
            return
        if state == "Running":
            cannot_pull = any(_CANNOT_PULL.search(it["image"]) for it in pod["spec"]["containers"])
            fail = pod["metadata"]["labels"].get(FAIL_LABEL, "imagepull" if cannot_pull else "")
            state = _FAILURES.get(fail, state)
        self._due_at[uid] = now + _SECONDS.get(state, 0.0)
        if state in _MESSAGES:
            self._store.warn(pod, "BackOff", _MESSAGES[state].format(pod["spec"]["containers"][0]["image"]))
        self._store.report(pod, _status(pod, state), Ready=(str(state == "Running"), "", ""))


def _ref(owner: Object) -> Object:
    name, uid = owner["metadata"]["name"], owner["metadata"]["uid"]
    return {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": name, "uid": uid, "controller": True}


def _child(owner: Object, made: tuple[str, str], suffix: str, template: Object, spec: Object) -> Object:
    """What a controller makes for `owner` of a version and kind, with labels and annotations of a template."""
    _, namespace, name = key_of(owner)
    own = {"name": f"{name}-{suffix}", "namespace": namespace, "ownerReferences": [_ref(owner)]}
    return {"apiVersion": made[0], "kind": made[1], "metadata": template["metadata"] | own, "spec": spec}


def _state(pod: Object) -> str:
    """The reason why the first container waits, or the phase."""
    first = (dig(pod, "status.containerStatuses") or [{}])[0]
    return str(dig(first, "state.waiting.reason") or dig(pod, "status.phase") or "")


def _is_ready(pod: Object) -> bool:
    return _state(pod) == "Running"


def _status(pod: Object, state: str) -> Object:
    """What a pod in `state` reports: Running, or the reason why its containers wait."""
    before = (dig(pod, "status.containerStatuses") or [{"restartCount": 0}])[0]
    restarts, now, is_ready = before["restartCount"] + (state == "CrashLoopBackOff"), now_text(), state == "Running"
    last = {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": now}} if restarts else {}
    statuses = []
    for it in pod["spec"]["containers"]:
        waits = {"reason": state, "message": _MESSAGES.get(state, "").format(it["image"])}
        known = {"name": it.get("name", ""), "image": it["image"], "ready": is_ready, "restartCount": restarts}
        known |= {"state": {"running": {"startedAt": now}} if is_ready else {"waiting": waits}, "lastState": last}
        statuses.append(known)
    phase = "Running" if is_ready or restarts else "Pending"
    return {"phase": phase, "startTime": pod["metadata"]["creationTimestamp"], "containerStatuses": statuses}

"""The demo cluster's controllers and kubelet: Deployment, ReplicaSet, Pod, Job, garbage collection.

Nothing is run: a pod is ready a moment after it was made, unless its label or image says how it fails. A rolling update
adds one pod at a time, a Job is complete at once and without pods, all other kinds are only stored.
"""

import hashlib
import json
import re
import secrets
import time

from infra.local.demo_store import VERSIONS, Object, Store, condition, dig, key_of, now_text, set_condition

FAIL_LABEL = "e2e.test/fail"  # imagepull or crashloop, as in the test bed
_CANNOT_PULL = re.compile(r":[^/@]*(does-not-exist|broken)")
_SECONDS_IN = {"": 0.0, "Terminating": 0.3, "ErrImagePull": 1.0, "CrashLoopBackOff": 5.0}  # others: `ready_seconds`
_MESSAGES = {
    "ErrImagePull": 'failed to pull image "{}": manifest unknown',
    "ImagePullBackOff": 'Back-off pulling image "{}": manifest unknown',
    "CrashLoopBackOff": 'back-off restarting failed container of "{}"',
}


def rollout(item: Object) -> str:
    """Current or InProgress, as Flux judges an object (kstatus); what only is stored is Current."""
    done = {"Deployment": "Progressing", "Job": "Complete", "Pod": "Ready", "Kustomization": "Ready"}.get(item["kind"])
    observed = dig(item, "status.observedGeneration") in (None, item["metadata"].get("generation"))
    found = condition(item, done or "")
    is_rolled = item["kind"] != "Deployment" or found.get("reason") == "NewReplicaSetAvailable"
    return "Current" if not done or (observed and is_rolled and found.get("status") == "True") else "InProgress"


class Workloads:
    """Each `reconcile` takes every object one step towards what its spec says."""

    def __init__(self, store: Store, ready_seconds: float) -> None:
        self._store, self._ready_seconds = store, ready_seconds
        self._since: dict[str, tuple[object, float]] = {}

    def reconcile(self) -> None:
        self._collect_garbage()
        steps = {"Deployment": self._roll, "ReplicaSet": self._scale, "Job": self._finish, "Pod": self._live}
        for kind, step in steps.items():
            for item in self._store.items(kind):
                step(item)

    def _collect_garbage(self) -> None:
        everything = self._store.items()
        uids = {it["metadata"]["uid"] for it in everything}
        for it in everything:
            namespace = it["metadata"].get("namespace", "")
            if namespace and self._store.get("Namespace", "", namespace) is None:
                self._store.delete(it, at_once=True)
            elif any(owner["uid"] not in uids for owner in it["metadata"].get("ownerReferences", ())):
                self._store.delete(it)

    def _owned(self, kind: str, owner: Object) -> list[Object]:
        uid = owner["metadata"]["uid"]
        return [
            it
            for it in self._store.items(kind)
            if any(ref["uid"] == uid for ref in it["metadata"].get("ownerReferences", ()))
        ]

    def _roll(self, deployment: Object) -> None:
        """Rolling update: one new pod above the wanted number, old ones go as new ones become available."""
        template, wanted = deployment["spec"]["template"], deployment["spec"]["replicas"]
        digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]
        new = _child(deployment, "ReplicaSet", digest, {"pod-template-hash": digest})
        old = [it for it in self._owned("ReplicaSet", deployment) if it["metadata"]["name"] != new["metadata"]["name"]]
        spec = template | {"metadata": {"labels": new["metadata"]["labels"]}}
        new = self._store.get(*key_of(new)) or self._store.put(new | {"spec": {"replicas": 0, "template": spec}})
        running, left = _count("spec.replicas", *old), max(0, wanted - _count("status.availableReplicas", new))
        room = wanted + 1 - running if running else wanted
        self._resize(new, min(wanted, max(room, new["spec"]["replicas"])))
        for it in sorted(old, key=lambda it: -_count("status.availableReplicas", it)):
            kept = min(left, it["spec"]["replicas"], _count("status.availableReplicas", it))
            left -= kept
            self._resize(it, kept)
        counts = {it: _count(f"status.{it}", new, *old) for it in ("replicas", "readyReplicas", "availableReplicas")}
        self._report(deployment, counts | {"updatedReplicas": _count("status.replicas", new)}, new["metadata"]["name"])

    def _resize(self, owner: Object, replicas: int) -> None:
        self._store.edit(owner, lambda it: it["spec"].update(replicas=replicas))

    def _report(self, deployment: Object, counts: dict[str, int], newest: str) -> None:
        wanted, available = deployment["spec"]["replicas"], counts["availableReplicas"]
        is_done = available == counts["replicas"] == counts["updatedReplicas"] == wanted
        enough, word = available >= wanted, "NewReplicaSetAvailable" if is_done else "ReplicaSetUpdated"

        def report(it: Object) -> None:
            it["status"] |= counts | {"unavailableReplicas": max(0, wanted - available)}
            it["status"]["observedGeneration"] = deployment["metadata"]["generation"]
            reason = f"MinimumReplicas{'Available' if enough else 'Unavailable'}"
            set_condition(it, "Available", str(enough), reason, f"{available} of {wanted} replicas are available")
            said = "has successfully progressed" if is_done else "is progressing"
            set_condition(it, "Progressing", "True", word, f'ReplicaSet "{newest}" {said}.')

        self._store.edit(deployment, report)

    def _scale(self, owner: Object) -> None:
        """Keep as many pods as a ReplicaSet wants, unready ones go first, and count them."""
        pods = [it for it in self._owned("Pod", owner) if "deletionTimestamp" not in it["metadata"]]
        wanted, ready = owner["spec"]["replicas"], sum(_state(it) == "Running" for it in pods)
        for _ in range(wanted - len(pods)):
            spec = owner["spec"]["template"]["spec"] | {"nodeName": "demo-cluster"}
            self._store.put(_child(owner, "Pod", secrets.token_hex(3)[:5], {}) | {"spec": spec})
        for it in sorted(pods, key=lambda it: _state(it) == "Running")[: max(0, len(pods) - wanted)]:
            self._store.delete(it)
        counts = {"replicas": len(pods), "readyReplicas": ready, "availableReplicas": ready}
        counts["observedGeneration"] = owner["metadata"]["generation"]
        self._store.edit(owner, lambda it: it["status"].update(counts))

    def _finish(self, job: Object) -> None:
        said = ("Complete", "True", "CompletionsReached", "Reached expected number of succeeded pods")
        self._store.edit(job, lambda it: set_condition(it, *said))

    def _live(self, pod: Object) -> None:
        """Take a pod's next step when its time in the present state is over."""
        uid, state = pod["metadata"]["uid"], _state(pod)
        restarts = (dig(pod, "status.containerStatuses") or [{}])[0].get("restartCount", 0)
        after = _next(pod, state)
        if self._since.get(uid, ("",))[0] != (state, restarts):
            self._since[uid] = ((state, restarts), time.monotonic())
        if after is None or time.monotonic() - self._since[uid][1] < _SECONDS_IN.get(state, self._ready_seconds):
            return None
        if after == "gone":
            del self._since[uid]
            return self._store.delete(pod, at_once=True)
        self._store.edit(pod, lambda it: _enter(it, after, restarts + (after == "CrashLoopBackOff")))
        if after in _MESSAGES:
            said = _MESSAGES[after].format(pod["spec"]["containers"][0]["image"])
            return self._store.warn(pod, "BackOff" if "Crash" in after else "Failed", said)
        return None


def _count(path: str, *owners: Object) -> int:
    return sum(dig(it, path) or 0 for it in owners)


def _child(owner: Object, kind: str, suffix: str, labels: dict[str, str]) -> Object:
    """A `kind` made by a controller for `owner`, with the labels of its template and `labels`."""
    ref = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "controller": True}
    ref |= {part: owner["metadata"][part] for part in ("name", "uid")}
    metadata = {
        "name": f"{ref['name']}-{suffix}",
        "namespace": owner["metadata"]["namespace"],
        "ownerReferences": [ref],
    }
    metadata["labels"] = (dig(owner, "spec.template.metadata.labels") or {}) | labels
    return {"apiVersion": VERSIONS[kind], "kind": kind, "metadata": metadata}


def _state(pod: Object) -> str:
    """`Terminating`, the reason why the first container waits, or the phase."""
    first = (dig(pod, "status.containerStatuses") or [{}])[0]
    going = "Terminating" if "deletionTimestamp" in pod["metadata"] else ""
    return str(going or dig(first, "state.waiting.reason") or dig(pod, "status.phase") or "")


def _next(pod: Object, state: str) -> str | None:
    """The state that follows, or None when a pod stays as it is."""
    cannot_pull = any(_CANNOT_PULL.search(it["image"]) for it in pod["spec"]["containers"])
    fail = (pod["metadata"].get("labels") or {}).get(FAIL_LABEL) or ("imagepull" if cannot_pull else "")
    started = {"imagepull": "ErrImagePull", "crashloop": "CrashLoopBackOff"}.get(fail, "Running")
    steps = {"": "ContainerCreating", "ContainerCreating": started, "ErrImagePull": "ImagePullBackOff"}
    return (steps | {"CrashLoopBackOff": "CrashLoopBackOff", "Terminating": "gone"}).get(state)


def _enter(pod: Object, state: str, restarts: int) -> None:
    """Write the status of a pod in `state`: Running, or the reason why its containers wait."""
    is_ready, now = state == "Running", now_text()
    last = {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": now}} if restarts else {}
    phase = "Running" if is_ready or restarts else "Pending"
    pod["status"] |= {"phase": phase, "startTime": pod["metadata"]["creationTimestamp"], "containerStatuses": []}
    for it in pod["spec"]["containers"]:
        waits = {"reason": state} | ({"message": _MESSAGES[state].format(it["image"])} if state in _MESSAGES else {})
        known = {"name": it.get("name", ""), "image": it["image"], "ready": is_ready, "restartCount": restarts}
        known |= {"state": {"running": {"startedAt": now}} if is_ready else {"waiting": waits}, "lastState": last}
        pod["status"]["containerStatuses"].append(known)
    for name in ("Ready", "ContainersReady"):
        set_condition(pod, name, str(is_ready), "" if is_ready else "ContainersNotReady", "")

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
_STEPS = {  # what follows a state, and after how many seconds
    "": ("ContainerCreating", 0.0),
    "ContainerCreating": ("Running", 1.0),
    "ErrImagePull": ("ImagePullBackOff", 1.0),
    "CrashLoopBackOff": ("CrashLoopBackOff", 5.0),
    "Terminating": ("", 0.3),
}
_MESSAGES = {
    "ErrImagePull": 'failed to pull image "{}": manifest unknown',
    "ImagePullBackOff": 'Back-off pulling image "{}": manifest unknown',
    "CrashLoopBackOff": 'back-off restarting failed container of "{}"',
}
_READY = {"Pod": "Ready", "Kustomization": "Ready", "Job": "Complete", "Deployment": "Progressing"}


def rollout(item: Object | None) -> str:
    """Current or InProgress, as Flux judges an object (kstatus); what only is stored is Current."""
    kind = item["kind"] if item else ""
    said = condition(item or {}, _READY.get(kind, ""))
    is_observed = kind != "Deployment" or dig(item, "status.observedGeneration") == dig(item, "metadata.generation")
    is_ready = said.get("status") == "True" and said["reason"] != "ReplicaSetUpdated"
    return "Current" if item and (kind not in _READY or (is_ready and is_observed)) else "InProgress"


class Workloads:
    """Each `reconcile` takes every object one step towards what its spec says."""

    def __init__(self, store: Store) -> None:
        self._store = store
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
        return [it for it in self._store.items(kind) if it["metadata"].get("ownerReferences") == [_ref(owner)]]

    def _roll(self, deployment: Object) -> None:
        """Rolling update: one new pod above the wanted number, old ones go as new ones become available."""
        template, wanted = deployment["spec"]["template"], deployment["spec"]["replicas"]
        digest = hashlib.sha256(json.dumps(template, sort_keys=True, default=str).encode()).hexdigest()[:10]
        labels = template["metadata"]["labels"] | {"pod-template-hash": digest}
        hashed = template | {"metadata": template["metadata"] | {"labels": labels}}
        made = _child(deployment, "ReplicaSet", digest, hashed, {"replicas": 0, "template": hashed})
        new = self._store.get(*key_of(made)) or self._store.put(made)
        old = [it for it in self._owned("ReplicaSet", deployment) if key_of(it) != key_of(new)]
        running, left = _count("spec.replicas", *old), max(0, wanted - _count("status.availableReplicas", new))
        room = wanted + 1 - running if running else wanted
        self._resize(new, min(wanted, max(room, new["spec"]["replicas"])))
        for it in sorted(old, key=lambda it: -_count("status.availableReplicas", it)):
            kept = min(left, it["spec"]["replicas"], _count("status.availableReplicas", it))
            left -= kept
            self._resize(it, kept)
        self._report(deployment, new, old)

    def _resize(self, owner: Object, replicas: int) -> None:
        self._store.edit(owner, lambda it: it["spec"].update(replicas=replicas))

    def _report(self, deployment: Object, new: Object, old: list[Object]) -> None:
        counts = {it: _count(f"status.{it}", new, *old) for it in ("replicas", "readyReplicas", "availableReplicas")}
        counts |= {"updatedReplicas": _count("status.replicas", new)}
        wanted, available, name = deployment["spec"]["replicas"], counts["availableReplicas"], new["metadata"]["name"]
        is_done = all(counts[it] == wanted for it in ("replicas", "updatedReplicas", "availableReplicas"))
        word = "Available" if available >= wanted else "Unavailable"
        step = ("NewReplicaSetAvailable", "has progressed") if is_done else ("ReplicaSetUpdated", "is progressing")

        def report(it: Object) -> None:
            it["status"] |= counts | {"observedGeneration": deployment["metadata"]["generation"]}
            said = f"{available} of {wanted} pods are available."
            set_condition(it, "Available", str(available >= wanted), f"MinimumReplicas{word}", said)
            set_condition(it, "Progressing", "True", step[0], f'ReplicaSet "{name}" {step[1]}.')

        self._store.edit(deployment, report)

    def _scale(self, owner: Object) -> None:
        """Keep as many pods as a ReplicaSet wants, unready ones go first, and count them."""
        pods = [it for it in self._owned("Pod", owner) if "deletionTimestamp" not in it["metadata"]]
        wanted, ready = owner["spec"]["replicas"], sum(_state(it) == "Running" for it in pods)
        template = owner["spec"]["template"]
        for _ in range(wanted - len(pods)):
            self._store.put(_child(owner, "Pod", secrets.token_hex(3)[:5], template, template["spec"]))
        for it in sorted(pods, key=lambda it: _state(it) == "Running")[: max(0, len(pods) - wanted)]:
            self._store.delete(it)
        counts = {"replicas": len(pods), "readyReplicas": ready, "availableReplicas": ready}
        self._store.edit(owner, lambda it: it["status"].update(counts))

    def _finish(self, job: Object) -> None:
        said = ("Complete", "True", "CompletionsReached", "Reached expected number of succeeded pods")
        self._store.edit(job, lambda it: set_condition(it, *said))

    def _live(self, pod: Object) -> None:
        """Take a pod's next step when its time in the present state is over."""
        uid, state = pod["metadata"]["uid"], _state(pod)
        restarts = (dig(pod, "status.containerStatuses") or [{}])[0].get("restartCount", 0)
        after, seconds = _STEPS.get(state, (state, float("inf")))
        if self._since.get(uid, ("",))[0] != (state, restarts):
            self._since[uid] = ((state, restarts), time.monotonic())
        if time.monotonic() - self._since[uid][1] < seconds:
            return None
        if state == "Terminating":
            del self._since[uid]
            return self._store.delete(pod, at_once=True)
        after = _first_of(pod) if after == "Running" else after
        if after in _MESSAGES:
            said = _MESSAGES[after].format(pod["spec"]["containers"][0]["image"])
            self._store.warn(pod, "BackOff" if after == "CrashLoopBackOff" else "Failed", said)
        return self._store.edit(pod, lambda it: _enter(it, after, restarts + (after == "CrashLoopBackOff")))


def _count(path: str, *owners: Object) -> int:
    return sum(dig(it, path) or 0 for it in owners)


def _ref(owner: Object) -> Object:
    named = {part: owner["metadata"][part] for part in ("name", "uid")}
    return {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "controller": True} | named


def _child(owner: Object, kind: str, suffix: str, template: Object, spec: Object) -> Object:
    """A `kind` that a controller makes for `owner`, with labels and annotations of a template."""
    metadata = {"name": f"{owner['metadata']['name']}-{suffix}", "namespace": owner["metadata"]["namespace"]}
    metadata |= template["metadata"] | {"ownerReferences": [_ref(owner)]}
    return {"apiVersion": VERSIONS[kind], "kind": kind, "metadata": metadata, "spec": spec}


def _state(pod: Object) -> str:
    """`Terminating`, the reason why the first container waits, or the phase."""
    first = (dig(pod, "status.containerStatuses") or [{}])[0]
    going = "Terminating" if "deletionTimestamp" in pod["metadata"] else ""
    return str(going or dig(first, "state.waiting.reason") or dig(pod, "status.phase") or "")


def _first_of(pod: Object) -> str:
    """The state in which a pod is once its containers were started."""
    cannot_pull = any(_CANNOT_PULL.search(it["image"]) for it in pod["spec"]["containers"])
    fail = pod["metadata"]["labels"].get(FAIL_LABEL, "imagepull" if cannot_pull else "")
    return {"imagepull": "ErrImagePull", "crashloop": "CrashLoopBackOff"}.get(fail, "Running")


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

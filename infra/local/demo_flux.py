"""The demo cluster's Flux: fetches GitRepositories, applies Kustomizations, reports as kustomize-controller 1.9 does.

Plain YAML only: no overlays, substitution, dependencies, decryption or remote clusters. Every source is polled all the
time, whatever its interval, and every health check has the same time, whatever its timeout.
"""

import asyncio
import io
import os
import subprocess
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TypeAlias

import yaml

from infra.local.demo_store import Object, Refused, Store, condition, dig, key_of, now_text, set_condition
from infra.local.demo_workloads import rollout

GIT_SECONDS = 20
RETRY_SECONDS = 10.0  # after a failure; also how soon a healed app is seen
OWNER = "kustomize.toolkit.fluxcd.io"
_ENVIRONMENT = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
_IN_PROGRESS = ("Unknown", "Progressing", "Reconciliation in progress")
Files: TypeAlias = dict[PurePosixPath, bytes]
Said: TypeAlias = Mapping[str, tuple[str, str, str]]  # conditions
Key: TypeAlias = tuple[str, str, str]


@dataclass(slots=True)
class Run:
    """One reconciliation; `checks` are the objects whose health it waits for."""

    cause: tuple[str, int]
    text: str
    checks: list[Object] = field(default_factory=list)
    began_at: float = field(default_factory=time.monotonic)
    again_at: float = float("inf")


class Flux:
    """source-controller and kustomize-controller, over one store."""

    def __init__(self, store: Store, folder: Path, health_seconds: float) -> None:
        self._store, self._folder, self._health_seconds = store, folder, health_seconds
        self._files: dict[str, tuple[str, Files]] = {}
        self._runs: dict[str, Run] = {}
        self._held: dict[str, set[Key]] = {}
        self._last: dict[str, Object] = {}

    async def fetch(self) -> None:
        """Look once at every source and keep what is new."""
        for item in self._store.items("GitRepository"):
            uid, url, branch = item["metadata"]["uid"], item["spec"]["url"], dig(item, "spec.ref.branch")
            revision, files = self._files.get(uid, ("", {}))
            try:
                self._files[uid] = revision, files = await asyncio.to_thread(
                    _fetched, self._folder, url, branch, revision, files
                )
            except subprocess.SubprocessError as error:
                said = (getattr(error, "stderr", None) or b"no answer").decode(errors="replace").strip()
                failed = ("False", "GitOperationFailed", f"failed to checkout and determine revision: {said}")
                self._mark(item, {"Ready": failed})
                continue
            is_known = dig(item, "status.artifact.revision") == revision
            artifact = item["status"]["artifact"] if is_known else {"revision": revision, "lastUpdateTime": now_text()}
            ready = ("True", "Succeeded", f"stored artifact for revision '{revision}'")
            self._mark(item, {"Ready": ready}, artifact=artifact)

    def reconcile(self) -> None:
        """Take every Kustomization one step."""
        present = {it["metadata"]["uid"]: it for it in self._store.items("Kustomization")}
        for uid in self._last.keys() - present.keys():
            self._prune(self._last[uid], set())
        self._last = present
        for uid, it in present.items():
            try:
                self._step(uid, it)
            except Refused as error:
                self._fail(it, self._runs[uid], error)

    def _step(self, uid: str, it: Object) -> None:
        run = self._runs.get(uid)
        if run is not None and run.checks:
            return self._await_health(it, run)
        source = self._store.get("GitRepository", it["metadata"]["namespace"], it["spec"]["sourceRef"]["name"])
        revision, files = self._files.get(dig(source, "metadata.uid") or "", ("", {}))
        cause = (revision, it["metadata"]["generation"])
        if dig(it, "spec.suspend") or (run and run.cause == cause and time.monotonic() < run.again_at):
            return None
        self._runs[uid] = run = Run(cause, f"for revision {revision} with a timeout of {self._health_seconds:g}s")
        if not revision:
            raise Refused("ArtifactFailed", "Source artifact not found")
        return self._apply(it, run, files)

    def _apply(self, it: Object, run: Run, files: Files) -> None:
        self._progress(it, f"Fetching manifests {run.text}")
        found = _below(files, PurePosixPath(it["spec"]["path"]))
        self._progress(it, f"Building manifests {run.text}", lastAttemptedRevision=run.cause[0])
        wanted = _built(found)
        self._progress(it, f"Detecting drift {run.text}")
        run.checks = [self._put(it, item) for item in wanted]
        self._prune(it, {key_of(item) for item in run.checks})
        self._held[it["metadata"]["uid"]] = {key_of(item) for item in run.checks}
        if not it["spec"].get("wait"):
            run.checks = []
        if run.checks:
            self._progress(it, f"Running health checks {run.text}")
        self._await_health(it, run)

    def _put(self, it: Object, wanted: Object) -> Object:
        """Apply an object under the labels of its Kustomization."""
        labels = (wanted["metadata"].get("labels") or {}) | _own_labels(it)
        try:
            return self._store.put(wanted | {"metadata": wanted["metadata"] | {"labels": labels}})
        except Refused as error:
            raise Refused("ReconciliationFailed", f"{_named(wanted)} dry-run failed: {error}") from error

    def _prune(self, it: Object, kept: set[Key]) -> None:
        """Delete what `it` applied and no longer holds, if it is still its own and not marked to stay."""
        before = self._held.pop(it["metadata"]["uid"], set())
        for found in filter(None, (self._store.get(*key) for key in before - kept)):
            marks = (found["metadata"].get("labels") or {}) | (found["metadata"].get("annotations") or {})
            is_own = _own_labels(it).items() <= marks.items() and marks.get(f"{OWNER}/prune") != "disabled"
            if is_own and it["spec"].get("prune"):
                self._store.delete(found)

    def _await_health(self, it: Object, run: Run) -> None:
        found = [self._store.get(*key_of(item)) or item for item in run.checks]
        late = [f"{_named(item)} status: 'InProgress'" for item in found if rollout(item) != "Current"]
        took = f"{time.monotonic() - run.began_at:.3f}s"
        if late and time.monotonic() - run.began_at > self._health_seconds:
            said = f"health check failed after {took}: timeout waiting for: [{', '.join(late)}]"
            raise Refused("HealthCheckFailed", said)
        if not late:
            healthy = {"Healthy": ("True", "Succeeded", f"Health check passed in {took}")} if run.checks else {}
            ready = ("True", "ReconciliationSucceeded", f"Applied revision: {run.cause[0]}")
            run.checks = []
            self._mark(it, {**healthy, "Ready": ready}, lastAppliedRevision=run.cause[0])

    def _fail(self, it: Object, run: Run, error: Refused) -> None:
        run.checks, run.again_at = [], time.monotonic() + RETRY_SECONDS
        failed = ("False", error.reason, str(error))
        was = condition(self._store.get(*key_of(it)) or it, "Reconciling").get("message", "")
        said = {"Ready": failed, "Reconciling": ("True", "ProgressingWithRetry", was)}
        self._mark(it, said | ({"Healthy": failed} if error.reason == "HealthCheckFailed" else {}))
        self._store.warn(it, error.reason, str(error))

    def _progress(self, it: Object, message: str, **status: object) -> None:
        self._mark(it, {"Reconciling": ("True", "Progressing", message), "Ready": _IN_PROGRESS}, **status)

    def _mark(self, item: Object, conditions: Said, **status: object) -> None:
        """Report on `item`: its conditions, and further fields of its status."""

        def change(it: Object) -> None:
            it["status"] |= status
            for name, said in conditions.items():
                set_condition(it, name, *said)
            if condition(it, "Ready")["status"] == "True":
                it["status"]["observedGeneration"] = item["metadata"]["generation"]
                it["status"]["conditions"] = [
                    known for known in it["status"]["conditions"] if known["type"] != "Reconciling"
                ]

        self._store.edit(item, change)


def _own_labels(it: Object) -> dict[str, str]:
    return {f"{OWNER}/{part}": it["metadata"][part] for part in ("name", "namespace")}


def _named(item: Object) -> str:
    return "/".join(filter(None, key_of(item)))


def _fetched(folder: Path, url: str, branch: str, revision: str, files: Files) -> tuple[str, Files]:
    """The revision at the branch's head and its files; what is given when that is the head."""

    def git(*arguments: str) -> bytes:
        command = ["git", "--git-dir", str(folder), *arguments]
        environment = _ENVIRONMENT | {"PATH": os.environ["PATH"]}
        return subprocess.run(command, capture_output=True, check=True, timeout=GIT_SECONDS, env=environment).stdout

    head = git("ls-remote", "--exit-code", "--", url, f"refs/heads/{branch}").split()[0].decode()
    if revision == f"{branch}@sha1:{head}":
        return revision, files
    git("init", "--quiet", "--bare")
    git("fetch", "--quiet", "--depth=1", "--", url, head)
    with tarfile.open(fileobj=io.BytesIO(git("archive", head))) as tar:
        found = [(PurePosixPath(it.name), tar.extractfile(it)) for it in tar if it.isfile()]
        return f"{branch}@sha1:{head}", {path: it.read() for path, it in found if it}


def _below(files: Files, path: PurePosixPath) -> Files:
    found = {at: text for at, text in files.items() if at.is_relative_to(path)}
    if not found:
        raise Refused("ArtifactFailed", f"kustomization path not found: {path}: no such file or directory")
    return found


def _built(files: Files) -> list[Object]:
    """The objects of all YAML files, namespaces first, as Flux takes them where there is no kustomization.yaml."""
    items: list[Object] = []
    for at, text in sorted((at, text) for at, text in files.items() if at.suffix in (".yaml", ".yml")):
        try:
            items += [it for it in yaml.load_all(text, yaml.CSafeLoader) if it is not None]
        except yaml.YAMLError as error:
            raise Refused("BuildFailed", f"failed to decode Kubernetes YAML from {at}: {error}") from error
        if at.stem == "kustomization" or not all(dig(it, "kind") and dig(it, "metadata.name") for it in items):
            raise Refused("BuildFailed", f"{at}: the demo cluster takes plain YAML objects only")
    return sorted(items, key=lambda it: it["kind"] != "Namespace")

"""The demo cluster's Flux: fetches GitRepositories, applies Kustomizations, reports as kustomize-controller 1.9 does.

Plain YAML only: no overlays, substitution, dependencies, decryption, remote clusters. Every source is looked at all the
time, whatever its interval, and every health check has the same time, whatever its timeout.
"""

import asyncio
import io
import os
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TypeAlias

import yaml

from infra.local.demo_store import Key, Object, Refused, Store, condition, dig, key_of, now_text, set_condition
from infra.local.demo_workloads import rollout

GIT_SECONDS = 20
RETRY_SECONDS = 10.0  # after a failure; also how soon a healed app is seen
IN_PROGRESS = "'InProgress'"
OWNER = "kustomize.toolkit.fluxcd.io"
_ENVIRONMENT = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
_ENVIRONMENT["GIT_ALLOW_PROTOCOL"] = "http:https"
Files: TypeAlias = dict[PurePosixPath, bytes]


@dataclass(slots=True)
class Run:
    """What is known of a Kustomization: its last reconciliation, what it applied, whose health it waits for."""

    item: Object
    cause: tuple[str, int] = ("", 0)
    held: list[Key] = field(default_factory=list)
    checks: list[Key] = field(default_factory=list)
    began_at: float = 0.0
    again_at: float = 0.0


class Flux:
    """source-controller and kustomize-controller, over one store."""

    def __init__(self, store: Store, health_seconds: float) -> None:
        self._store, self._health_seconds = store, health_seconds
        self._files: dict[str, tuple[str, Files]] = {}
        self._runs: dict[str, Run] = {}

    async def fetch(self) -> None:
        """Look once at every source and keep what is new."""
        for item in self._store.items("GitRepository"):
            known = self._files.get(item["metadata"]["uid"], ("", {}))
            try:
                found = await asyncio.to_thread(_fetched, item["spec"], known)
            except Refused as error:
                self._mark(item, {}, Ready=("False", error.reason, str(error)))
                continue
            self._files[item["metadata"]["uid"]] = found
            artifact = {"artifact": {"revision": found[0], "lastUpdateTime": now_text()}}
            ready = ("True", "Succeeded", f"stored artifact for revision '{found[0]}'")
            self._mark(item, {} if found is known else artifact, Ready=ready)

    def reconcile(self) -> None:
        """Take every Kustomization one step."""
        present = {it["metadata"]["uid"]: it for it in self._store.items("Kustomization")}
        for uid in self._runs.keys() - present.keys():
            self._prune(self._runs.pop(uid), [])
        for uid, item in present.items():
            run = self._runs.setdefault(uid, Run(item))
            run.item = item
            try:
                self._step(run)
            except Refused as error:
                self._fail(run, error)

    def _step(self, run: Run) -> None:
        spec, metadata = run.item["spec"], run.item["metadata"]
        source = self._store.get("GitRepository", metadata["namespace"], spec["sourceRef"]["name"])
        revision, files = self._files.get(dig(source, "metadata.uid") or "", ("", {}))
        cause, now = (revision, metadata["generation"]), time.monotonic()
        if run.checks:
            self._await_health(run)
        elif revision and not spec.get("suspend") and (cause != run.cause or now >= run.again_at):
            run.cause, run.began_at = cause, now
            self._apply(run, files)

    def _apply(self, run: Run, files: Files) -> None:
        self._progress(run, "Fetching manifests")
        path = PurePosixPath(run.item["spec"].get("path", "."))
        found = {at: text for at, text in files.items() if at.is_relative_to(path)}
        if not found:
            raise Refused("ArtifactFailed", f"kustomization path not found: {path}: no such file or directory")
        self._progress(run, "Building manifests", lastAttemptedRevision=run.cause[0])
        wanted = _built(found)
        self._progress(run, "Detecting drift")
        held = [self._put(run.item, it) for it in wanted]
        self._prune(run, held)
        run.checks = held if run.item["spec"].get("wait") else []
        if run.checks:
            self._progress(run, "Running health checks")
        self._await_health(run)

    def _put(self, owner: Object, wanted: Object) -> Key:
        labels = (wanted["metadata"].get("labels") or {}) | _own_labels(owner)
        try:
            self._store.put(wanted | {"metadata": wanted["metadata"] | {"labels": labels}})
        except Refused as error:
            raise Refused("ReconciliationFailed", f"{_named(key_of(wanted))} dry-run failed: {error}") from error
        return key_of(wanted)

    def _prune(self, run: Run, held: list[Key]) -> None:
        """Delete what was applied and is no longer held, if it is still its own and not marked to stay."""
        gone, run.held = set(run.held) - set(held), held
        for found in filter(None, (self._store.get(*key) for key in gone)):
            marks = (found["metadata"].get("labels") or {}) | (found["metadata"].get("annotations") or {})
            is_own = _own_labels(run.item).items() <= marks.items() and marks.get(f"{OWNER}/prune") != "disabled"
            if is_own and run.item["spec"].get("prune"):
                self._store.delete(found)

    def _await_health(self, run: Run) -> None:
        late = [key for key in run.checks if rollout(self._store.get(*key)) != "Current"]
        seconds = time.monotonic() - run.began_at
        if late and seconds > self._health_seconds:
            waits = f"timeout waiting for: [{', '.join(f'{_named(key)} status: {IN_PROGRESS}' for key in late)}]"
            raise Refused("HealthCheckFailed", f"health check failed after {seconds:.3f}s: {waits}")
        if not late:
            health = {"Healthy": ("True", "Succeeded", f"Health check passed in {seconds:.3f}s")} if run.checks else {}
            run.checks, run.again_at = [], float("inf")
            ready = ("True", "ReconciliationSucceeded", f"Applied revision: {run.cause[0]}")
            self._mark(run.item, {"lastAppliedRevision": run.cause[0]}, **health, Ready=ready)

    def _fail(self, run: Run, error: Refused) -> None:
        run.checks, run.again_at = [], time.monotonic() + RETRY_SECONDS
        failed = ("False", error.reason, str(error))
        was = condition(self._store.get(*key_of(run.item)) or {}, "Reconciling").get("message", "")
        health = {"Healthy": failed} if error.reason == "HealthCheckFailed" else {}
        self._mark(run.item, {}, Reconciling=("True", "ProgressingWithRetry", was), **health, Ready=failed)
        self._store.warn(run.item, error.reason, str(error))

    def _progress(self, run: Run, step: str, **status: object) -> None:
        text = f"{step} for revision {run.cause[0]} with a timeout of {self._health_seconds:g}s"
        ready = ("Unknown", "Progressing", "Reconciliation in progress")
        self._mark(run.item, status, Reconciling=("True", "Progressing", text), Ready=ready)

    def _mark(self, item: Object, status: Mapping[str, object], **conditions: tuple[str, str, str]) -> None:
        """Report on `item`: further fields of its status, and conditions."""

        def change(it: Object) -> None:
            it["status"] |= status
            for name, said in conditions.items():
                set_condition(it, name, *said)
            if conditions["Ready"][0] == "True":
                it["status"]["observedGeneration"] = item["metadata"]["generation"]
                it["status"]["conditions"] = [c for c in it["status"]["conditions"] if c["type"] != "Reconciling"]

        self._store.edit(item, change)


def _own_labels(it: Object) -> dict[str, str]:
    return {f"{OWNER}/{part}": it["metadata"][part] for part in ("name", "namespace")}


def _named(key: Key) -> str:
    return "/".join(filter(None, key))


def _git(*arguments: str) -> bytes:
    command, environment = ["git", *arguments], _ENVIRONMENT | {"PATH": os.environ["PATH"]}
    try:
        return subprocess.run(command, capture_output=True, check=True, timeout=GIT_SECONDS, env=environment).stdout
    except subprocess.SubprocessError as error:
        said = (getattr(error, "stderr", None) or b"no such branch, or no answer").decode(errors="replace").strip()
        raise Refused("GitOperationFailed", f"failed to checkout and determine revision: {said}") from error


def _fetched(spec: Object, known: tuple[str, Files]) -> tuple[str, Files]:
    """The revision at the source's branch and its files; `known` itself when that is still the head."""
    url, branch = spec["url"], dig(spec, "ref.branch") or "master"
    head = _git("ls-remote", "--exit-code", "--", url, f"refs/heads/{branch}").split()[0].decode()
    if known[0] == f"{branch}@sha1:{head}":
        return known
    with tempfile.TemporaryDirectory() as folder:
        _git("init", "--quiet", "--bare", folder)
        _git("-C", folder, "fetch", "--quiet", "--depth=1", "--", url, head)
        packed = io.BytesIO(_git("-C", folder, "archive", head))
    with tarfile.open(fileobj=packed) as tar:
        found = [(PurePosixPath(it.name), tar.extractfile(it)) for it in tar if it.isfile()]
        return f"{branch}@sha1:{head}", {path: it.read() for path, it in found if it}


def _built(files: Files) -> list[Object]:
    """The objects of all YAML files, namespaces first."""
    items: list[Object] = []
    for at in sorted(it for it in files if it.suffix in (".yaml", ".yml")):
        try:
            items += filter(None, yaml.load_all(files[at], yaml.CSafeLoader))
        except yaml.YAMLError as error:
            raise Refused("BuildFailed", f"failed to decode Kubernetes YAML from {at}: {error}") from error
        named = all(isinstance(dig(it, part), str) for it in items for part in ("apiVersion", "kind", "metadata.name"))
        if at.stem == "kustomization" or not named:
            raise Refused("BuildFailed", f"{at}: the demo cluster takes plain YAML objects only")
    return sorted(items, key=lambda it: it["kind"] != "Namespace")

"""The demo cluster's Flux: fetches GitRepositories, applies Kustomizations, reports as kustomize-controller 1.9 does.

Plain YAML only: no overlays, substitution, dependencies, decryption, remote clusters, `suspend`. Every source is looked
at all the time, whatever its interval, and every health check has the same time, whatever its timeout.
"""

import asyncio
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TypeAlias

import yaml

from infra.local.demo_store import Key, Object, Store, condition, dig, key_of
from infra.local.demo_workloads import is_healthy

GIT_SECONDS = 20
RETRY_SECONDS = 10.0  # after a failure; also how soon a healed app is seen
OWNER = "kustomize.toolkit.fluxcd.io"
_ENVIRONMENT = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
_ENVIRONMENT["GIT_ALLOW_PROTOCOL"] = "http:https"
Files: TypeAlias = dict[PurePosixPath, bytes]


class Stuck(Exception):
    """A reconciliation cannot go on; its arguments are the word of Flux for it, and why."""


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
        self._sources: dict[Key, tuple[str, Files]] = {}
        self._runs: dict[Key, Run] = {}

    async def fetch(self) -> None:
        """Look once at every source and keep what is new."""
        for item in self._store.items("GitRepository"):
            known = self._sources.get(key_of(item), ("", {}))
            try:
                found = await asyncio.to_thread(_fetched, item, known)
            except Stuck as error:
                self._store.report(item, {}, Ready=("False", *error.args))
                continue
            self._sources[key_of(item)] = found
            ready = ("True", "Succeeded", f"stored artifact for revision '{found[0]}'")
            self._store.report(item, {"artifact": {"revision": found[0]}}, Ready=ready)

    def reconcile(self) -> None:
        """Take every Kustomization one step."""
        present = {key_of(it): it for it in self._store.items("Kustomization")}
        for key in self._runs.keys() - present.keys():
            self._prune(self._runs.pop(key), [])
        for key, item in present.items():
            run = self._runs.setdefault(key, Run(item))
            run.item = item
            try:
                self._step(run)
            except Stuck as error:
                self._fail(run, *error.args)
            except (AttributeError, KeyError, TypeError) as error:
                self._fail(run, "BuildFailed", f"the demo cluster takes whole, plain YAML objects only: {error!r}")

    def _step(self, run: Run) -> None:
        source = ("GitRepository", key_of(run.item)[1], dig(run.item, "spec.sourceRef.name"))
        revision, files = self._sources.get(source, ("", {}))
        cause, now = (revision, run.item["metadata"]["generation"]), time.monotonic()
        if run.checks:
            self._await_health(run)
        elif revision and (cause != run.cause or now >= run.again_at):
            run.cause, run.began_at = cause, now
            self._apply(run, files)

    def _apply(self, run: Run, files: Files) -> None:
        path = PurePosixPath(run.item["spec"].get("path", "."))
        found = {at: text for at, text in files.items() if at.is_relative_to(path)}
        if not found:
            raise Stuck("ArtifactFailed", f"kustomization path not found: {path}: no such file or directory")
        self._progress(run, "Building manifests", lastAttemptedRevision=run.cause[0])
        wanted = _built(found, {f"{OWNER}/{part}": run.item["metadata"][part] for part in ("name", "namespace")})
        held = [key_of(self._store.put(it)) for it in wanted]
        self._prune(run, held)
        run.checks = held if run.item["spec"].get("wait") else []
        if run.checks:
            self._progress(run, "Running health checks")
        self._await_health(run)

    def _prune(self, run: Run, held: list[Key]) -> None:
        """Delete what was applied and is no longer held, unless it is marked to stay."""
        gone, run.held = set(run.held) - set(held), held
        for found in filter(None, (self._store.get(*key) for key in gone)):
            is_to_stay = found["metadata"]["annotations"].get(f"{OWNER}/prune") == "disabled"
            if run.item["spec"].get("prune") and not is_to_stay:
                self._store.delete(found)

    def _await_health(self, run: Run) -> None:
        late = [f"{'/'.join(it)} status: 'InProgress'" for it in run.checks if not is_healthy(self._store.get(*it))]
        seconds = time.monotonic() - run.began_at
        if late and seconds > self._health_seconds:
            text = f"health check failed after {seconds:.3f}s: timeout waiting for: [{', '.join(late)}]"
            raise Stuck("HealthCheckFailed", text)
        if not late:
            health = {"Healthy": ("True", "Succeeded", f"Health check passed in {seconds:.3f}s")} if run.checks else {}
            run.checks, run.again_at = [], float("inf")
            ready = ("True", "ReconciliationSucceeded", f"Applied revision: {run.cause[0]}")
            status = {"lastAppliedRevision": run.cause[0], "observedGeneration": run.cause[1]}
            self._store.report(run.item, status, **health, Ready=ready)

    def _fail(self, run: Run, reason: str, message: str) -> None:
        run.checks, run.again_at = [], time.monotonic() + RETRY_SECONDS
        failed = ("False", reason, message)
        step = condition(self._store.get(*key_of(run.item)), "Reconciling").get("message", "")
        health = {"Healthy": failed} if reason == "HealthCheckFailed" else {}
        self._store.report(run.item, {}, Reconciling=("True", "ProgressingWithRetry", step), **health, Ready=failed)
        self._store.warn(run.item, reason, message)

    def _progress(self, run: Run, step: str, **status: object) -> None:
        text = f"{step} for revision {run.cause[0]} with a timeout of {self._health_seconds:g}s"
        ready = ("Unknown", "Progressing", "Reconciliation in progress")
        self._store.report(run.item, status, Reconciling=("True", "Progressing", text), Ready=ready)


def _git(*arguments: str) -> str:
    command, env = ["git", *arguments], _ENVIRONMENT | {"PATH": os.environ["PATH"]}
    try:
        return subprocess.run(command, capture_output=True, check=True, timeout=GIT_SECONDS, env=env).stdout.decode()
    except subprocess.SubprocessError as error:
        said = (getattr(error, "stderr", None) or b"no such branch, or no answer").decode(errors="replace").strip()
        raise Stuck("GitOperationFailed", f"failed to checkout and determine revision: {said}") from error


def _fetched(item: Object, known: tuple[str, Files]) -> tuple[str, Files]:
    """The revision at the source's branch and its YAML files; `known` itself when that is still the head."""
    url, branch = str(dig(item, "spec.url")), str(dig(item, "spec.ref.branch"))
    head = _git("ls-remote", "--exit-code", "--", url, f"refs/heads/{branch}").split()[0]
    if known[0] == f"{branch}@sha1:{head}":
        return known
    with tempfile.TemporaryDirectory() as name:
        _git("clone", "--quiet", "--depth=1", f"--branch={branch}", "--config=core.symlinks=false", "--", url, name)
        head, folder = _git("-C", name, "rev-parse", "HEAD").strip(), Path(name)
        files = [it for it in folder.rglob("*") if it.suffix in (".yaml", ".yml") and it.is_file()]
        return f"{branch}@sha1:{head}", {PurePosixPath(it.relative_to(folder)): it.read_bytes() for it in files}


def _built(files: Files, labels: dict[str, str]) -> list[Object]:
    """The objects of YAML files, labelled, namespaces first."""
    items: list[Object] = []
    for at in sorted(files):
        try:
            items += filter(None, yaml.load_all(files[at], yaml.CSafeLoader))
        except yaml.YAMLError as error:
            raise Stuck("BuildFailed", f"failed to decode Kubernetes YAML from {at}: {error}") from error
    for it in items:
        notes, marks = ({**(it["metadata"].get(name) or {})} for name in ("annotations", "labels"))
        it["metadata"] |= {"annotations": notes, "labels": marks | labels}
    return sorted(items, key=lambda it: it["kind"] != "Namespace")

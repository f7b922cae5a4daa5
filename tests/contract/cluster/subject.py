"""The cluster under test, read as the agent reads it: raw JSON over HTTP, with one token."""

from __future__ import annotations

import json
import ssl
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from infra.local.git_server import GitServer
from tests.real_git import commit_on_host

Object: TypeAlias = dict[str, Any]
PODS, EVENTS, SERVICES = "/api/v1/pods", "/api/v1/events", "/api/v1/services"
DEPLOYMENTS, REPLICA_SETS = "/apis/apps/v1/deployments", "/apis/apps/v1/replicasets"
KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1/kustomizations"
SOURCES = "/apis/source.toolkit.fluxcd.io/v1/gitrepositories"
ENVIRONMENT, FLUX_NAMESPACE, APPS_NAMESPACE = "contract", "gimlet-contract", "contract-apps"
REPOSITORY = "acme/gitops"


@dataclass(frozen=True)
class Subject:
    """A cluster that follows the repository `acme/gitops` of `git`; `poke` makes Flux look at it now."""

    url: str
    token: str
    ca_path: Path | None
    kubeconfig: Path
    git: GitServer
    poke: Callable[[], object]
    patience_seconds: float

    def push(self, changes: Mapping[str, str | None]) -> str:
        """Commit texts to (or None: remove from) the environment's folder; returns the revision as Flux names it."""
        contents = {f"{ENVIRONMENT}/{name}": it.encode() if it is not None else None for name, it in changes.items()}
        sha = commit_on_host(self.git.path_of(REPOSITORY), "refs/heads/main", contents)
        self.poke()
        return f"main@sha1:{sha}"

    def open(self, path: str, *, token: str | None = None, **query: str) -> Any:
        given = self.token if token is None else token
        url = f"{self.url}{path}?{urllib.parse.urlencode(query)}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {given}"})
        context = ssl.create_default_context(cafile=str(self.ca_path)) if self.ca_path else None
        return urllib.request.urlopen(request, timeout=60, context=context)

    def get(self, path: str, **query: str) -> Object:
        with self.open(path, **query) as answer:
            found: Object = json.loads(answer.read())
        return found

    def named(self, path: str, name: str, namespace: str = APPS_NAMESPACE) -> Object | None:
        """The object of that name, or None."""
        items = [it for it in self.get(path)["items"] if it["metadata"]["name"] == name]
        return next((it for it in items if it["metadata"]["namespace"] == namespace), None)

    def watch(self, path: str, version: str, *, seconds: int, name: str = "") -> Iterator[tuple[str, Object]]:
        """Types and objects (of one name) of a watch from a version on, until it ends by itself."""
        query = {"watch": "1", "timeoutSeconds": str(seconds), "resourceVersion": version}
        events = _events(self.open(path, allowWatchBookmarks="true", **query))
        return (it for it in events if it[0] == "ERROR" or name in ("", it[1]["metadata"].get("name")))

    def version(self, path: str) -> str:
        """Where a list of a kind stands."""
        return str(self.get(path)["metadata"]["resourceVersion"])

    def until(self, what: str, find: Callable[[], Any]) -> Any:
        """What `find` returns once that is true; fails after the cluster's patience, naming what was seen last."""
        ends_at = time.monotonic() + self.patience_seconds
        while not (found := find()):
            assert time.monotonic() < ends_at, f"{what}: not in {self.patience_seconds:g} s"
            time.sleep(0.1)
        return found

    def kustomization(self, app: str) -> Object:
        found = self.named(KUSTOMIZATIONS, app, FLUX_NAMESPACE)
        return found or {"metadata": {"generation": 0}}

    def settled(self, app: str, revision: str) -> Object:
        """The app's Kustomization once its reconciliation of `revision` has ended, well or not."""

        def ended() -> Object | None:
            found = self.kustomization(app)
            is_it = found.get("status", {}).get("lastAttemptedRevision") == revision
            return found if is_it and condition(found, "Ready")["status"] in ("True", "False") else None

        found: Object = self.until(f"{app} at {revision}", ended)
        return found

    def owned(self, path: str, owner: Object) -> list[Object]:
        """Objects of a kind whose controller is `owner`."""
        uid = owner["metadata"]["uid"]
        items = self.get(path)["items"]
        return [it for it in items if any(ref["uid"] == uid for ref in it["metadata"].get("ownerReferences", []))]

    def pods(self, app: str) -> list[Object]:
        """The pods of an app's Deployment, by the chain of owners; none when there is no Deployment."""
        deployment = self.named(DEPLOYMENTS, app)
        sets = self.owned(REPLICA_SETS, deployment) if deployment else []
        return [pod for found in sets for pod in self.owned(PODS, found)]


def _events(lines: Any) -> Iterator[tuple[str, Object]]:
    with lines:
        for line in lines:
            event = json.loads(line)
            yield event["type"], event["object"]


def condition(item: Object, name: str) -> Object:
    """The condition called `name`; one of status "" when there is none."""
    found = [it for it in item.get("status", {}).get("conditions", []) if it["type"] == name]
    return found[0] if found else {"status": "", "reason": "", "message": ""}


def waiting(pod: Object) -> Object:
    """Why the first container waits, or nothing."""
    statuses = pod.get("status", {}).get("containerStatuses") or [{}]
    found: Object = statuses[0].get("state", {}).get("waiting", {})
    return found


def app_files(app: str, image: str = "shop:1", *, replicas: int = 1, fail: str = "") -> dict[str, str | None]:
    """An app's Deployment and Kustomization, as Gimlet writes them."""
    labels = {"app": app} | ({"e2e.test/fail": fail} if fail else {})
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": image}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": app}}, "template": template}
    deployment = manifest("apps/v1", "Deployment", app, APPS_NAMESPACE, spec=spec)
    return {f"{app}/deployment.yaml": deployment} | kustomization_file(app)


def kustomization_file(app: str, **changes: object) -> dict[str, str | None]:
    spec: Object = {"interval": "10m", "timeout": "30s", "wait": True, "prune": True, "path": f"./{ENVIRONMENT}/{app}"}
    spec["sourceRef"] = {"kind": "GitRepository", "name": f"gitops-{ENVIRONMENT}"}
    labels = {"gimlet.io/environment": ENVIRONMENT, "gimlet.io/app": app}
    own = {"name": app, "namespace": FLUX_NAMESPACE, "labels": labels}
    text = manifest("kustomize.toolkit.fluxcd.io/v1", "Kustomization", app, metadata=own, spec=spec | changes)
    return {f"flux/kustomization-{app}.yaml": text}


def manifest(version: str, kind: str, name: str, namespace: str = "", **parts: object) -> str:
    """One object as YAML (of which JSON is a part)."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return json.dumps({"apiVersion": version, "kind": kind, "metadata": metadata, **parts}) + "\n"


def service(name: str, port: int = 80, **metadata: object) -> str:
    """A Service, which needs no controller to be there."""
    own = {"name": name, "namespace": APPS_NAMESPACE} | metadata
    return manifest("v1", "Service", name, metadata=own, spec={"ports": [{"port": port}]})

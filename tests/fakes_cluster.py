"""An in-process Kubernetes API for tests: lists in pages, watches with bookmarks, and the ways it lets down a watcher.

It holds whole objects as JSON and speaks what `agent.watcher` relies on, nothing more: GET of lists and watches, and
`/version`. Faults are methods: `compact`, `end_watches`, `forbid`, `unserve`, `stall`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from agent.kinds import KINDS

Json = dict[str, Any]
PATHS = {kind.path: kind.name for kind in KINDS}
TICK_SECONDS = 0.05


class FakeCluster:
    """Objects by kind; `put` and `delete` are seen by open watches. `url` answers while in `with`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._version = 100
        self._objects: dict[str, dict[tuple[str, str], Json]] = {kind: {} for kind in PATHS.values()}
        self._history: list[tuple[int, str, str, Json]] = []
        self._oldest = 0
        self._epoch = 0
        self._status: dict[str, int] = {}
        self.requests: list[tuple[str, str]] = []  # kind, "list" or "watch"
        self.url = ""

    # ---- the world changes

    def put(self, kind: str, obj: Json) -> None:
        """Create or replace an object."""
        with self._changed:
            self._version += 1
            kept = deepcopy(obj)
            meta = kept.setdefault("metadata", {})
            meta["resourceVersion"] = str(self._version)
            key = (meta.get("namespace", ""), meta["name"])
            event = "MODIFIED" if key in self._objects[kind] else "ADDED"
            self._objects[kind][key] = kept
            self._history.append((self._version, kind, event, kept))
            self._changed.notify_all()

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Remove an object."""
        with self._changed:
            self._version += 1
            gone = deepcopy(self._objects[kind].pop((namespace, name)))
            gone["metadata"]["resourceVersion"] = str(self._version)
            self._history.append((self._version, kind, "DELETED", gone))
            self._changed.notify_all()

    # ---- faults

    def compact(self) -> None:
        """Forget history: a watch from any version known so far is answered with an ERROR event of code 410."""
        with self._changed:
            self._history.clear()
            self._version += 1
            self._oldest = self._version
            self._changed.notify_all()

    def end_watches(self) -> None:
        """End all open watches cleanly, as a server short of time does."""
        with self._changed:
            self._epoch += 1
            self._changed.notify_all()

    def answer(self, kind: str, status: int) -> None:
        """Answer every request for a kind with a status; 200 heals it."""
        with self._changed:
            self._status[kind] = status

    # ---- serving

    @contextmanager
    def serving(self) -> Iterator[FakeCluster]:
        """Serve on a free loopback port."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.url = ""
            self.end_watches()
            server.shutdown()
            server.server_close()

    def kubeconfig(self, folder: Path) -> str:
        """A kubeconfig file for this server; its path."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
            "users": [{"name": "fake", "user": {"token": "cluster-token"}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
        }
        path = folder / "kubeconfig.json"
        path.write_text(json.dumps(config))
        return str(path)

    def accept(self, kind: str, verb: str) -> tuple[int, int]:
        """Count a request; the status to answer, and the epoch in which it came: `end_watches` ends that of others."""
        with self._changed:
            self.requests.append((kind, verb))
            return self._status.get(kind, 200), self._epoch

    def page(self, kind: str, limit: int, start: int) -> Json:
        """One page of a list, with the version it is consistent with."""
        with self._changed:
            items = [self._objects[kind][key] for key in sorted(self._objects[kind])]
            more = str(start + limit) if limit and start + limit < len(items) else ""
            metadata = {"resourceVersion": str(self._version), **({"continue": more} if more else {})}
            return {"kind": f"{kind}List", "metadata": metadata, "items": items[start : start + (limit or len(items))]}

    def events(self, kind: str, version: int, epoch: int) -> Iterator[Json]:
        """Events of a watch until it is ended; a bookmark after each quiet moment."""
        if version < self._oldest:
            yield {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}}
            return
        while True:
            with self._changed:
                fresh = [each for each in self._history if each[0] > version and each[1] == kind]
                latest = self._version
                if not fresh and epoch == self._epoch:
                    self._changed.wait(TICK_SECONDS)
                    if epoch == self._epoch and latest == self._version:
                        continue
                    fresh = [each for each in self._history if each[0] > version and each[1] == kind]
            for number, _, event, obj in fresh:
                version = number
                yield {"type": event, "object": obj}
            if epoch != self._epoch:
                return
            if version < latest:
                version = latest
                yield {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(latest)}}}


def _handler(cluster: FakeCluster) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if not cluster.url:  # a kept connection outlives the server
                self.close_connection = True
                return None
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/version":
                return self.whole(200, {"gitVersion": "v1.36.3"})
            kind = PATHS.get(parts.path, "")
            watching = query.get("watch") == "1"
            status, epoch = cluster.accept(kind, "watch" if watching else "list") if kind else (404, 0)
            if status != 200:
                return self.whole(status, {"kind": "Status", "code": status})
            if not watching:
                page = cluster.page(kind, int(query.get("limit", "0")), int(query.get("continue", "0")))
                return self.whole(200, page)
            return self.stream(cluster.events(kind, int(query["resourceVersion"]), epoch))

        def whole(self, status: int, body: Json) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def stream(self, events: Iterator[Json]) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                for event in events:
                    data = json.dumps(event).encode() + b"\n"
                    self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                    self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")
            except (ConnectionError, ValueError):
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            return

    return Handler


# ---- objects as a cluster would hold them


def deployment(name: str, namespace: str = "team", *, replicas: int = 1, ready: int | None = None, **meta: Any) -> Json:
    """A Deployment whose pods carry `app: <name>`; healthy unless told otherwise."""
    count = replicas if ready is None else ready
    return {
        "metadata": {"name": name, "namespace": namespace, "generation": 1, **meta},
        "spec": {
            "replicas": replicas,
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "containers": [{"name": "main", "image": f"{name}:1", "env": [{"name": "A", "value": "canary"}]}]
                },
            },
        },
        "status": {
            "observedGeneration": 1,
            "updatedReplicas": replicas,
            "readyReplicas": count,
            "availableReplicas": count,
        },
    }


def replica_set(deployment_name: str, namespace: str = "team") -> Json:
    """The ReplicaSet `<deployment>-rs` of a Deployment."""
    owner = {"kind": "Deployment", "name": deployment_name, "controller": True}
    return {"metadata": {"name": f"{deployment_name}-rs", "namespace": namespace, "ownerReferences": [owner]}}


def pod(name: str, namespace: str = "team", *, replica_set_name: str = "", ready: bool = True, **status: Any) -> Json:
    """A Running pod, ready or not; `status` overrides."""
    owner = {"kind": "ReplicaSet", "name": replica_set_name, "controller": True}
    condition = {
        "type": "Ready",
        "status": "True" if ready else "False",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        **({} if ready else {"reason": "ContainersNotReady"}),
    }
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "canary"},
            **({"ownerReferences": [owner]} if replica_set_name else {}),
        },
        "spec": {"containers": [{"name": "main", "env": [{"name": "PASSWORD", "value": "canary"}]}]},
        "status": {
            "phase": "Running",
            "conditions": [condition],
            "containerStatuses": [
                {"ready": ready, "restartCount": 0, "state": {"running": {"startedAt": "2026-01-01T00:00:01Z"}}}
            ],
            **status,
        },
    }


def service(name: str, namespace: str = "team", *, app: str = "", **meta: Any) -> Json:
    """A Service that selects `app: <name>`, annotated as the app's when one is named."""
    annotations = {"gimlet.io/app": app, "gimlet.io/git-repository": "acme/shop"} if app else {}
    return {
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations, **meta},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80}]},
    }


def kustomization(name: str, namespace: str, *, environment: str = "", app: str = "", **status: Any) -> Json:
    """A Flux Kustomization, Ready; labelled when an environment is named."""
    labels = {"gimlet.io/environment": environment, "gimlet.io/app": app} if environment else {}
    ready = {"type": "Ready", "status": "True", "reason": "ReconciliationSucceeded", "message": "Applied revision"}
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"suspend": False},
        "status": {
            "conditions": [ready],
            "lastAppliedRevision": "main@sha1:1",
            "lastAttemptedRevision": "main@sha1:1",
            **status,
        },
    }


def applied_by(name: str, namespace: str) -> Json:
    """Labels that Flux puts on what it applies."""
    return {"kustomize.toolkit.fluxcd.io/name": name, "kustomize.toolkit.fluxcd.io/namespace": namespace}

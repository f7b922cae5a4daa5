"""The demo cluster's API server: lists in pages and watches, of the kinds that the agent reads.

It only reads: what is in the cluster came from a repository, or from `DemoCluster`. One token sees everything. No
discovery, single objects, namespaces in addresses, selectors, or words beside a status code.
"""

import asyncio
import contextlib
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from functools import partial

from aiohttp import web

from infra.local.demo_store import Change, Object, Store

BOOKMARK_SECONDS = 10.0
LOOK_SECONDS = 0.03
_DUMPS = partial(json.dumps, default=str)  # YAML's dates are text here
_KINDS = {
    "/api/v1/events": "Event",
    "/api/v1/pods": "Pod",
    "/api/v1/services": "Service",
    "/apis/apps/v1/daemonsets": "DaemonSet",
    "/apis/apps/v1/deployments": "Deployment",
    "/apis/apps/v1/replicasets": "ReplicaSet",
    "/apis/apps/v1/statefulsets": "StatefulSet",
    "/apis/kustomize.toolkit.fluxcd.io/v1/kustomizations": "Kustomization",
    "/apis/source.toolkit.fluxcd.io/v1/gitrepositories": "GitRepository",
}


class Api:
    """Answers what is asked of `store` by who knows `token`, until `is_closing`."""

    def __init__(self, store: Store, token: str) -> None:
        self._store, self._token, self.is_closing = store, token, False
        self._pages: dict[str, tuple[int, list[Object]]] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The handler of every address."""
        kind, query = _KINDS.get(request.path), request.query
        selector = "type=Warning" if kind == "Event" else ""  # there are no other Events
        if not hmac.compare_digest(request.headers.get("Authorization", ""), f"Bearer {self._token}"):
            raise web.HTTPUnauthorized
        if request.path == "/version":
            return web.json_response({"gitVersion": "v1.36.3+demo"})
        if kind is None:
            raise web.HTTPNotFound
        if "labelSelector" in query or query.get("fieldSelector", selector) != selector:
            raise web.HTTPBadRequest
        return await self._watch(kind, request) if "watch" in query else self._list(kind, query)

    def _list(self, kind: str, query: Mapping[str, str]) -> web.Response:
        """One page; the next ones are of the same moment."""
        token, now = query.get("continue", ""), (self._store.version, self._store.items(kind))
        if token and token not in self._pages:
            raise web.HTTPGone
        version, items = self._pages.pop(token, now)
        metadata, limit = {"resourceVersion": str(version)}, int(query.get("limit", len(items)))
        if items[limit:]:
            metadata["continue"] = secrets.token_urlsafe(16)
            self._pages[metadata["continue"]] = (version, items[limit:])
        return web.json_response({"kind": f"{kind}List", "metadata": metadata, "items": items[:limit]}, dumps=_DUMPS)

    async def _watch(self, kind: str, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "application/json"})
        with contextlib.suppress(ConnectionError):  # a watcher that went away is no news
            await stream.prepare(request)
            async for word, item in self._changes(kind, request.query):
                await stream.write(_DUMPS({"type": word, "object": item}).encode() + b"\n")
        return stream

    async def _changes(self, kind: str, query: Mapping[str, str]) -> AsyncIterator[Change]:
        """What a watcher is told from its version on until its time is over."""
        version, seconds = int(query.get("resourceVersion", 0)), float(query.get("timeoutSeconds", 1800))
        ends_at, bookmark_at = time.monotonic() + seconds, time.monotonic() + min(BOOKMARK_SECONDS, seconds / 2)
        while not self.is_closing and time.monotonic() < ends_at:
            changes, version = self._store.since(version), self._store.version
            if changes is None:
                yield "ERROR", {"kind": "Status", "code": 410, "reason": "Expired"}
                return
            for word, item in changes:
                if item["kind"] == kind:
                    yield word, item
            if time.monotonic() >= bookmark_at and "allowWatchBookmarks" in query:
                bookmark_at += BOOKMARK_SECONDS
                yield "BOOKMARK", {"kind": kind, "metadata": {"resourceVersion": str(version)}}
            await asyncio.sleep(LOOK_SECONDS)

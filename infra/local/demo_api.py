"""The demo cluster's API server: list in pages, watch, get.

It only reads: what is in the cluster came from a repository, or from `DemoCluster`. One token sees everything. No
discovery, label selectors or subresources, and only the kinds of `demo_store`.
"""

import asyncio
import contextlib
import hmac
import json
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import TypeAlias

from aiohttp import web

from infra.local.demo_store import VERSIONS, Object, Refused, Store, dig

BOOKMARK_SECONDS = 10.0
WATCH_SECONDS = "1800"  # when the client names no timeout
LOOK_SECONDS = 0.03
LISTS_UNDER_WAY = 64  # whose next page is kept
_ADDRESS = re.compile(r"/apis?/(v1|[^/]+/[^/]+)(?:/namespaces/([^/]+)(?=/))?/([^/]+)(?:/([^/]+))?")
_VERSION = {"major": "1", "minor": "36", "gitVersion": "v1.36.3+demo", "platform": "demo cluster"}
_ENDINGS = {"y": "ies", "s": "ses"}  # policies, ingresses
_PLURALS = {kind.lower()[:-1] + _ENDINGS.get(kind[-1], f"{kind[-1]}s"): kind for kind in VERSIONS}
_DUMPS = partial(json.dumps, default=str)  # YAML's dates are text here
Chosen: TypeAlias = Callable[[Object], bool]
Query: TypeAlias = Mapping[str, str]


class Api:
    """Answers what is asked of `store` by who knows `token`, until `is_closing`."""

    def __init__(self, store: Store, token: str) -> None:
        self._store, self._token, self.is_closing = store, token, False
        self._pages: OrderedDict[str, tuple[int, list[Object]]] = OrderedDict()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The handler of every address."""
        try:
            if not hmac.compare_digest(request.headers.get("Authorization", ""), f"Bearer {self._token}"):
                raise Refused("Unauthorized", "Unauthorized", 401)
            found = self._read(request)
        except ValueError as error:
            return web.json_response(_failure(Refused("BadRequest", str(error))), status=400)
        except Refused as error:
            return web.json_response(_failure(error), status=error.status)
        if isinstance(found, dict):
            return web.json_response(found, dumps=_DUMPS)
        stream = web.StreamResponse(headers={"Content-Type": "application/json"})
        with contextlib.suppress(ConnectionError):  # a watcher that went away is no news
            await stream.prepare(request)
            async for name, item in found:
                await stream.write(_DUMPS({"type": name, "object": item}).encode() + b"\n")
        return stream

    def _read(self, request: web.Request) -> Object | AsyncIterator[tuple[str, Object]]:
        if request.path in ("/version", "/readyz"):
            return _VERSION
        match, query = _ADDRESS.fullmatch(request.path), request.query
        version, namespace, plural, name = match.groups("") if match else [""] * 4
        kind = _PLURALS.get(plural, "")
        found = self._store.get(kind, namespace, name)
        if VERSIONS.get(kind) != version or (name and not found):
            raise Refused("NotFound", f'{plural or request.path} "{name}" not found', 404)
        if unknown := {"labelSelector", "sendInitialEvents"} & query.keys():
            raise Refused("BadRequest", f"the demo cluster does not support {unknown}")
        is_chosen = _selector(kind, namespace, query.get("fieldSelector", ""))
        if query.get("watch") in ("1", "true"):
            return self._watch(query, is_chosen, int(query.get("resourceVersion") or 0))
        return found or self._list(kind, is_chosen, int(query.get("limit") or 0), query.get("continue", ""))

    def _list(self, kind: str, is_chosen: Chosen, limit: int, token: str) -> Object:
        """One page; the next ones are of the same moment."""
        if token and token not in self._pages:
            raise Refused("Expired", "The provided continue parameter is too old", 410)
        now = (self._store.version, [it for it in self._store.items() if is_chosen(it)])
        version, items = self._pages.get(token, now)
        metadata, limit = {"resourceVersion": str(version)}, limit or len(items)
        if items[limit:]:
            metadata["continue"] = secrets.token_urlsafe(16)
            self._pages[metadata["continue"]] = (version, items[limit:])
        if len(self._pages) > LISTS_UNDER_WAY:
            self._pages.popitem(last=False)
        said = () if ".fluxcd.io/" in VERSIONS[kind] else ("apiVersion", "kind")  # by the list, for all
        shown = [{name: value for name, value in it.items() if name not in said} for it in items[:limit]]
        return {"apiVersion": VERSIONS[kind], "kind": f"{kind}List", "metadata": metadata, "items": shown}

    async def _watch(self, query: Query, is_chosen: Chosen, version: int) -> AsyncIterator[tuple[str, Object]]:
        """What a watcher is told from `version` on (0: from all there is now) until its time is over."""
        seconds, now = float(query.get("timeoutSeconds", WATCH_SECONDS)), time.monotonic()
        ends_at, bookmark_at = now + seconds, now + min(BOOKMARK_SECONDS, max(seconds - 2, seconds / 2))
        there, version = ([], version) if version else (self._store.items(), self._store.version)
        for it in filter(is_chosen, there):
            yield "ADDED", it
        while not self.is_closing and time.monotonic() < ends_at:
            changes, version = self._store.since(version), max(version, self._store.version)
            if changes is None:
                yield "ERROR", _failure(Refused("Expired", "too old resource version", 410))
                return
            for before, after in changes:
                was, is_now = (it is not None and is_chosen(it) for it in (before, after))
                if was or is_now:
                    yield "DELETED" if not is_now else "MODIFIED" if was else "ADDED", after or before or {}
            if time.monotonic() >= bookmark_at and query.get("allowWatchBookmarks") in ("1", "true"):
                bookmark_at += BOOKMARK_SECONDS
                yield "BOOKMARK", {"metadata": {"resourceVersion": str(version), "creationTimestamp": None}}
            await asyncio.sleep(LOOK_SECONDS)


def _selector(kind: str, namespace: str, fields: str) -> Chosen:
    """Whether an object is of a kind and namespace and has all fields; terms are `a.b=c` and `a.b!=c`."""
    terms = [re.fullmatch("([^=!]+)(!?)==?(.*)", term) for term in fields.split(",") if term]
    wanted = [(it[1], it[3], not it[2]) for it in terms if it]
    if len(wanted) < len(terms):
        raise Refused("BadRequest", f"unable to parse the field selector {fields}")

    def is_chosen(item: Object) -> bool:
        fits = all((dig(item, path) == value) is is_same for path, value, is_same in wanted)
        return fits and item["kind"] == kind and namespace in ("", item["metadata"].get("namespace"))

    return is_chosen


def _failure(error: Refused) -> Object:
    """The `Status` that Kubernetes answers instead of an object."""
    said = {"status": "Failure", "message": str(error), "reason": error.reason, "code": error.status}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, **said}

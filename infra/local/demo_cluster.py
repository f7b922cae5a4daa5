"""A small stand-in for a cluster with Flux, so that the real agent has something to watch where there is none.

What it may do is what tests/contract/cluster covers; docs/demo-cluster.md says what it leaves out. State is in memory:
after a restart the repositories are applied again. Never for anything but a demonstration or a test.
"""

import asyncio
import json
import secrets
import socket
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import yaml
from aiohttp import web

from infra.local.demo_api import Api
from infra.local.demo_flux import Flux
from infra.local.demo_store import Store
from infra.local.demo_workloads import Workloads

TICK_SECONDS = 0.05
POLL_SECONDS = 1.0
_NAME = "demo-cluster"


class DemoCluster:
    """Runs from `start` to `stop`; a stopped one cannot be started again.

    `manifests` are YAML texts to apply at first: what `connect` shows for an environment. Its addresses are known, and
    its kubeconfig can be written, before it starts. Health checks give up after `health_seconds`.
    """

    def __init__(self, manifests: Iterable[str] = (), *, health_seconds: float = 5.0) -> None:
        self.token, self._store = secrets.token_urlsafe(24), Store()
        self._api = Api(self._store, self.token)
        self._flux, self._workloads = Flux(self._store, health_seconds), Workloads(self._store)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.api_url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name=_NAME, daemon=True)
        self._poked = threading.Event()
        for item in (it for text in manifests for it in yaml.safe_load_all(text)):
            self._store.put(item)

    def kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig for this cluster that only its owner may read, and return its path."""
        content = {
            "clusters": [{"name": _NAME, "cluster": {"server": self.api_url}}],
            "users": [{"name": _NAME, "user": {"token": self.token}}],
            "contexts": [{"name": _NAME, "context": {"cluster": _NAME, "user": _NAME}}],
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": _NAME, **content}))
        return path

    def poke(self) -> None:
        """Look at the repositories now."""
        self._poked.set()

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        """End every watch, the controllers and the listener."""
        self._api.is_closing = True
        self._poked.set()
        self._thread.join()
        self._socket.close()

    async def _run(self) -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._api.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.SockSite(runner, self._socket).start()
        await asyncio.gather(self._control(), self._poll())
        await runner.cleanup()

    async def _control(self) -> None:
        while not self._api.is_closing:
            self._workloads.reconcile()
            self._flux.reconcile()
            await asyncio.sleep(TICK_SECONDS)

    async def _poll(self) -> None:
        while not self._api.is_closing:
            await self._flux.fetch()
            await asyncio.to_thread(self._poked.wait, POLL_SECONDS)
            self._poked.clear()

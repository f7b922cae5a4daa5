"""The agent running: watcher threads below, one asyncio loop that owns inventory and session, one socket above.

Threads only read the cluster and hand over what they saw; everything that decides runs in the loop, so there are no
locks. The socket comes and goes; watching does not notice.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from agent import VERSION
from agent.backoff import Backoff
from agent.documents import Documents
from agent.health_server import metrics_text, serve_health
from agent.inventory import Inventory
from agent.kinds import KINDS
from agent.kubernetes_api import Cluster, kubernetes_version
from agent.log import log
from agent.objects import Ref, Thing
from agent.session import PROTOCOL_VERSION, Session
from agent.settings import Settings, is_loopback
from agent.source import LiveSource
from agent.watcher import Watcher
from chalicelib.wire.codec import BadMessage, decode_to_agent, encode
from chalicelib.wire.messages import MAX_MESSAGE_BYTES, FromAgent, Hello

OPEN_SECONDS = 15.0
PING_SECONDS = 20.0
CLOSE_SECONDS = 5.0
LEAST_SLEEP_SECONDS = 0.02
LISTS_AT_ONCE = 2  # pages of this many kinds are in memory at a time


class Agent:
    """One environment's agent over one cluster. `run` returns after `stop`."""

    def __init__(self, settings: Settings, cluster: Cluster) -> None:
        self._settings = settings
        self._cluster = cluster
        self._inventory = Inventory(kind.name for kind in KINDS)
        self._documents = Documents(self._inventory)
        hello = Hello(protocol=PROTOCOL_VERSION, instance=uuid4().hex, agent_version=VERSION)
        self.session = Session(LiveSource(self._inventory, self._documents), hello, lambda: time.time_ns() // 1000)
        self._backoff = Backoff()
        self._counts: Counter[str] = Counter()
        self._stopping = asyncio.Event()
        self._wake = asyncio.Event()
        self._ended = threading.Event()

    def stop(self) -> None:
        """Close with a reason and end."""
        self._stopping.set()
        self._wake.set()

    async def run(self) -> None:
        """Watch and tell until stopped."""
        health = await self._serve_health()
        self._start_watching(asyncio.get_running_loop())
        await self._learn_version()
        try:
            await self._stay_connected()
        finally:
            self._ended.set()
            if health is not None:
                health.close()

    # ---- below: the cluster

    def _start_watching(self, loop: asyncio.AbstractEventLoop) -> None:
        sink = LoopSink(loop, self)
        listing = threading.Semaphore(LISTS_AT_ONCE)
        for kind in KINDS:
            watcher = Watcher(kind, self._cluster, sink, self._ended, listing)
            threading.Thread(target=watcher.run, name=f"watch {kind.name}", daemon=True).start()

    async def _learn_version(self) -> None:
        version = await asyncio.to_thread(kubernetes_version, self._cluster)
        self._documents.kubernetes_version = version
        hello = self.session.hello
        self.session.hello = Hello(hello.protocol, hello.instance, hello.agent_version, version, hello.capabilities)

    def saw(self, event: str, kind: str, act: Callable[[], None], **fields: object) -> None:
        """Something from a watcher, in the loop: take it in and wake the sender."""
        self._counts[f"{event}_total"] += 1
        if event != "changes":
            log("warning" if fields else "info", f"watch {event}", kind=kind, **fields)
        act()
        self._wake.set()

    @property
    def inventory(self) -> Inventory:
        """What is in view; only for the loop."""
        return self._inventory

    # ---- above: the socket

    async def _stay_connected(self) -> None:
        while not self._stopping.is_set():
            started = time.monotonic()
            is_planned = False
            try:
                is_planned = await self._one_connection()
            except (OSError, TimeoutError, InvalidHandshake, InvalidURI, ConnectionClosed) as error:
                log("warning", "connection failed", reason=describe(error))
            self.session.closed()
            self._counts["connections_ended_total"] += 1
            lasted = time.monotonic() - started
            wait = 0.0 if is_planned else self._backoff.next_wait(lasted=lasted, bye=self.session.bye)
            if not self._stopping.is_set():
                log("info", "reconnecting", wait_seconds=round(wait, 2), bye=self.session.bye)
                await self._pause(wait)

    async def _one_connection(self) -> bool:
        """Talk until the connection ends; true when we ended it on purpose."""
        headers = {"Authorization": f"Bearer {self._settings.read_key()}"}
        async with connect(
            self._settings.url,
            additional_headers=headers,
            user_agent_header=f"gimlet-agent/{VERSION}",
            compression=None,  # API Gateway offers none, and each connection's window costs memory
            max_size=MAX_MESSAGE_BYTES * 4,
            open_timeout=OPEN_SECONDS,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            close_timeout=CLOSE_SECONDS,
            proxy=None if is_loopback(urlsplit(self._settings.url).hostname or "") else True,
        ) as socket:
            log("info", "connected")
            reading = asyncio.create_task(self._read(socket))
            try:
                reason = await self._write(socket, reading, time.monotonic() + self._backoff.lifetime())
                await socket.close(1000 if reason != "shutdown" else 1001, reason)
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
            log("info", "disconnected", code=socket.close_code, reason=socket.close_reason)
        return reason == "planned"

    async def _read(self, socket: ClientConnection) -> None:
        async for data in socket:
            try:
                message = decode_to_agent(data)
            except BadMessage as error:
                self._counts[f"received_{error.code}_total"] += 1
                continue
            for answer in self.session.received(message, time.monotonic()):
                await self._send(socket, answer)
            self._wake.set()

    async def _write(self, socket: ClientConnection, reading: asyncio.Task[None], until: float) -> str:
        """Send what the session has to say; returns why we close."""
        for message in self.session.opened(time.monotonic()):
            await self._send(socket, message)
        while True:
            now = time.monotonic()
            if self._stopping.is_set():
                return "shutdown"
            if self.session.bye or reading.done():
                return "closed"
            if now > until:
                return "planned"
            if self.session.is_ignored(now):
                return "no welcome"
            for message in self.session.tick(now):
                await self._send(socket, message)
            await self._sleep(self.session.wake_at(now) - time.monotonic(), reading)

    async def _sleep(self, seconds: float, reading: asyncio.Task[None]) -> None:
        """Until something happens, at most so long; never so short that the loop spins."""
        await asyncio.sleep(LEAST_SLEEP_SECONDS)
        waking = asyncio.create_task(self._wake.wait())
        await asyncio.wait({waking, reading}, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
        waking.cancel()
        self._wake.clear()

    async def _send(self, socket: ClientConnection, message: FromAgent) -> None:
        text = encode(message)
        self._counts["sent_bytes_total"] += len(text)
        self._counts["sent_messages_total"] += 1
        await socket.send(text)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    # ---- beside: health

    async def _serve_health(self) -> asyncio.Server | None:
        if self._settings.health_port is None:
            return None
        pages = {"/healthz": lambda: (200, "ok\n"), "/readyz": self._ready, "/metrics": lambda: (200, self.metrics())}
        return await serve_health(self._settings.health_host, self._settings.health_port, pages)

    def _ready(self) -> tuple[int, str]:
        if self._inventory.complete and self.session.is_welcome:
            return 200, "ok\n"
        return 503, f"awaited: {', '.join(self._inventory.awaited) or 'connection'}\n"

    def metrics(self) -> str:
        """Numbers for Prometheus."""
        kinds = Counter(ref[0] for ref in self._inventory.things)
        values: dict[str, float] = {f"gimlet_agent_{name}": value for name, value in self._counts.items()}
        values |= {f"gimlet_agent_objects_{kind.lower()}": count for kind, count in kinds.items()}
        values |= {
            "gimlet_agent_connected": float(self.session.is_welcome),
            "gimlet_agent_complete": float(self._inventory.complete),
            "gimlet_agent_documents_known": float(len(self.session.ledger.entries)),
            "gimlet_agent_documents_sent_total": float(self.session.sent_docs),
            "gimlet_agent_documents_dropped_total": float(self.session.dropped_docs),
            "gimlet_agent_refreshes_total": float(self.session.refreshes),
            "gimlet_agent_unacknowledged_bytes": float(self.session.ledger.flight_bytes),
        }
        return metrics_text(values)


class LoopSink:
    """Carries what watchers see from their threads into the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, agent: Agent) -> None:
        self._loop = loop
        self._agent = agent

    def changed(self, changes: list[tuple[Ref, Thing | None]]) -> None:
        """See `watcher.Sink`."""
        self._call("changes", "", lambda: self._agent.inventory.apply(changes))

    def listed(self, kind: str, refs: set[Ref]) -> None:
        """See `watcher.Sink`."""
        self._call("list", kind, lambda: self._agent.inventory.keep_only(kind, refs))

    def missing(self, kind: str, why: str) -> None:
        """See `watcher.Sink`."""
        self._call("missing", kind, lambda: self._agent.inventory.lose_kind(kind, why), why=why)

    def troubled(self, kind: str, why: str) -> None:
        """See `watcher.Sink`."""
        self._call("trouble", kind, lambda: None, why=why)

    def _call(self, event: str, kind: str, act: Callable[[], None], **fields: object) -> None:
        try:
            self._loop.call_soon_threadsafe(lambda: self._agent.saw(event, kind, act, **fields))
        except RuntimeError:
            return  # the loop has closed: the agent is ending


def describe(error: Exception) -> str:
    """An error in a few words; a refused handshake by its status. Never a URL or header."""
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    return f"{type(error).__name__} {status}" if status else f"{type(error).__name__}: {str(error)[:120]}"

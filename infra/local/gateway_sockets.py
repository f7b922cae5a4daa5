"""WebSockets as API Gateway does them: three functions, and every message on its own.

A connection is made when `websocket_connect` says so; the subprotocol of the answer is the one its response names.
Messages of one socket run concurrently, in no order; with `shuffle` they are put out of order on purpose. Larger
messages or frames close with 1009, silence and age with 1001. The end is told once to `websocket_disconnect`.
Source: API Gateway guide, "Working with WebSocket APIs" and its quotas.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import random
import secrets
import time
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from infra import limits
from infra.local.frame_guard import FrameGuard
from infra.local.gateway_rest import identity
from infra.local.invoke import Event, FunctionFailed, Functions, FunctionsDown

API_ID, STAGE = "localsock1", "live"
SHUFFLE_SECONDS = 0.03
CLOSE_TIMEOUT_SECONDS = 1.0
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """What one socket may; the defaults are API Gateway's quotas."""

    message_bytes: int = limits.SOCKET_MESSAGE_BYTES
    frame_bytes: int = limits.SOCKET_FRAME_BYTES
    idle_seconds: float = limits.SOCKET_IDLE_SECONDS
    life_seconds: float = limits.SOCKET_LIFE_SECONDS


@dataclass(slots=True)
class Socket:
    """One connection; `id` looks as API Gateway's do."""

    request: web.Request
    id: str = field(default_factory=lambda: base64.b64encode(secrets.token_bytes(11)).decode())
    answer: web.WebSocketResponse = field(default_factory=web.WebSocketResponse)
    connected_at: float = field(default_factory=time.time)
    active_at: float = field(default_factory=time.time)

    async def send(self, text: str) -> None:
        await self.answer.send_str(text)
        self.active_at = time.time()


class SocketGateway:
    """Keeps the open sockets, by connection id."""

    def __init__(
        self, functions: Functions, *, shuffle: bool = False, socket_limits: SocketLimits | None = None
    ) -> None:
        self._functions = functions
        self._shuffle = shuffle
        self._limits = socket_limits or SocketLimits()
        self._tasks: set[asyncio.Task[None]] = set()
        self.sockets: dict[str, Socket] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one socket from its handshake to its end."""
        socket = Socket(request)
        status, headers = await self._connect(socket)
        if status >= 300:
            return web.json_response({"message": "Forbidden" if status == 403 else "Refused"}, status=status)
        protocol = headers.get("sec-websocket-protocol", "")
        socket.answer = web.WebSocketResponse(
            timeout=CLOSE_TIMEOUT_SECONDS,
            protocols=[protocol] if protocol else [],
            max_msg_size=self._limits.message_bytes + 1,  # aiohttp refuses what is not below
            compress=False,
        )
        await self._open(socket)
        watch = asyncio.create_task(self._watch(socket))
        try:
            await self._receive(socket)
        finally:
            watch.cancel()
            self.sockets.pop(socket.id, None)
            self._start(self._disconnect(socket))
        return socket.answer

    async def close(self) -> None:
        """Close every socket and let `websocket_disconnect` hear of it."""
        await asyncio.gather(
            *(socket.answer.close(code=WSCloseCode.GOING_AWAY) for socket in list(self.sockets.values()))
        )
        await asyncio.sleep(0)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2 * CLOSE_TIMEOUT_SECONDS)

    async def _open(self, socket: Socket) -> None:
        transport = socket.request.transport
        if isinstance(transport, asyncio.Transport):
            FrameGuard.put_before(transport, self._limits.frame_bytes, lambda: self._start(_refuse(socket)))
        await socket.answer.prepare(socket.request)
        self.sockets[socket.id] = socket

    async def _connect(self, socket: Socket) -> tuple[int, dict[str, str]]:
        headers = socket.request.headers
        many = {name: headers.getall(name) for name in dict.fromkeys(headers)}
        query = socket.request.query
        event = socket_event(socket, "$connect") | {
            "headers": {name: values[-1] for name, values in many.items()},
            "multiValueHeaders": many,
            "queryStringParameters": dict(query) or None,
            "multiValueQueryStringParameters": {name: query.getall(name) for name in query} or None,
        }
        try:
            answer = await self._functions.invoke("websocket_connect", event)
        except (FunctionFailed, FunctionsDown) as error:
            log.warning("a socket was not opened: %s", error)
            return 500, {}
        named = {str(name).lower(): str(value) for name, value in (answer.get("headers") or {}).items()}
        return int(answer.get("statusCode", 500)), named

    async def _receive(self, socket: Socket) -> None:
        async for message in socket.answer:
            socket.active_at = time.time()
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                self._start(self._message(socket, message))

    async def _message(self, socket: Socket, message: WSMessage) -> None:
        if self._shuffle:
            await asyncio.sleep(random.uniform(0, SHUFFLE_SECONDS))  # noqa: S311  no secret comes of it
        event = socket_event(socket, "$default")
        event |= (
            {"body": message.data}
            if message.type is WSMsgType.TEXT
            else {"body": base64.b64encode(message.data).decode(), "isBase64Encoded": True}
        )
        try:
            await self._functions.invoke("websocket_message", event)
        except (FunctionFailed, FunctionsDown) as error:
            log.warning("a message was not handled: %s", error)
            await self._tell_failure(socket, event)

    async def _tell_failure(self, socket: Socket, event: Event) -> None:
        request_id = event["requestContext"]["requestId"]
        told = {"message": "Internal server error", "connectionId": socket.id, "requestId": request_id}
        if socket.id in self.sockets and not socket.answer.closed:
            await socket.answer.send_json(told)

    async def _disconnect(self, socket: Socket) -> None:
        event = socket_event(socket, "$disconnect")
        code = socket.answer.close_code
        event["requestContext"] |= {"disconnectStatusCode": code or 1006, "disconnectReason": ""}
        event["headers"] = {"Host": socket.request.host, "X-Forwarded-For": socket.request.remote or ""}
        event["multiValueHeaders"] = {name: [value] for name, value in event["headers"].items()}
        try:
            await self._functions.invoke("websocket_disconnect", event)
        except (FunctionFailed, FunctionsDown) as error:
            log.warning("the end of a socket was not handled: %s", error)  # told once, as API Gateway does

    async def _watch(self, socket: Socket) -> None:
        """Close the socket when it is silent or old."""
        ends_at = socket.connected_at + self._limits.life_seconds
        while (due_at := min(ends_at, socket.active_at + self._limits.idle_seconds)) > (now := time.time()):
            await asyncio.sleep(due_at - now)
        await socket.answer.close(code=WSCloseCode.GOING_AWAY, message=b"Going away")

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            log.debug("a socket went away: %r", error)


async def _refuse(socket: Socket) -> None:
    await socket.answer.close(code=WSCloseCode.MESSAGE_TOO_BIG)


_KINDS = {"$connect": "CONNECT", "$default": "MESSAGE", "$disconnect": "DISCONNECT"}


def socket_event(socket: Socket, route: str) -> Event:
    """The event of one route of a socket, without what only that route has."""
    now = datetime.now(UTC)
    context: Event = {
        "routeKey": route,
        "eventType": _KINDS[route],
        "extendedRequestId": uuid.uuid4().hex,
        "requestTime": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "messageDirection": "IN",
        "stage": STAGE,
        "connectedAt": int(socket.connected_at * 1000),
        "requestTimeEpoch": int(now.timestamp() * 1000),
        "identity": {name: value for name, value in identity(socket.request).items() if value is not None},
        "requestId": str(uuid.uuid4()),
        "domainName": socket.request.host,
        "connectionId": socket.id,
        "apiId": API_ID,
    }
    if route == "$default":
        context["messageId"] = uuid.uuid4().hex
    return {"requestContext": context, "isBase64Encoded": False}

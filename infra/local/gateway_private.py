"""What functions ask of AWS and MiniStack does not do: posts to sockets, and calls of other functions.

It speaks the API Gateway Management API and Lambda's Invoke on a port of its own. Signatures are not checked, but
every request must carry one: no page in a browser can send that header here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from aiohttp import WSCloseCode, web

from infra.limits import LAMBDA_PAYLOAD_BYTES, SOCKET_MESSAGE_BYTES
from infra.local.gateway_rest import identity
from infra.local.gateway_sockets import Socket, SocketGateway
from infra.local.invoke import TIMEOUT_SECONDS, FunctionFailed, Functions, FunctionsDown

POST_TIMEOUT_SECONDS = 10.0


class PrivateGateway:
    """The API Gateway Management API over the sockets, and Invoke over the functions."""

    def __init__(self, functions: Functions, gateway: SocketGateway) -> None:
        self._functions, self._gateway = functions, gateway
        self._tasks: set[asyncio.Task[object]] = set()

    def application(self) -> web.Application:
        application = web.Application(middlewares=[_signed], client_max_size=2 * LAMBDA_PAYLOAD_BYTES)
        for path in ("/@connections/{id}", "/%40connections/{id}"):
            application.router.add_post(path, self._post)
            application.router.add_get(path, self._get, allow_head=False)
            application.router.add_delete(path, self._delete)
        application.router.add_post("/2015-03-31/functions/{name}/invocations", self._invoke)
        return application

    async def _post(self, request: web.Request) -> web.Response:
        body = await request.read()
        if len(body) > SOCKET_MESSAGE_BYTES:
            return _error(413, "PayloadTooLargeException", "Message too long")
        socket = self._find(request)
        if socket is None:
            return _gone()
        try:
            await asyncio.wait_for(socket.send(body.decode("utf-8", "replace")), POST_TIMEOUT_SECONDS)
        except (ConnectionError, RuntimeError):
            return _gone()
        except TimeoutError:
            return _error(500, "InternalServerError", "the socket does not take more")
        return web.Response()

    async def _get(self, request: web.Request) -> web.Response:
        socket = self._find(request)
        if socket is None:
            return _gone()
        who = identity(socket.request)
        return web.json_response(
            {
                "connectedAt": _instant(socket.connected_at),
                "identity": {"sourceIp": who["sourceIp"], "userAgent": who["userAgent"]},
                "lastActiveAt": _instant(socket.active_at),
            }
        )

    async def _delete(self, request: web.Request) -> web.Response:
        socket = self._find(request)
        if socket is None:
            return _gone()
        self._start(socket.answer.close(code=WSCloseCode.GOING_AWAY))
        return web.Response(status=204)

    def _find(self, request: web.Request) -> Socket | None:
        socket = self._gateway.sockets.get(unquote(request.match_info["id"]))
        return socket if socket is not None and not socket.answer.closed else None

    async def _invoke(self, request: web.Request) -> web.Response:
        name = unquote(request.match_info["name"]).rpartition(":")[2]
        body = await request.read()
        if name not in TIMEOUT_SECONDS:
            return _error(404, "ResourceNotFoundException", f"Function not found: {name}")
        if len(body) > LAMBDA_PAYLOAD_BYTES:
            return _error(413, "RequestTooLargeException", "Request must be smaller than 6291456 bytes")
        try:
            work = self._functions.invoke(name, json.loads(body or b"{}"))
        except ValueError:
            return _error(400, "InvalidRequestContentException", "Could not parse request body into json")
        if request.headers.get("X-Amz-Invocation-Type") == "Event":
            self._start(work)
            return web.Response(status=202)
        return await _answer(work)

    def _start(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # nobody waits for it, as on AWS


async def _answer(work: Coroutine[Any, Any, object]) -> web.Response:
    version = {"X-Amz-Executed-Version": "$LATEST"}
    try:
        result = await work
    except FunctionFailed as failure:
        return web.json_response(failure.payload(), headers=version | {"X-Amz-Function-Error": "Unhandled"})
    except FunctionsDown:
        return _error(500, "ServiceException", "Service encountered an internal error.")
    return web.json_response(result, headers=version)


@web.middleware
async def _signed(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    if not request.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 "):
        return _error(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    return await handler(request)


def _gone() -> web.Response:
    return _error(410, "GoneException", "the connection is gone")


def _error(status: int, kind: str, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status, headers={"x-amzn-ErrorType": kind})


def _instant(epoch_seconds: float) -> str:
    return datetime.fromtimestamp(epoch_seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""REST as API Gateway does it: an HTTP request becomes a proxy event of version 1, the function's answer a response.

Limits: 10 MB in, 6 MB to and from the function, 29 s. Routes are those of the Chalice app, as its package makes them
routes of the API. Source: API Gateway guide, "Set up Lambda proxy integrations in API Gateway".
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote

from aiohttp import web
from multidict import CIMultiDict

from infra.limits import LAMBDA_PAYLOAD_BYTES, REST_BODY_BYTES
from infra.local.invoke import API, Event, FunctionFailed, Functions, FunctionsDown, FunctionTimedOut
from infra.local.ministack import ACCOUNT
from infra.refusals import NO_ROUTE_STATUS, no_route_body

API_ID, STAGE = "localrest1", "api"
_DROPPED = {"content-length", "connection", "transfer-encoding", "keep-alive"}


class Routes:
    """The resources of an API: fixed parts go before `{parameters}`."""

    def __init__(self, resources: Iterable[str]) -> None:
        self._resources = sorted(resources, key=lambda resource: resource.replace("{", "\uffff"))

    def match(self, path: str) -> tuple[str, dict[str, str]] | None:
        """The resource that `path` (still encoded) belongs to, with its parameters decoded."""
        parts = path.rstrip("/").split("/")
        for resource in self._resources:
            names = resource.rstrip("/").split("/")
            pairs = list(zip(names, parts, strict=False))
            if len(names) == len(parts) and all(name == part or (name[:1] == "{" and part) for name, part in pairs):
                return resource, {name[1:-1]: unquote(part) for name, part in pairs if name[:1] == "{"}
        return None


class RestGateway:
    """Answers requests by the function `api_handler`."""

    def __init__(self, functions: Functions, resources: Iterable[str], binary_types: Iterable[str]) -> None:
        self._functions = functions
        self._routes = Routes(resources)
        self._binary_types = frozenset(binary_types)

    async def handle(self, request: web.Request) -> web.Response:
        body = await _body_of(request)
        if body is None:
            return _refusal(413, "Request Entity Too Large")
        matched = self._routes.match(request.raw_path.partition("?")[0])
        if matched is None:
            return web.json_response(no_route_body(str(uuid.uuid4())), status=NO_ROUTE_STATUS)
        event = rest_event(request, body, *matched, binary=request.content_type in self._binary_types)
        if len(json.dumps(event)) > LAMBDA_PAYLOAD_BYTES:
            return _refusal(413, "Request Too Long")
        return await self._answer(event)

    async def _answer(self, event: Event) -> web.Response:
        try:
            answer = await self._functions.invoke(API, event)
        except FunctionTimedOut:
            return _refusal(504, "Endpoint request timed out")
        except FunctionFailed:
            return _refusal(502, "Internal server error")
        except FunctionsDown:
            return _refusal(503, "Service Unavailable")
        if len(json.dumps(answer)) > LAMBDA_PAYLOAD_BYTES:
            return _refusal(502, "Internal server error")
        return _response(answer, event["requestContext"]["requestId"])


async def _body_of(request: web.Request) -> bytes | None:
    """The body, or none when it is larger than API Gateway takes."""
    try:
        return await request.read() if (request.content_length or 0) <= REST_BODY_BYTES else None
    except web.HTTPRequestEntityTooLarge:
        return None


def rest_event(
    request: web.Request, body: bytes, resource: str, parameters: Mapping[str, str], *, binary: bool
) -> Event:
    """The event of one request; `body` goes as base64 when its type is `binary`, else as text."""
    path = unquote(request.raw_path.partition("?")[0])
    headers = request.headers.copy()
    headers.setdefault("X-Forwarded-For", request.remote or "127.0.0.1")
    headers.setdefault("X-Forwarded-Proto", request.scheme)
    many = {name: headers.getall(name) for name in dict.fromkeys(headers)}
    query = parse_qs(request.rel_url.raw_query_string, keep_blank_values=True)
    text = base64.b64encode(body).decode() if binary else body.decode("utf-8", "replace")
    return {
        "resource": resource,
        "path": path,
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in many.items()},
        "multiValueHeaders": many,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": dict(parameters) or None,
        "stageVariables": None,
        "requestContext": _request_context(request, resource, path),
        "body": text if body else None,
        "isBase64Encoded": binary and bool(body),
    }


def _request_context(request: web.Request, resource: str, path: str) -> Event:
    now = datetime.now(UTC)
    return {
        "resourceId": "local",
        "resourcePath": resource,
        "httpMethod": request.method,
        "extendedRequestId": uuid.uuid4().hex,
        "requestTime": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "path": f"/{STAGE}{path}",
        "accountId": ACCOUNT,
        "protocol": "HTTP/1.1",
        "stage": STAGE,
        "domainPrefix": API_ID,
        "requestTimeEpoch": int(time.time() * 1000),
        "requestId": str(uuid.uuid4()),
        "identity": identity(request),
        "domainName": request.host,
        "apiId": API_ID,
    }


def identity(request: web.Request) -> Event:
    """Who asks, as far as an address and a browser's name say."""
    nobody = ("cognitoIdentityPoolId", "accountId", "cognitoIdentityId", "caller", "accessKey", "userArn", "user")
    return dict.fromkeys(nobody) | {
        "sourceIp": request.remote or "127.0.0.1",
        "userAgent": request.headers.get("User-Agent"),
    }


def _response(answer: Any, request_id: str) -> web.Response:
    """The function's answer as a response; one of the wrong shape is the function's fault (502)."""
    try:
        headers: CIMultiDict[str] = CIMultiDict()
        for name, values in (answer.get("multiValueHeaders") or {}).items():
            for value in values:
                headers.add(name, str(value))
        for name, value in (answer.get("headers") or {}).items():
            if name not in headers:
                headers.add(name, str(value))
        for name in _DROPPED & {name.lower() for name in headers}:
            del headers[name]
        headers["x-amzn-RequestId"] = request_id
        headers.setdefault("Content-Type", "application/json")
        text = answer.get("body") or ""
        body = base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode()
        return web.Response(status=int(answer["statusCode"]), headers=headers, body=body)
    except (AttributeError, KeyError, TypeError, ValueError):
        return _refusal(502, "Internal server error")


def _refusal(status: int, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status)

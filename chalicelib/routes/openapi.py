"""The OpenAPI 3.1 document of `/v1`, made from the declared routes and their types."""

import re
from typing import Any

import msgspec
from chalice import Blueprint

from chalicelib.core.actors import Permission
from chalicelib.routes.http import ROUTES, Answer, Ask, Route, route
from chalicelib.routes.session import VERSION

openapi = Blueprint(__name__)
_PARAMETER = re.compile(r"\{(\w+)\}")
_REF = "#/components/schemas/{name}"


@route(openapi, "GET", "/v1/openapi.json", Permission.ANYONE)
def document(_: Ask) -> Answer:
    """This document."""
    return Answer(200, openapi_document())


def openapi_document() -> dict[str, Any]:
    """The document as plain JSON values, stable in its order."""
    ours = sorted((one for one in ROUTES if one.path.startswith("/v1/")), key=lambda one: (one.path, one.method))
    types = [kind for one in ours for kind in (one.takes, one.gives) if kind is not None]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    named = dict(zip(map(id, types), schemas, strict=True))
    paths: dict[str, Any] = {}
    for one in ours:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, named)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Gimlet", "version": VERSION},
        "paths": paths,
        "components": {
            "schemas": {**dict(sorted(components.items())), "Problem": _PROBLEM},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-gimlet"},
            },
        },
    }


_PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}


def _operation(one: Route, named: dict[int, Any]) -> dict[str, Any]:
    path = [_parameter(name, "path") for name in _PARAMETER.findall(one.path)]
    query = [_parameter(name, "query") for name in one.query]
    operation: dict[str, Any] = {
        "operationId": f"{one.method.lower()}{re.sub(r'[^A-Za-z0-9]+', '_', one.path)}",
        "summary": one.summary,
        "x-permission": one.permission.value,
        "security": [] if one.permission is Permission.ANYONE else [{"token": []}, {"session": []}],
        "parameters": path + query,
        "responses": {str(one.status): _response(one, named), "default": _PROBLEM_RESPONSE},
    }
    if one.takes is not None:
        operation["requestBody"] = {"required": True, "content": _json(named[id(one.takes)])}
    return operation


_PROBLEM_RESPONSE = {
    "description": "A problem document",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def _response(one: Route, named: dict[int, Any]) -> dict[str, Any]:
    response: dict[str, Any] = {"description": one.summary}
    if one.gives is not None:
        response["content"] = _json(named[id(one.gives)])
    return response


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _parameter(name: str, place: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}}

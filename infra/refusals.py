"""How API Gateway itself refuses a request that reaches no function, as values: the same behind AWS and on a laptop.

Its own word for an address or method without a route is 403 "Missing Authentication Token", which no client
understands. One body serves both families: a problem document that also has the `error` of the compatible routes.
Source: API Gateway guide, "Gateway response types".
"""

from __future__ import annotations

NO_ROUTE = "MISSING_AUTHENTICATION_TOKEN"
NO_ROUTE_STATUS = 404
REQUEST_ID = "$context.requestId"


def no_route_body(request_id: str = REQUEST_ID) -> dict[str, str | int]:
    """The body; without an id it is the template that API Gateway fills in."""
    said = "there is no such route"
    return {
        "type": "urn:gimlet:problem:not-found",
        "title": "Not Found",
        "status": NO_ROUTE_STATUS,
        "detail": said,
        "instance": request_id,
        "error": said,
    }

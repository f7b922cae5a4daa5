"""Failures as HTTP: RFC 9457 problem documents on `/v1` and `/hooks`, one sentence on the compatible `/api` routes."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from chalicelib.core.errors import (
    Conflict,
    Failure,
    InvalidManifest,
    NotAllowed,
    NotFound,
    NotSignedIn,
    SignatureMismatch,
    TooLarge,
    Unavailable,
)

if TYPE_CHECKING:
    from chalicelib.routes.http import Answer, Ask

PROBLEM = "application/problem+json"
_STATUS: tuple[tuple[type[Failure], HTTPStatus], ...] = (
    (NotSignedIn, HTTPStatus.UNAUTHORIZED),
    (SignatureMismatch, HTTPStatus.UNAUTHORIZED),
    (NotAllowed, HTTPStatus.FORBIDDEN),
    (NotFound, HTTPStatus.NOT_FOUND),
    (TooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (InvalidManifest, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Conflict, HTTPStatus.CONFLICT),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)


def status_of(failure: Failure) -> HTTPStatus:
    """The status that says who must act."""
    return next((status for kind, status in _STATUS if isinstance(failure, kind)), HTTPStatus.BAD_REQUEST)


def failure_answer(failure: Failure, ask: "Ask") -> "Answer":
    """The answer to a request that failed as expected."""
    from chalicelib.routes.http import Answer

    status = status_of(failure)
    headers = {"Retry-After": str(failure.retry_after_seconds)} if isinstance(failure, Unavailable) else {}
    if ask.path.startswith("/api/"):
        return Answer(status, {"error": failure.message}, headers)
    return Answer(status, _problem(failure, status, ask.request_id), headers, PROBLEM)


def bug_answer(ask: "Ask") -> "Answer":
    """The answer to a request that met a bug: nothing of it but the request's id, by which the log is searched."""
    from chalicelib.routes.http import Answer

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    said = f"this is our fault; it is logged under request {ask.request_id}"
    if ask.path.startswith("/api/"):
        return Answer(status, {"error": said})
    problem = {"type": "urn:gimlet:problem:bug", "title": status.phrase, "status": int(status)}
    return Answer(status, {**problem, "detail": said, "instance": ask.request_id}, {}, PROBLEM)


def _problem(failure: Failure, status: HTTPStatus, request_id: str) -> dict[str, Any]:
    problem: dict[str, Any] = {
        "type": f"urn:gimlet:problem:{_kebab(type(failure).__name__)}",
        "title": status.phrase,
        "status": int(status),
        "detail": failure.message,
        "instance": request_id,
    }
    if isinstance(failure, InvalidManifest):
        problem["errors"] = [{"path": one.path, "message": one.message} for one in failure.problems]
    return problem


def _kebab(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")

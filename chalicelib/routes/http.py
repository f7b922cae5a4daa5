"""What every HTTP route shares: who asks, may they, what they sent, and how answers and failures are spelled.

A route is declared with its permission; `ROUTES` lists them all, for the test that none lacks one and for OpenAPI.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
from chalice import Blueprint, Response

from chalicelib import wiring
from chalicelib.core.actors import Caller, Permission
from chalicelib.core.errors import Failure, NotAllowed, NotFound, NotSignedIn, Rejected, TooLarge
from chalicelib.core.listing import DEFAULT_LIMIT, MAX_LIMIT
from chalicelib.routes.problems import bug_answer, failure_answer
from chalicelib.settings import settings
from chalicelib.usecases.authenticate import caller_by_session, caller_by_token

JSON = "application/json"
LOCAL_COOKIE = "gimlet-local"
COOKIE = "__Host-gimlet"
MAX_BODY_BYTES = 4 * 1024 * 1024  # Lambda takes 6 MB, and a body may come as base64
MAX_NAME_BYTES = 800  # of a path's part or a query's value: DynamoDB sorts by at most 1,024 bytes, prefixes included
MAX_KEY_LENGTH = 200
IDEMPOTENCY_KEY = "idempotency-key"
_OPEN = frozenset({Permission.ANYONE, Permission.SIGNATURE, Permission.CODE})

Body = TypeVar("Body")


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body (a struct, plain JSON, or none) and more headers."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as routes see it. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, list[str]]
    request_id: str
    caller: Caller | None = None

    @property
    def who(self) -> Caller:
        """The caller; routes that need a permission always have one."""
        if self.caller is None:
            raise NotSignedIn("sign in first")
        return self.caller

    def one(self, name: str, default: str = "") -> str:
        """A query parameter given once, or its default."""
        values = self.query.get(name) or [default]
        return values[-1]

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        """A query parameter that is a whole number within bounds. Raises `Rejected`."""
        text = self.one(name)
        if not text:
            return default
        try:
            value = int(text)
        except ValueError:
            raise Rejected(f"{name} must be a whole number, not {text[:20]!r}") from None
        if not least <= value <= most:
            raise Rejected(f"{name} must be from {least} to {most}")
        return value

    @property
    def key(self) -> str:
        """The header `Idempotency-Key`; empty when there is none. Raises `Rejected`."""
        key = self.headers.get(IDEMPOTENCY_KEY, "").strip()
        if len(key) > MAX_KEY_LENGTH:
            raise Rejected(f"an Idempotency-Key may have {MAX_KEY_LENGTH} characters")
        return key

    def check_environment(self, name: str) -> None:
        """Hold an environment that the caller names against those it is bound to. Raises `NotAllowed`."""
        if not self.who.sees(name):
            bound = ", ".join(self.who.environments)
            raise NotAllowed(f"{self.who.actor.name!r} is bound to {bound}: {name[:60]!r} is not for it")

    def limit(self) -> int:
        """The page size that was asked for."""
        return self.number("limit", DEFAULT_LIMIT, least=1, most=MAX_LIMIT)

    def read(self, kind: type[Body]) -> Body:
        """The body as `kind`. Raises `Rejected` with the place of what is wrong."""
        try:
            return msgspec.json.decode(self.body or b"{}", type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Rejected(f"the body is not as it should be: {error}"[:300]) from error


Handler = Callable[..., Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """A declared route, for tests and for the OpenAPI document."""

    method: str
    path: str
    permission: Permission
    summary: str
    takes: Any = None
    gives: Any = None
    status: int = 200
    query: tuple[str, ...] = ()


ROUTES: list[Route] = []


def route(
    blueprint: Blueprint,
    method: str,
    path: str,
    permission: Permission,
    *,
    takes: Any = None,
    gives: Any = None,
    status: int = 200,
    query: tuple[str, ...] = (),
) -> Callable[[Handler], Handler]:
    """Declare a route: its permission, what it takes and gives. The handler gets an `Ask` and the path's parameters."""

    def declare(handler: Handler) -> Handler:
        summary = (handler.__doc__ or "").strip().split("\n", 1)[0]
        ROUTES.append(Route(method, path, permission, summary, takes, gives, status, query))

        def view(**parameters: str) -> Response:
            return _respond(blueprint, permission, handler, parameters)

        view.__name__ = f"{method.lower()}_{handler.__name__}"
        view.__doc__ = handler.__doc__
        blueprint.route(path, methods=[method], content_types=["*/*"], name=view.__name__)(view)
        return handler

    return declare


def _respond(blueprint: Any, permission: Permission, handler: Handler, parameters: Mapping[str, str]) -> Response:
    ask = _ask(blueprint.current_request)
    try:
        _check_sizes(ask, parameters)
        ask = _authorized(ask, permission, parameters.get("env", ""))
        answer = handler(ask, **parameters)
    except Failure as failure:
        answer = failure_answer(failure, ask)
    except Exception:  # an entry point: a bug is logged with its trace, and answered without
        blueprint.log.error("bug in %s %s, request %s", ask.method, ask.path, ask.request_id, exc_info=True)
        answer = bug_answer(ask)
    return _response(answer)


def _ask(request: Any) -> Ask:
    query = request.query_params
    names = list(query.keys()) if query else []
    return Ask(
        method=request.method,
        path=request.path,
        headers={name.lower(): _text(value) for name, value in request.headers.items()},
        body=request.raw_body or b"",
        query={name: query.getlist(name) for name in names},
        request_id=str(request.context.get("requestId", "")),
    )


def _text(header: str) -> str:
    """A header without halves of surrogate pairs, which stand for bytes that are no UTF-8 and can't be hashed."""
    return header.encode("utf-8", "replace").decode()


def _check_sizes(ask: Ask, parameters: Mapping[str, str]) -> None:
    """Before anything is looked at: what is longer than any name of ours names nothing."""
    if len(ask.body) > MAX_BODY_BYTES:
        raise TooLarge(f"a body may have {MAX_BODY_BYTES} bytes")
    if any(len(part.encode()) > MAX_NAME_BYTES for part in parameters.values()):
        raise NotFound("there is nothing with so long a name")
    for name, values in ask.query.items():
        if any(len(value.encode()) > MAX_NAME_BYTES for value in values):
            raise Rejected(f"{name[:60]!r} may have {MAX_NAME_BYTES} bytes")


def _authorized(ask: Ask, permission: Permission, environment: str) -> Ask:
    """The request with its caller, who holds the permission in every environment that path and query name."""
    if permission in _OPEN:
        return ask
    caller = _caller(ask)
    if not caller.may(permission):
        raise NotAllowed(f"{caller.actor.name!r} lacks the permission {permission.value!r} for this")
    known = replace(ask, caller=caller)
    named = [environment, *ask.query.get("env", ()), *ask.query.get("environment", ())]
    for name in filter(None, named):
        known.check_environment(name)
    if permission is Permission.ADMIN and caller.environments and not environment:
        raise NotAllowed(f"{caller.actor.name!r} is bound to environments and may not change the organisation")
    return known


def _caller(ask: Ask) -> Caller:
    word, _, token = ask.headers.get("authorization", "").partition(" ")
    if word.lower() == "bearer" and token:
        return caller_by_token(token.strip(), wiring.records(), wiring.clock())
    session_id = cookie_value(ask)
    if not session_id:
        raise NotSignedIn("sign in: this needs an API token (Authorization: Bearer gim_…) or a session")
    caller = caller_by_session(session_id, wiring.records(), wiring.clock())
    if ask.method not in ("GET", "HEAD"):
        _check_origin(ask)
    return caller


def _check_origin(ask: Ask) -> None:
    """A cookie travels with requests that other sites make; they can send neither this header nor our origin."""
    ours = urlsplit(settings().public_url)
    origin = urlsplit(ask.headers.get("origin", ""))
    same = (origin.scheme, origin.netloc) == (ours.scheme, ours.netloc)
    if settings().local and origin.hostname in ("localhost", "127.0.0.1"):
        same = origin.netloc == ask.headers.get("host", "")
    if not same or not ask.headers.get("x-gimlet-csrf"):
        raise NotAllowed("a change by session cookie needs our own Origin and the header X-Gimlet-CSRF")


def cookie_value(ask: Ask) -> str:
    """The session cookie's value; empty when there is none."""
    name = cookie_name()
    for part in ask.headers.get("cookie", "").split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return ""


def cookie_name() -> str:
    """`__Host-` cookies need https, which local mode lacks."""
    return LOCAL_COOKIE if settings().local else COOKIE


def _response(answer: Answer) -> Response:
    headers = {"Content-Type": answer.content_type, "Cache-Control": "no-store", **answer.headers}
    body = "" if answer.body is None else msgspec.json.encode(answer.body).decode()
    return Response(body=body, status_code=answer.status, headers=headers)

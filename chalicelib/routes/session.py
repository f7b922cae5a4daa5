"""Who am I, signing in and out, and the ticket that opens a browser's socket."""

import msgspec
from chalice import Blueprint

from chalicelib import wiring
from chalicelib.core.actors import Permission
from chalicelib.core.errors import NotAllowed
from chalicelib.core.organizations import SESSION_LIFE, Organization
from chalicelib.core.projections import instant
from chalicelib.core.records import organization_key
from chalicelib.routes.http import Answer, Ask, cookie_name, route
from chalicelib.settings import settings
from chalicelib.usecases import live_connect, live_presence
from chalicelib.usecases.authenticate import permission_words, sign_in, sign_out

session = Blueprint(__name__)
VERSION = "0.1.0"


class VersionAnswer(msgspec.Struct):
    """`notice` is shown on every screen."""

    version: str
    notice: str


class OrganizationAnswer(msgspec.Struct):
    """A tenant."""

    id: str
    name: str


class MeAnswer(msgspec.Struct):
    """Who is asking, where, and what they may."""

    kind: str
    id: str
    name: str
    organization: OrganizationAnswer
    permissions: list[str]


class TicketAnswer(msgspec.Struct):
    """Opens one socket within 30 s: offer the subprotocols `gimlet.v1` and `ticket.<ticket>`."""

    ticket: str
    expires_at: str


@route(session, "GET", "/health", Permission.ANYONE)
def health(_: Ask) -> Answer:
    """The functions answer."""
    return Answer(200, {"status": "ok"})


@route(session, "GET", "/v1/version", Permission.ANYONE, gives=VersionAnswer)
def version(_: Ask) -> Answer:
    """Which Gimlet this is."""
    return Answer(200, VersionAnswer(VERSION, settings().notice))


@route(session, "POST", "/v1/session", Permission.CODE, status=204)
def start_session(ask: Ask) -> Answer:
    """Trade the one-time code in the header Gimlet-Code for a session cookie."""
    code = ask.headers.get("gimlet-code", "")
    value = sign_in(code, wiring.records(), wiring.clock(), wiring.chance())
    return Answer(204, None, {"Set-Cookie": _cookie(value, int(SESSION_LIFE.total_seconds()))})


@route(session, "DELETE", "/v1/session", Permission.READ, status=204)
def end_session(ask: Ask) -> Answer:
    """Log out: the session and its sockets end at once."""
    sign_out(ask.who, wiring.records())
    if ask.who.session_id:
        live_presence.cut_session(
            ask.who.organization_id,
            ask.who.session_id,
            wiring.connections(),
            wiring.sockets(),
            wiring.presence(),
            wiring.clock()(),
        )
    return Answer(204, None, {"Set-Cookie": _cookie("", 0)})


@route(session, "POST", "/v1/session/ticket", Permission.READ, gives=TicketAnswer, status=201)
def ticket(ask: Ask) -> Answer:
    """A one-use ticket for a WebSocket of this session."""
    if not ask.who.session_id:
        raise NotAllowed("a ticket opens a socket of a signed-in session, and a token has none")
    issued = live_connect.issue_ticket(ask.who, wiring.tickets(), wiring.clock()())
    return Answer(201, TicketAnswer(issued.ticket, instant(issued.expires_at)))


@route(session, "GET", "/v1/me", Permission.READ, gives=MeAnswer)
def me(ask: Ask) -> Answer:
    """Who am I."""
    caller = ask.who
    organization = wiring.records().get(Organization, organization_key(caller.organization_id))
    name = organization.name if organization else caller.organization_id
    return Answer(
        200,
        MeAnswer(
            caller.actor.kind,
            caller.actor.id,
            caller.actor.name,
            OrganizationAnswer(caller.organization_id, name),
            permission_words(caller),
        ),
    )


def _cookie(value: str, max_age_seconds: int) -> str:
    secure = "" if settings().local else " Secure;"
    return f"{cookie_name()}={value}; Path=/; Max-Age={max_age_seconds}; HttpOnly;{secure} SameSite=Lax"

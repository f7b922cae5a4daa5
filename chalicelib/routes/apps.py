"""Apps and their releases: what runs where, its history, and what people ask for."""

import msgspec
from chalice import Blueprint

from chalicelib import wiring
from chalicelib.core.actors import Permission
from chalicelib.core.errors import NotFound, Rejected
from chalicelib.core.projections import release_body
from chalicelib.core.releases import Release
from chalicelib.core.topics import APPS, TopicAddress, microseconds
from chalicelib.routes.http import Answer, Ask, route
from chalicelib.usecases.environments import get_environment
from chalicelib.usecases.follow import follow_release
from chalicelib.usecases.history import get_app_row, releases_of_app
from chalicelib.usecases.requests import (
    get_request,
    lift_hold,
    releases_of,
    request_delete,
    request_deploy,
    request_rollback,
    set_hold,
)
from chalicelib.usecases.transitions import get_release
from chalicelib.wire import bodies
from chalicelib.wire.messages import Document

apps = Blueprint(__name__)
FIRST_RELEASES = 20
MAX_WAIT_SECONDS = 20  # of the 29 s that the gateway gives


class CardAnswer(msgspec.Struct):
    """A card and its version, as the topic `apps` has it."""

    seq: int
    body: bodies.Card


class AppAnswer(msgspec.Struct):
    """An app with the cards of its environments."""

    app: str
    environments: list[CardAnswer]


class AppsAnswer(msgspec.Struct):
    """Apps by name."""

    items: list[AppAnswer]
    next: str


class AppDetail(msgspec.Struct):
    """One app in one environment, with its newest releases."""

    app: str
    environment: str
    card: CardAnswer | None
    releases: list[bodies.Release]


class ReleasesAnswer(msgspec.Struct):
    """A page of releases, newest first."""

    items: list[bodies.Release]
    next: str


class DeployRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Which artifact."""

    artifact_id: str


class RollbackRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Which release to bring back."""

    release_id: str


class HoldRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Why automatic releases are stopped."""

    why: str = ""


class RequestAnswer(msgspec.Struct):
    """What was asked: follow it at /v1/requests/{id}."""

    id: str
    type: str


class RequestDetail(msgspec.Struct):
    """A request and its releases so far. `state`: new, processed, error."""

    id: str
    type: str
    state: str
    error: str
    releases: list[bodies.Release]


@route(apps, "GET", "/v1/apps", Permission.READ, gives=AppsAnswer, query=("environment", "repository", "cursor"))
def list_apps(ask: Ask) -> Answer:
    """Apps by name, each with its environments' cards."""
    address = TopicAddress(ask.who.organization_id, APPS)
    page = wiring.topics().page(
        address, prefix="", cursor=ask.one("cursor") or None, now_us=microseconds(wiring.clock()())
    )
    found: dict[str, list[CardAnswer]] = {}
    for doc in page.docs:
        card = _card(doc)
        if card is not None and _fits(card.body, ask):
            found.setdefault(card.body.app, []).append(card)
    return Answer(200, AppsAnswer([AppAnswer(app, cards) for app, cards in sorted(found.items())], page.next or ""))


@route(apps, "GET", "/v1/apps/{env}/{app}", Permission.READ, gives=AppDetail)
def app_detail(ask: Ask, env: str, app: str) -> Answer:
    """One app in one environment."""
    records = wiring.records()
    environment = get_environment(ask.who.organization_id, env, records)
    get_app_row(ask.who.organization_id, environment.id, app, records)
    page = releases_of_app(ask.who.organization_id, environment.id, app, records, limit=FIRST_RELEASES)
    key = f"{app}/{environment.id}"
    address = TopicAddress(ask.who.organization_id, APPS)
    cards = wiring.topics().page(address, prefix=key, cursor=None, now_us=microseconds(wiring.clock()()))
    card = next((_card(doc) for doc in cards.docs if doc.key == key), None)
    return Answer(200, AppDetail(app, env, card, [release_body(one) for one in page.items]))


@route(apps, "GET", "/v1/apps/{env}/{app}/releases", Permission.READ, gives=ReleasesAnswer, query=("cursor", "limit"))
def app_releases(ask: Ask, env: str, app: str) -> Answer:
    """History of an app, newest first; failed attempts too."""
    records = wiring.records()
    environment = get_environment(ask.who.organization_id, env, records)
    page = releases_of_app(
        ask.who.organization_id, environment.id, app, records, cursor=ask.one("cursor"), limit=ask.limit()
    )
    return Answer(200, ReleasesAnswer([release_body(one) for one in page.items], page.next))


@route(
    apps,
    "POST",
    "/v1/apps/{env}/{app}/releases",
    Permission.SHIP,
    takes=DeployRequest,
    gives=RequestAnswer,
    status=202,
)
def deploy(ask: Ask, env: str, app: str) -> Answer:
    """Deploy an artifact."""
    request = request_deploy(ask.who, env, app, ask.read(DeployRequest).artifact_id, wiring.desk(), key=ask.key)
    return Answer(202, RequestAnswer(request.id, request.kind))


@route(
    apps,
    "POST",
    "/v1/apps/{env}/{app}/rollback",
    Permission.DEPLOY,
    takes=RollbackRequest,
    gives=RequestAnswer,
    status=202,
)
def rollback(ask: Ask, env: str, app: str) -> Answer:
    """Bring back what an earlier release wrote, by a new commit."""
    wanted = ask.read(RollbackRequest)
    target = get_release(ask.who.organization_id, wanted.release_id, wiring.records())
    request = request_rollback(ask.who, env, app, target, wiring.desk(), key=ask.key)
    return Answer(202, RequestAnswer(request.id, request.kind))


@route(apps, "DELETE", "/v1/apps/{env}/{app}", Permission.DEPLOY, gives=RequestAnswer, status=202)
def delete(ask: Ask, env: str, app: str) -> Answer:
    """Remove the app's own files from the GitOps repository."""
    request = request_delete(ask.who, env, app, wiring.desk(), key=ask.key)
    return Answer(202, RequestAnswer(request.id, request.kind))


@route(apps, "PUT", "/v1/apps/{env}/{app}/hold", Permission.HOLD, takes=HoldRequest, status=204)
def hold(ask: Ask, env: str, app: str) -> Answer:
    """Stop automatic releases of the app."""
    set_hold(ask.who, env, app, ask.read(HoldRequest).why, wiring.records(), wiring.clock())
    return Answer(204)


@route(apps, "DELETE", "/v1/apps/{env}/{app}/hold", Permission.HOLD, status=204)
def release_hold(ask: Ask, env: str, app: str) -> Answer:
    """Let automatic releases of the app go again; the newest one that was held is asked again."""
    lift_hold(ask.who, env, app, wiring.desk())
    return Answer(204)


@route(apps, "GET", "/v1/releases/{release_id}", Permission.READ, gives=bodies.Release, query=("wait", "timeout"))
def release(ask: Ask, release_id: str) -> Answer:
    """A release with its hops; with wait, the answer comes at the next state or after the timeout."""
    found = _visible(ask, release_id)
    if ask.one("wait"):
        seconds = ask.number("timeout", MAX_WAIT_SECONDS, least=1, most=MAX_WAIT_SECONDS)
        found = follow_release(found, ask.one("wait"), seconds, wiring.records(), wiring.pace())
    return Answer(200, release_body(found))


@route(apps, "GET", "/v1/requests/{request_id}", Permission.READ, gives=RequestDetail)
def request_detail(ask: Ask, request_id: str) -> Answer:
    """A request and its releases so far."""
    request = get_request(ask.who.organization_id, request_id, wiring.records(), within=ask.who.environments)
    found = [release_body(one) for one in releases_of(request, wiring.records()) if ask.who.sees(one.environment)]
    return Answer(200, RequestDetail(request.id, request.kind, request.state, request.error, found))


def _visible(ask: Ask, release_id: str) -> Release:
    found = get_release(ask.who.organization_id, release_id, wiring.records())
    if not ask.who.sees(found.environment):
        raise NotFound(f"there is no release {release_id!r}")
    return found


def _card(doc: Document) -> CardAnswer | None:
    if doc.body is None:
        return None
    try:
        return CardAnswer(doc.seq, msgspec.convert(doc.body, bodies.Card))
    except msgspec.ValidationError as error:
        raise Rejected(f"card {doc.key!r} can't be read") from error


def _fits(card: bodies.Card, ask: Ask) -> bool:
    asked_for = ask.one("environment") in ("", card.environment) and ask.one("repository") in ("", card.repository)
    return asked_for and ask.who.sees(card.environment)

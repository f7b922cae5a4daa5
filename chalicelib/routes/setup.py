"""Environments, repositories and tokens: what an admin sets up. Secrets are shown once, where they were made."""

from typing import Annotated

import msgspec
from chalice import Blueprint

from chalicelib import wiring
from chalicelib.core.actors import Permission, Scope
from chalicelib.core.organizations import Token
from chalicelib.core.projections import environment_body, instant
from chalicelib.core.repositories import Artifacts, Host, Repository, Use
from chalicelib.routes.http import Answer, Ask, route
from chalicelib.settings import settings
from chalicelib.usecases import live_presence
from chalicelib.usecases.environments import (
    NewEnvironment,
    get_environment,
    list_environments,
    make_environment,
    rotate_agent_key,
)
from chalicelib.usecases.repositories import get_repository, import_repository, list_repositories, new_repository
from chalicelib.usecases.tokens import MAX_LIFE, list_tokens, make_token, revoke_token
from chalicelib.wire import bodies

setup = Blueprint(__name__)
MAX_POSITION = 999_999  # six digits in the index


class EnvironmentsAnswer(msgspec.Struct):
    """A page of environments, in their order."""

    items: list[bodies.Environment]
    next: str


class EnvironmentRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A new environment; `protected` defaults to true for one named prod or production."""

    name: str
    gitops_repository_id: str
    position: Annotated[int, msgspec.Meta(ge=0, le=MAX_POSITION)] = 0
    repo_per_env: bool = False
    protected: bool | None = None


class EnvironmentMade(msgspec.Struct):
    """The new environment; the key and the secret are shown this once."""

    environment: bodies.Environment
    agent_key: str
    webhook_secret: str


class AgentKeyAnswer(msgspec.Struct):
    """A new agent key, shown this once."""

    agent_key: str


class RepositoryAnswer(msgspec.Struct):
    """An imported repository; `hook_path` is where its webhook is to post.

    `offers_ci_artifacts`: its CI ships artifacts while each push makes one too, so `artifacts: ci` may be meant.
    """

    id: str
    path: str
    url: str
    host: str
    use: str
    default_branch: str
    hook_path: str
    artifacts: Artifacts
    preview_days: int
    offers_ci_artifacts: bool


class RepositoriesAnswer(msgspec.Struct):
    """A page of repositories, by path."""

    items: list[RepositoryAnswer]
    next: str


class RepositoryRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A repository on a plain Git host. `hook_payload` says what its webhook's bodies look like."""

    path: str
    url: str
    use: Use
    hook_payload: Host = Host.GIT


class RepositoryMade(msgspec.Struct):
    """The imported repository; the webhook's secret is shown this once, and empty for a GitOps repository."""

    repository: RepositoryAnswer
    webhook_secret: str


class TokenAnswer(msgspec.Struct):
    """A token without its secret."""

    id: str
    name: str
    scopes: list[Scope]
    environments: list[str]
    created_at: str
    expires_at: str
    last_used_at: str


class TokensAnswer(msgspec.Struct):
    """A page of tokens."""

    items: list[TokenAnswer]
    next: str


class TokenRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A new token; it lives 90 days unless `days` says otherwise."""

    name: str
    scopes: list[Scope]
    environments: list[str] = []
    days: Annotated[int, msgspec.Meta(ge=1, le=MAX_LIFE.days)] | None = None


class TokenMade(msgspec.Struct):
    """The new token; its text is shown this once."""

    token: TokenAnswer
    text: str


@route(setup, "GET", "/v1/environments", Permission.READ, gives=EnvironmentsAnswer, query=("cursor", "limit"))
def environments(ask: Ask) -> Answer:
    """Environments, in their order."""
    page = list_environments(ask.who, ask.one("cursor"), ask.limit(), wiring.records())
    seen = [environment_body(one) for one in page.items if ask.who.sees(one.name)]
    return Answer(200, EnvironmentsAnswer(seen, page.next))


@route(setup, "POST", "/v1/environments", Permission.ADMIN, takes=EnvironmentRequest, gives=EnvironmentMade, status=201)
def create_environment(ask: Ask) -> Answer:
    """Make an environment with an agent key and a webhook secret."""
    body = ask.read(EnvironmentRequest)
    wanted = NewEnvironment(body.name, body.gitops_repository_id, body.position, body.repo_per_env, body.protected)
    made = make_environment(ask.who, wanted, wiring.records(), wiring.secrets(), wiring.clock(), wiring.chance())
    return Answer(201, EnvironmentMade(environment_body(made.environment), made.agent_key, made.webhook_secret))


@route(setup, "GET", "/v1/environments/{env}", Permission.READ, gives=bodies.Environment)
def environment(ask: Ask, env: str) -> Answer:
    """One environment."""
    return Answer(200, environment_body(get_environment(ask.who.organization_id, env, wiring.records())))


@route(
    setup,
    "POST",
    "/v1/environments/{env}/agent-key",
    Permission.ADMIN,
    gives=AgentKeyAnswer,
    status=201,
    query=("revoke",),
)
def agent_key(ask: Ask, env: str) -> Answer:
    """A new agent key; with revoke=true the old ones and their sockets end at once."""
    revoke = ask.one("revoke") == "true"
    text = rotate_agent_key(ask.who, env, wiring.records(), wiring.clock(), wiring.chance(), revoke=revoke)
    if revoke:
        found = get_environment(ask.who.organization_id, env, wiring.records())
        live_presence.cut_agent(
            ask.who.organization_id,
            found.id,
            wiring.connections(),
            wiring.sockets(),
            wiring.presence(),
            wiring.clock()(),
        )
    return Answer(201, AgentKeyAnswer(text))


@route(setup, "GET", "/v1/repositories", Permission.READ, gives=RepositoriesAnswer, query=("cursor", "limit"))
def repositories(ask: Ask) -> Answer:
    """Imported repositories, by path."""
    page = list_repositories(ask.who, ask.one("cursor"), ask.limit(), wiring.records())
    return Answer(200, RepositoriesAnswer([repository_answer(one) for one in page.items], page.next))


@route(setup, "POST", "/v1/repositories", Permission.ADMIN, takes=RepositoryRequest, gives=RepositoryMade, status=201)
def create_repository(ask: Ask) -> Answer:
    """Import a repository; an application's gets a webhook with a secret of its own."""
    body = ask.read(RepositoryRequest)
    wanted = new_repository(
        ask.who,
        body.path,
        body.url,
        body.use,
        body.hook_payload,
        wiring.desk(),
        local=settings().local,
    )
    made, secret = import_repository(ask.who, wanted, wiring.desk(), wiring.secrets())
    return Answer(201, RepositoryMade(repository_answer(made), secret))


@route(setup, "GET", "/v1/repositories/{repository_id}", Permission.READ, gives=RepositoryAnswer)
def repository(ask: Ask, repository_id: str) -> Answer:
    """One imported repository."""
    return Answer(200, repository_answer(get_repository(ask.who.organization_id, repository_id, wiring.records())))


@route(setup, "GET", "/v1/tokens", Permission.ADMIN, gives=TokensAnswer, query=("cursor", "limit"))
def tokens(ask: Ask) -> Answer:
    """API tokens, without their secrets."""
    page = list_tokens(ask.who, ask.one("cursor"), ask.limit(), wiring.records())
    return Answer(200, TokensAnswer([_token(one) for one in page.items], page.next))


@route(setup, "POST", "/v1/tokens", Permission.ADMIN, takes=TokenRequest, gives=TokenMade, status=201)
def create_token(ask: Ask) -> Answer:
    """Make an API token; its text is in this answer and nowhere else."""
    body = ask.read(TokenRequest)
    token, text = make_token(
        ask.who,
        body.name,
        tuple(body.scopes),
        wiring.records(),
        wiring.clock(),
        wiring.chance(),
        days=body.days,
        environments=tuple(body.environments),
    )
    return Answer(201, TokenMade(_token(token), text))


@route(setup, "DELETE", "/v1/tokens/{token_id}", Permission.ADMIN, status=204)
def delete_token(ask: Ask, token_id: str) -> Answer:
    """Revoke a token at once."""
    revoke_token(ask.who, token_id, wiring.records())
    return Answer(204)


def repository_answer(one: Repository) -> RepositoryAnswer:
    """A repository as these routes show it."""
    hook_path = f"/hooks/{one.hook_payload.value}/{one.hook_id}" if one.hook_id else ""
    return RepositoryAnswer(
        id=one.id,
        path=one.path,
        url=one.url,
        host=one.host,
        use=one.use,
        default_branch=one.default_branch,
        hook_path=hook_path,
        artifacts=one.artifacts,
        preview_days=one.preview_days,
        offers_ci_artifacts=one.ci_artifact_at is not None and one.artifacts is Artifacts.PUSH,
    )


def _token(token: Token) -> TokenAnswer:
    return TokenAnswer(
        token.id,
        token.name,
        list(token.scopes),
        list(token.environments),
        instant(token.created_at),
        instant(token.expires_at),
        instant(token.last_used_at),
    )

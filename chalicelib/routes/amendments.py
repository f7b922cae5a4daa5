"""Settings of what is set up already: an admin changes those that are named, and the rest stays as it was."""

import msgspec
from chalice import Blueprint

from chalicelib import wiring
from chalicelib.core.actors import Permission
from chalicelib.core.repositories import Artifacts
from chalicelib.routes.http import Answer, Ask, route
from chalicelib.routes.setup import RepositoryAnswer, repository_answer
from chalicelib.usecases.environments import change_environment
from chalicelib.usecases.repositories import change_repository

amendments = Blueprint(__name__)


class RepositorySettings(msgspec.Struct, forbid_unknown_fields=True):
    """Settings of a repository; what is not given stays. `artifacts`: made by each push, or by its CI."""

    artifacts: Artifacts | None = None
    preview_days: int | None = None


class EnvironmentSettings(msgspec.Struct, forbid_unknown_fields=True):
    """Settings of an environment. A preview's host is its app and `ingress_suffix`."""

    ingress_suffix: str


@route(
    amendments,
    "PATCH",
    "/v1/environments/{env}",
    Permission.ADMIN,
    takes=EnvironmentSettings,
    gives=EnvironmentSettings,
)
def patch_environment(ask: Ask, env: str) -> Answer:
    """Change an environment's settings."""
    body = ask.read(EnvironmentSettings)
    changed = change_environment(ask.who, env, body.ingress_suffix, wiring.records())
    return Answer(200, EnvironmentSettings(changed.ingress_suffix))


@route(
    amendments,
    "PATCH",
    "/v1/repositories/{repository_id}",
    Permission.ADMIN,
    takes=RepositorySettings,
    gives=RepositoryAnswer,
)
def patch_repository(ask: Ask, repository_id: str) -> Answer:
    """Change a repository's settings."""
    body = ask.read(RepositorySettings)
    changed = change_repository(ask.who, repository_id, body.artifacts, body.preview_days, wiring.records())
    return Answer(200, repository_answer(changed))

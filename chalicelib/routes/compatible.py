"""`/api/*`: what existing Gimlet CI plugins and the CLI speak, unchanged. Times are unix seconds."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from chalice import Blueprint

from chalicelib import wiring
from chalicelib.core.actors import Permission
from chalicelib.core.artifacts import Artifact
from chalicelib.core.environments import Environment
from chalicelib.core.errors import Rejected
from chalicelib.core.plans import version_fields_of
from chalicelib.core.releases import IN_GIT, Release, State
from chalicelib.core.tracking import release_object
from chalicelib.routes.http import Answer, Ask, route
from chalicelib.usecases.artifacts import Filter, list_artifacts, ship_artifact
from chalicelib.usecases.environments import flux_files, get_environment
from chalicelib.usecases.history import instant_key, newest_releases, standing
from chalicelib.usecases.repositories import get_repository
from chalicelib.usecases.requests import request_delete, request_deploy, request_rollback_to
from chalicelib.usecases.track import track_artifact, track_request

compatible = Blueprint(__name__)
MOST_RELEASES = 2000
SHOWN = IN_GIT | {State.UNCHANGED, State.REJECTED, State.FAILED, State.HELD}


class ReleaseRequest(msgspec.Struct, rename="camel"):
    """`POST /api/releases`."""

    env: str = ""
    app: str = ""
    artifact_id: str = ""
    triggered_by: str = ""


@route(compatible, "POST", "/api/artifact", Permission.SHIP, status=201)
def ship(ask: Ask) -> Answer:
    """Store an artifact; the same version with the same content is the stored one."""
    artifact, new = ship_artifact(ask.who, ask.body, wiring.records(), wiring.queues(), wiring.clock())
    return Answer(201 if new else 200, artifact_object(artifact))


@route(
    compatible,
    "GET",
    "/api/artifacts",
    Permission.READ,
    query=("limit", "offset", "since", "until", "repository", "branch", "sourceBranch", "sha", "event"),
)
def artifacts(ask: Ask) -> Answer:
    """Artifacts that fit, newest first."""
    wanted = Filter(
        repository=ask.one("repository"),
        branch=ask.one("branch"),
        source_branch=ask.one("sourceBranch"),
        event=ask.one("event"),
        shas=tuple(ask.query.get("sha", ())),
        since=_seconds(ask, "since"),
        until=_seconds(ask, "until"),
        limit=ask.number("limit", 10, least=1, most=1000),
        offset=ask.number("offset", 0, least=0, most=100_000),
    )
    return Answer(200, [artifact_object(one) for one in list_artifacts(ask.who, wanted, wiring.records())])


@route(compatible, "POST", "/api/releases", Permission.SHIP, takes=ReleaseRequest, status=201)
def deploy(ask: Ask) -> Answer:
    """Deploy an artifact; an empty app means all its apps of the environment."""
    wanted = ask.read(ReleaseRequest)
    if not wanted.env:
        raise Rejected("env parameter is mandatory")
    if not wanted.artifact_id:
        raise Rejected("artifactId parameter is mandatory")
    ask.check_environment(wanted.env)
    request = request_deploy(ask.who, wanted.env, wanted.app, wanted.artifact_id, wiring.desk(), key=ask.key)
    return Answer(201, {"id": request.id, "type": "release"})


@route(
    compatible,
    "GET",
    "/api/releases",
    Permission.READ,
    query=("env", "app", "git-repo", "limit", "reverse", "since", "until"),
)
def releases(ask: Ask) -> Answer:
    """Releases of an environment, newest first."""
    environment = get_environment(ask.who.organization_id, _environment_name(ask), wiring.records())
    limit = ask.number("limit", 10, least=-1, most=MOST_RELEASES)
    until = _seconds(ask, "until")
    found = newest_releases(
        ask.who.organization_id,
        environment.id,
        ask.one("app"),
        wiring.records(),
        most=MOST_RELEASES if limit < 0 else limit,
        fits=lambda release: _is_shown(release, ask.one("git-repo")),
        since=_key(_seconds(ask, "since")),
        until=_key(None if until is None else until + 1),  # `created` counts whole seconds
    )
    if ask.one("reverse") == "true":
        found.reverse()
    path = _gitops_path(ask, environment)
    return Answer(200, [release_object(release, path) for release in found])


@route(compatible, "GET", "/api/status", Permission.READ, query=("env", "app"))
def status(ask: Ask) -> Answer:
    """App → the release that is now desired."""
    environment = get_environment(ask.who.organization_id, _environment_name(ask), wiring.records())
    found = standing(ask.who.organization_id, environment.id, ask.one("app"), wiring.records())
    path = _gitops_path(ask, environment)
    return Answer(200, {app: release_object(release, path) for app, release in found.items()})


@route(compatible, "POST", "/api/rollback", Permission.DEPLOY, status=201, query=("env", "app", "sha"))
def rollback(ask: Ask) -> Answer:
    """Roll an app back to a GitOps commit of it."""
    env, app = _environment_name(ask), _app_name(ask)
    if not ask.one("sha"):
        raise Rejected("sha parameter is mandatory")
    request = request_rollback_to(ask.who, env, app, ask.one("sha"), wiring.desk(), key=ask.key)
    return Answer(201, {"id": request.id, "type": "rollback"})


@route(compatible, "POST", "/api/delete", Permission.DEPLOY, query=("env", "app"))
def delete(ask: Ask) -> Answer:
    """Delete an app; answered as soon as it is durably recorded."""
    env, app = _environment_name(ask), _app_name(ask)
    request = request_delete(ask.who, env, app, wiring.desk(), key=ask.key)
    return Answer(200, {"id": request.id, "type": "delete"})


@route(compatible, "GET", "/api/eventReleaseTrack", Permission.READ, query=("id",))
def release_track(ask: Ask) -> Answer:
    """Follow a request."""
    caller = ask.who
    return Answer(
        200, track_request(caller.organization_id, ask.one("id"), wiring.records(), within=caller.environments)
    )


@route(compatible, "GET", "/api/eventArtifactTrack", Permission.READ, query=("artifactId",))
def artifact_track(ask: Ask) -> Answer:
    """Follow all that an artifact led to."""
    caller = ask.who
    return Answer(
        200, track_artifact(caller.organization_id, ask.one("artifactId"), wiring.records(), within=caller.environments)
    )


@route(compatible, "GET", "/api/gitopsManifests/{env}", Permission.ADMIN)
def gitops_manifests(ask: Ask, env: str) -> Answer:
    """The Flux files to apply when connecting a cluster; no secret is among them."""
    return Answer(200, flux_files(ask.who, env, wiring.records()))


def artifact_object(artifact: Artifact) -> dict[str, Any]:
    """An artifact as `/api` answers it; fields we do not know are kept."""
    return {
        **artifact.extra,
        "id": artifact.id,
        "created": artifact.created,
        "version": {**artifact.extra.get("version", {}), **version_fields_of(artifact.version_of)},
        "environments": list(artifact.environments),
        "cueEnvironments": list(artifact.cue_environments),
        "vars": dict(artifact.vars),
        "context": dict(artifact.context),
        "items": list(artifact.items),
        "fake": artifact.fake,
    }


def _gitops_path(ask: Ask, environment: Environment) -> str:
    return get_repository(ask.who.organization_id, environment.gitops_repository_id, wiring.records()).path


def _is_shown(release: Release, git_repo: str) -> bool:
    version = release.artifact_version
    fits = not git_repo or (version is not None and version.repository == git_repo)
    return fits and release.state in SHOWN


def _environment_name(ask: Ask) -> str:
    if not ask.one("env"):
        raise Rejected("env parameter is mandatory")
    return ask.one("env")


def _app_name(ask: Ask) -> str:
    if not ask.one("app"):
        raise Rejected("app parameter is mandatory")
    return ask.one("app")


def _seconds(ask: Ask, name: str) -> int | None:
    text = ask.one(name)
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text.replace(" ", "+").upper())  # an unescaped + came as a space
    except ValueError:
        raise Rejected(f"{name} must be an RFC 3339 instant such as 2021-01-01T00:00:00Z") from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def _key(seconds: int | None) -> str:
    return "" if seconds is None else instant_key(max(seconds, 0))

"""Releases in the words of `/api`: what existing CI plugins and the CLI poll for (`docs/api.md`, compatible routes)."""

from collections.abc import Sequence
from typing import Any

from chalicelib.core.decisions import Request
from chalicelib.core.plans import version_fields
from chalicelib.core.progress import UNHEALTHY_REASONS
from chalicelib.core.releases import IN_GIT, OPEN, Release, State

FAILED = frozenset({State.HELD, State.REJECTED, State.FAILED})
_SPOKEN = frozenset(
    {
        "NotReconciled",
        "Progressing",
        "ReconciliationSucceeded",
        "ReconciliationFailed",
        "ValidationFailed",
        "HealthCheckFailed",
    },
)


def event_answer(requests: Sequence[Request], releases: Sequence[Release]) -> dict[str, Any]:
    """`{status, statusDesc, results}` of a request, or of all requests of an artifact."""
    errors = [request.error for request in requests if request.state == "error"]
    expected = {release_id for request in requests for release_id in request.release_ids}
    moving = len(releases) < len(expected) or any(release.state in OPEN for release in releases)
    waiting = moving or any(request.state == "new" for request in requests)
    status = "error" if errors else "new" if waiting else "processed"
    return {"status": status, "statusDesc": "; ".join(errors), "results": [result_of(one) for one in releases]}


def result_of(release: Release) -> dict[str, Any]:
    """One entry of `results`."""
    return {
        "app": release.app,
        "env": release.environment,
        "hash": release.commit,
        "status": _status(release),
        "statusDesc": release.reason.text if release.reason and _status(release) != "success" else "",
        "gitopsCommitStatus": gitops_commit_status(release),
        "gitopsCommitStatusDesc": release.reason.text if release.reason and release.state in IN_GIT else "",
    }


def release_object(release: Release, repository: str) -> dict[str, Any]:
    """A release as `/api/releases` and `/api/status` answer it."""
    return {
        "app": release.app,
        "env": release.environment,
        "artifactId": release.artifact_id,
        "triggeredBy": release.actor.name,
        "version": version_fields(release),
        "gitopsRef": release.commit,
        "gitopsRepo": repository,
        "gitopsCommitStatus": gitops_commit_status(release),
        "gitopsCommitStatusDesc": release.reason.text if release.reason else "",
        "gitopsCommitCreated": int(release.committed_at.timestamp()) if release.committed_at else 0,
        "created": int(release.created_at.timestamp()),
        "rolledBack": release.kind == "rollback",
    }


def gitops_commit_status(release: Release) -> str:
    """One of the six words; empty for what is not in Git."""
    match release.state:
        case State.COMMITTED:
            return "NotReconciled"
        case State.RECONCILING:
            return "Progressing"
        case State.LIVE:
            return "ReconciliationSucceeded"
        case State.OVERTAKEN:
            return "ReconciliationSucceeded" if release.live_at else "NotReconciled"
        case State.UNHEALTHY:
            kind = release.reason.kind if release.reason else ""
            return kind if kind in _SPOKEN & UNHEALTHY_REASONS else "ReconciliationFailed"
        case State.UNCHANGED:
            return "ReconciliationSucceeded"
        case _:
            return ""


def _status(release: Release) -> str:
    if release.state in FAILED:
        return "failure"
    if release.state in IN_GIT or release.state is State.UNCHANGED:
        return "success"
    return "pending"

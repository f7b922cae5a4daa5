"""Follow what was asked: by request, or by artifact, in the words that CI polls for."""

from typing import Any

from chalicelib.core.artifacts import Artifact
from chalicelib.core.decisions import Request
from chalicelib.core.errors import NotFound
from chalicelib.core.records import artifact_key, requests_of_artifact_pk
from chalicelib.core.releases import Release, State
from chalicelib.core.tracking import event_answer
from chalicelib.ports.records import Records
from chalicelib.usecases.history import get_visible_release, standing
from chalicelib.usecases.requests import get_request, releases_of

MOST_REQUESTS = 100


def track_request(
    organization_id: str, request_id: str, records: Records, *, within: tuple[str, ...] = ()
) -> dict[str, Any]:
    """`/api/eventReleaseTrack`. `within`: the environments that exist for the caller, empty for all.

    Raises:
        NotFound: no such request.
    """
    request = get_request(organization_id, request_id, records, within=within)
    releases = [_spoken_for(release, records) for release in releases_of(request, records)]
    answer = event_answer([request], releases)
    return {"type": request.kind, **answer, "results": _within(within, answer["results"])}


def track_artifact(
    organization_id: str, artifact_id: str, records: Records, *, within: tuple[str, ...] = ()
) -> dict[str, Any]:
    """`/api/eventArtifactTrack`. `within`: the environments that exist for the caller, empty for all.

    Raises:
        NotFound: no such artifact.
    """
    if records.get(Artifact, artifact_key(organization_id, artifact_id)) is None:
        raise NotFound(f"there is no artifact {artifact_id!r}")
    pk = requests_of_artifact_pk(organization_id, artifact_id)
    requests = records.list_index(Request, "index1", pk, limit=MOST_REQUESTS).items
    found = [
        release
        for request in requests
        for release_id in request.release_ids
        if (release := get_visible_release(organization_id, release_id, records)) is not None
    ]
    answer = event_answer(requests, [_spoken_for(release, records) for release in found])
    if not requests:
        answer["status"] = "new"
    return {**answer, "results": _within(within, answer["results"])}


def _within(environments: tuple[str, ...], results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [result for result in results if not environments or result["env"] in environments]


def _spoken_for(release: Release, records: Records) -> Release:
    """A superseded release speaks with the one that stands, once that is committed."""
    if release.state is not State.SUPERSEDED:
        return release
    now = standing(release.organization_id, release.environment_id, release.app, records).get(release.app)
    return now if now is not None and now.number > release.number else release

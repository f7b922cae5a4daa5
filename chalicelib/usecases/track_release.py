"""What the cluster says of an app's Kustomization moves the release that Git holds for the app.

"Contains" is a comparison of commit numbers. A revision that has no number yet rings the train, which numbers it,
and the sight comes again through the intake queue.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from chalicelib.core.apps import App
from chalicelib.core.errors import Unavailable
from chalicelib.core.facts import Fact
from chalicelib.core.progress import Sight, progress, revision_sha
from chalicelib.core.records import app_key
from chalicelib.core.releases import TOWARDS_LIVE, Release, State
from chalicelib.core.trains import ChainCommit, contains
from chalicelib.ports.queues import Queues
from chalicelib.ports.records import Put, Records
from chalicelib.ports.stores import Clock
from chalicelib.usecases.number_commits import number_of
from chalicelib.usecases.transitions import advance, get_release
from chalicelib.wire import bodies

UNNUMBERED_WAIT_SECONDS = 1
QUIET_STATES = frozenset(
    {"Pending", "ContainerCreating", "PodInitializing", "NotReady", "Running", "Terminating", "Succeeded"}
)
HEALTH_WORDS = ("health check", "Running health")


@dataclass(frozen=True, slots=True)
class Seen:
    """An app's Kustomization as its agent saw it, and what the worst pod says, if anything is wrong."""

    organization_id: str
    environment_id: str
    app: str
    kustomization: bodies.FluxObject
    observed_at: datetime
    cause: str = ""


def observe(seen: Seen, records: Records, queues: Queues, clock: Clock) -> None:
    """Move the app's release on, now or, where a revision has no number yet, by way of the queue."""
    try:
        observe_strictly(seen, records, queues, clock)
    except Unavailable:
        queues.send_intake(message_of(seen), delay_seconds=UNNUMBERED_WAIT_SECONDS)


def observe_strictly(seen: Seen, records: Records, queues: Queues, clock: Clock) -> None:
    """Move the app's release on.

    Raises:
        Unavailable: a revision has no number yet; the train was rung to give it one.
    """
    row = records.get(App, app_key(seen.organization_id, seen.environment_id, seen.app))
    if row is None or row.desired is None or State(row.desired.state) not in TOWARDS_LIVE:
        return
    release = get_release(seen.organization_id, row.desired.id, records)
    if release.state not in TOWARDS_LIVE:
        return
    sight = _sight(seen, release, records, queues)
    now = clock()
    moved = progress(release, sight, now)
    if moved is release:
        return
    extra = [Put(_fact(release, now))] if moved.state is State.LIVE else []
    advance(seen.organization_id, release.id, lambda current: progress(current, sight, now), records, extra=extra)


def message_of(seen: Seen) -> dict[str, Any]:
    """A sight as a message for `intake`."""
    return {
        "kind": "observed",
        "organization_id": seen.organization_id,
        "environment_id": seen.environment_id,
        "app": seen.app,
        "kustomization": msgspec.to_builtins(seen.kustomization),
        "observed_at": seen.observed_at.isoformat(),
        "cause": seen.cause,
    }


def seen_of(message: Mapping[str, Any]) -> Seen:
    """The sight in a message of ours."""
    return Seen(
        organization_id=message["organization_id"],
        environment_id=message["environment_id"],
        app=message["app"],
        kustomization=msgspec.convert(message["kustomization"], bodies.FluxObject),
        observed_at=datetime.fromisoformat(message["observed_at"]).astimezone(UTC),
        cause=message["cause"],
    )


def cause_in(app_document: Mapping[str, Any]) -> str:
    """What the app's worst pod says of itself, in a sentence; empty when no pod is in trouble."""
    app = msgspec.convert(app_document, bodies.App)
    for pod in app.pods:
        if not pod.ready and pod.state not in QUIET_STATES:
            said = pod.message or pod.reason
            return f"Pod {pod.name}: {pod.state}" + (f": {said}" if said and said != pod.state else "")
    return ""


def _sight(seen: Seen, release: Release, records: Records, queues: Queues) -> Sight:
    flux = seen.kustomization
    commit = number_of(release.gitops_repository_id, release.organization_id, release.commit, records)
    return Sight(
        attempted=_contains(flux.last_attempted, release, commit, records, queues),
        applied=_contains(flux.last_applied, release, commit, records, queues),
        checking=any(word in flux.reconciling for word in HEALTH_WORDS),
        ready=flux.ready,
        reason=flux.reason,
        message=flux.message if flux.ready == "False" else flux.reconciling or flux.message,
        cause=seen.cause,
        seen_at=seen.observed_at,
    )


def _contains(revision: str, release: Release, commit: ChainCommit | None, records: Records, queues: Queues) -> bool:
    sha = revision_sha(revision)
    if not sha:
        return False
    if sha == release.commit:
        return True
    number = number_of(release.gitops_repository_id, release.organization_id, sha, records)
    if number is None or commit is None:
        queues.ring_train(release.organization_id, release.gitops_repository_id, number=True)
        raise Unavailable(f"revision {sha[:10]} has no number yet", UNNUMBERED_WAIT_SECONDS)
    return contains(number, commit)


def _fact(release: Release, live_at: datetime) -> Fact:
    return Fact(
        organization_id=release.organization_id,
        environment_id=release.environment_id,
        app=release.app,
        release_id=release.id,
        artifact_id=release.artifact_id,
        live_at=live_at,
    )

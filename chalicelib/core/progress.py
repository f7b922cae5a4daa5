"""From what Flux says of an app's Kustomization to the hops of the release that is in Git (`docs/live.md`, Flux).

Flux's conditions and reasons: fluxcd.io/flux/components/kustomize/kustomizations/#kustomization-status.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.core.releases import (
    TO_LIVE,
    TOWARDS_LIVE,
    HopName,
    HopState,
    Reason,
    Release,
    State,
    with_hop,
)

_REVISION = re.compile(r"(?:^|[@/:])([0-9a-f]{7,64})$")
UNHEALTHY_REASONS = frozenset(
    {
        "HealthCheckFailed",
        "ReconciliationFailed",
        "ValidationFailed",
        "ArtifactFailed",
        "DependencyNotReady",
        "BuildFailed",
        "PruneFailed",
    },
)
_BEFORE_APPLY = frozenset({"ArtifactFailed", "DependencyNotReady"})


def revision_sha(revision: str) -> str:
    """The commit in `main@sha1:<sha>`, `<branch>/<sha>` or `sha1:<sha>`; empty when there is none."""
    match = _REVISION.search(revision)
    return match.group(1) if match else ""


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen of the app's Kustomization, as far as it concerns one commit."""

    attempted: bool  # Flux has tried a revision that contains the commit
    applied: bool  # it has applied such a revision, and said Ready
    checking: bool  # it waits for health
    ready: str  # True, False, Unknown
    reason: str
    message: str
    cause: str = ""  # what the cluster says of the worst pod
    seen_at: datetime | None = None


def progress(release: Release, sight: Sight, at: datetime) -> Release:
    """The release after this sight; the same object when it tells nothing new."""
    if release.state not in TOWARDS_LIVE or not sight.attempted:
        return release
    if sight.applied and sight.ready == "True":
        return _live(release, at)
    if sight.ready == "False" and sight.reason in UNHEALTHY_REASONS:
        return _unhealthy(release, sight, at)
    return _reconciling(release, sight, at)


def _live(release: Release, at: datetime) -> Release:
    moved = release
    for name in TO_LIVE:
        moved = replace(moved, hops=with_hop(moved, name, HopState.DONE, at))
    return replace(moved, state=State.LIVE, reason=None, live_at=at, version=release.version + 1)


def _unhealthy(release: Release, sight: Sight, at: datetime) -> Release:
    text = f"{sight.cause}. {sight.message}" if sight.cause else sight.message
    reason = Reason(sight.reason, text[:1000])
    if release.state is State.UNHEALTHY and release.reason == reason:
        return release
    failed = HopName.HEALTHY if sight.reason == "HealthCheckFailed" else HopName.APPLIED
    if sight.reason in _BEFORE_APPLY:
        failed = HopName.FETCHED
    moved = _through(release, failed, at)
    hops = with_hop(moved, failed, HopState.FAILED, at, reason)
    return replace(moved, state=State.UNHEALTHY, reason=reason, hops=hops, version=release.version + 1)


def _reconciling(release: Release, sight: Sight, at: datetime) -> Release:
    current = HopName.HEALTHY if sight.checking else HopName.APPLIED
    reason = Reason("checking", sight.cause or sight.message) if sight.checking else Reason("applying", sight.message)
    reason = replace(reason, text=reason.text[:1000])
    same_hop = any(hop.name is current and hop.state is HopState.RUNNING for hop in release.hops)
    if release.state is State.RECONCILING and same_hop and release.reason == reason:
        return release
    moved = _through(release, current, at)
    hops = with_hop(moved, current, HopState.RUNNING, at, reason)
    return replace(moved, state=State.RECONCILING, reason=reason, hops=hops, version=release.version + 1)


def _through(release: Release, upto: HopName, at: datetime) -> Release:
    moved = release
    for name in TO_LIVE[: TO_LIVE.index(upto)]:
        moved = replace(moved, hops=with_hop(moved, name, HopState.DONE, at))
    return moved

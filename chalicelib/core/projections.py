"""The documents that browsers see of records: the same fields in the wire's words, instants as RFC 3339 text."""

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from chalicelib.core import apps, releases
from chalicelib.core.environments import Environment
from chalicelib.core.releases import Release
from chalicelib.wire import bodies


@dataclass(frozen=True, slots=True)
class Projection:
    """A document made of a record: its topic's name, its key, its body."""

    topic: str
    key: str
    body: msgspec.Struct


def projection_of(record: object) -> Projection | None:
    """The document of a record, or none for records that nobody watches."""
    if isinstance(record, Release):
        key = f"{record.environment_id}/{record.app}/{record.id}"
        return Projection("releases", key, release_body(record))
    if isinstance(record, Environment):
        return Projection("environments", record.id, environment_body(record))
    return None


def instant(at: datetime | None) -> str:
    """RFC 3339 UTC with milliseconds; empty for none."""
    if at is None:
        return ""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def release_body(release: Release) -> bodies.Release:
    """A release as screens and `/v1` show it."""
    return bodies.Release(
        id=release.id,
        request_id=release.request_id,
        app=release.app,
        environment=release.environment,
        environment_id=release.environment_id,
        kind=release.kind,
        state=release.state,
        hops=[_hop_body(hop) for hop in release.hops],
        reason=_reason_body(release.reason),
        version=_version_body(release),
        artifact_id=release.artifact_id,
        actor=release.actor.name or release.actor.id,
        cause=release.cause.text or release.cause.kind,
        commit=release.commit,
        restores=release.restores,
        created_at=instant(release.created_at),
        live_at=instant(release.live_at),
    )


def environment_body(environment: Environment) -> bodies.Environment:
    """An environment as screens and `/v1` show it: no keys, no references to secrets."""
    presence = environment.presence
    return bodies.Environment(
        id=environment.id,
        name=environment.name,
        position=environment.position,
        protected=environment.protected,
        apps_repository=environment.gitops_repository_id,
        agent=bodies.Presence(
            state=presence.state,
            since=instant(presence.since),
            agent_version=presence.agent_version,
            kubernetes_version=presence.kubernetes_version,
        ),
    )


def card_release_side(app: apps.App) -> bodies.Card:
    """The side of the app's card that its releases write; live summary and health are the agent's."""
    return bodies.Card(
        app=app.app,
        environment=app.environment,
        environment_id=app.environment_id,
        repository=app.repository,
        desired=None if apps.is_deleted(app) else _desired(app.desired),
        under_way=_under_way(app.under_way),
        hold=_hold(app.hold),
    )


def _desired(mark: apps.Mark | None) -> bodies.DesiredRelease | None:
    if mark is None:
        return None
    return bodies.DesiredRelease(
        id=mark.id,
        sha=mark.sha,
        commit=mark.commit,
        message=mark.message,
        who=mark.who,
        at=instant(mark.at),
        state=mark.state,
    )


def _under_way(mark: apps.Mark | None) -> bodies.UnderWay | None:
    if mark is None:
        return None
    return bodies.UnderWay(
        id=mark.id, sha=mark.sha, hop=mark.hop, state=mark.state, reason=mark.reason, since=instant(mark.at)
    )


def _hold(hold: apps.Hold | None) -> bodies.Hold | None:
    return bodies.Hold(by=hold.by.name, why=hold.why, since=instant(hold.since)) if hold else None


def _hop_body(hop: releases.Hop) -> bodies.Hop:
    return bodies.Hop(
        name=hop.name,
        state=hop.state,
        started_at=instant(hop.started_at),
        ended_at=instant(hop.ended_at),
        reason=_reason_body(hop.reason),
    )


def _reason_body(reason: releases.Reason | None) -> bodies.Reason | None:
    if reason is None:
        return None
    return bodies.Reason(kind=reason.kind, text=reason.text, until=instant(reason.until), needs=reason.needs)


def _version_body(release: Release) -> bodies.Version | None:
    version = release.artifact_version
    if version is None:
        return None
    return bodies.Version(
        repository=version.repository,
        sha=version.sha,
        branch=version.branch,
        event=version.event,
        tag=version.tag,
        message=version.message,
        author=version.author_name,
        url=version.url,
    )

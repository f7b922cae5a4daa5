"""One release → its rendered tree in the object store, under its digest. It has no right to write Git."""

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.core import releases
from chalicelib.core.artifacts import Artifact
from chalicelib.core.environments import Environment
from chalicelib.core.errors import NotFound, Rejected, Unavailable
from chalicelib.core.previews import PreviewBranch
from chalicelib.core.records import artifact_key, environment_key, repository_key
from chalicelib.core.releases import ChartPin, Reason, Release, State
from chalicelib.core.repositories import Repository
from chalicelib.core.variables import parse_dotenv
from chalicelib.ports.git import GitOpsRepo
from chalicelib.ports.queues import Queues
from chalicelib.ports.records import Records
from chalicelib.ports.rendering import Charts, Cue, Engine, Templates
from chalicelib.ports.stores import Clock, Trees
from chalicelib.usecases.decide import variables_of
from chalicelib.usecases.releases import follow_up, waiting_row
from chalicelib.usecases.rendering import Rendered, render_resolved, resolve_manifest
from chalicelib.usecases.sources import manifest_at
from chalicelib.usecases.transitions import advance, get_release


@dataclass(frozen=True, slots=True)
class Kitchen:
    """What rendering takes: templates, the engine, an organisation's charts, the GitOps repository's variables; and
    where trees go."""

    templates: Templates
    engine: Engine
    charts_of: Callable[[str], Charts]
    gitops_of: Callable[[Repository], GitOpsRepo]
    trees: Trees
    cue: Cue


def render_release(
    organization_id: str,
    release_id: str,
    kitchen: Kitchen,
    records: Records,
    queues: Queues,
    clock: Clock,
) -> Release:
    """Render the release unless it is rendered or ended; what is wrong with it ends it as `rejected`.

    Raises:
        Unavailable: something does not answer; the release says so, and the message comes again.
    """
    release = get_release(organization_id, release_id, records)
    if release.state not in (State.REQUESTED, State.WAITING):
        follow_up(release, queues)
        return release
    try:
        rendered = _render(release, kitchen, records)
        tree = kitchen.trees.put(organization_id, rendered.files)
    except Rejected as error:
        reason = Reason("manifest", error.message[:2000])
        return _move(release, lambda r: releases.ended(r, State.REJECTED, clock(), reason), records)
    except Unavailable as error:
        reason = Reason("unavailable", f"rendering waits: {error.message}")
        _move(release, lambda r: r if r.reason == reason else releases.waiting(r, clock(), reason), records)
        raise
    release = _record(release, rendered, tree, records, clock)
    follow_up(release, queues)
    return release


def give_up(organization_id: str, release_id: str, records: Records, clock: Clock) -> None:
    """End a release that we could not render, by a fault of ours."""
    release = get_release(organization_id, release_id, records)
    reason = Reason("bug", "rendering failed for a reason that is ours; it is logged and in the dead letters")
    _move(release, lambda r: releases.ended(r, State.FAILED, clock(), reason), records)


def _record(release: Release, rendered: Rendered, tree: str, records: Records, clock: Clock) -> Release:
    pin = rendered.chart
    chart = ChartPin(pin.repository, pin.name, pin.version, pin.digest) if pin else None

    def change(current: Release) -> Release:
        return releases.rendered(
            current,
            clock(),
            tree=tree,
            inputs_digest=rendered.inputs_digest,
            chart=chart,
            notes=rendered.notes,
        )

    current = get_release(release.organization_id, release.id, records)
    if current.state not in (State.REQUESTED, State.WAITING):
        return current
    return advance(release.organization_id, release.id, change, records, extra=[waiting_row(release)])


def _render(release: Release, kitchen: Kitchen, records: Records) -> Rendered:
    artifact = records.get(Artifact, artifact_key(release.organization_id, release.artifact_id))
    environment = records.get(Environment, environment_key(release.organization_id, release.environment_id))
    if artifact is None or environment is None:
        raise NotFound("the release's artifact or environment does not exist any more")
    manifest = manifest_at(artifact.sources[release.source_index], release.manifest_index, kitchen.cue)
    variables = variables_of(artifact, _environment_variables(environment, kitchen, records))
    charts = kitchen.charts_of(release.organization_id)
    resolved = resolve_manifest(manifest, variables, kitchen.templates, _preview(release, environment))
    rendered = render_resolved(resolved, variables.environment, kitchen.engine, charts)
    if rendered.app != release.app or rendered.environment != release.environment:
        raise Rejected(f"the manifest now says {rendered.environment}/{rendered.app}: deploy it anew")
    return rendered


def _preview(release: Release, environment: Environment) -> PreviewBranch | None:
    if not release.preview_branch:
        return None
    return PreviewBranch(release.preview_branch, environment.ingress_suffix, app=release.app)


def _environment_variables(environment: Environment, kitchen: Kitchen, records: Records) -> dict[str, str]:
    key = repository_key(environment.organization_id, environment.gitops_repository_id)
    repository = records.get(Repository, key)
    if repository is None:
        raise NotFound(f"environment {environment.name!r} has no GitOps repository any more")
    repo = kitchen.gitops_of(repository)
    head = repo.head()
    path = f"{environment.folder()}.gimlet/vars"
    content = repo.read_file(head, path) if head else None
    return parse_dotenv(content.decode("utf-8", "replace"), path) if content else {}


def _move(release: Release, change: releases.Change, records: Records) -> Release:
    return advance(
        release.organization_id,
        release.id,
        lambda r: r if releases.has_ended(r) or r.state is State.RENDERED else change(r),
        records,
    )

"""What each manifest of an artifact says to its version: yes or no, with the reason, stored before anything follows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from chalicelib.core.artifacts import Artifact, Source, Version
from chalicelib.core.decisions import AppDecision
from chalicelib.core.environments import Environment
from chalicelib.core.errors import InvalidManifest, Rejected
from chalicelib.core.identity import derive_id
from chalicelib.core.manifests import Manifest
from chalicelib.core.policies import Decision, Event, cleanup_matches
from chalicelib.core.policies import Version as PolicyVersion
from chalicelib.core.previews import decide_manifest
from chalicelib.core.repositories import Preview
from chalicelib.core.variables import VariableSources, built_in_variables, parse_dotenv
from chalicelib.ports.records import Records
from chalicelib.ports.rendering import Cue, Templates
from chalicelib.usecases.environments import find_environment, get_environment
from chalicelib.usecases.preview_names import reserve_preview
from chalicelib.usecases.releases import check_no_preview, check_owner
from chalicelib.usecases.rendering import resolve_cleanup_app, resolved_names
from chalicelib.usecases.sources import parse_source
from chalicelib.usecases.transitions import get_app

Policy = Callable[[Manifest], Decision]
FOREVER = datetime.max.replace(tzinfo=UTC)
WAITING_FOR_CI = "waiting for CI's artifact: the repository's artifacts are made by its CI"


@dataclass(frozen=True, slots=True)
class Question:
    """What to decide: an artifact, who asks, and what the answer is keyed by.

    `default_sources` are the manifests of the default branch, by file, for protected environments; none when the
    version is of the default branch itself.
    """

    artifact: Artifact
    repository_id: str
    key: str
    changed: Callable[[], tuple[str, ...] | None] = lambda: None  # asked only where a policy names paths
    default_branch: str = "main"
    default_sources: Mapping[str, Source] | None = None
    environment: str = ""  # by hand: only this environment …
    app: str = ""  # … and app (empty: all)
    asked_by: str = ""  # by hand: no policy is asked
    waits_for_ci: bool = False  # what a policy says yes to waits for CI's artifact
    preview_until: datetime = FOREVER  # when previews that are made now end


def decide_artifact(question: Question, records: Records, templates: Templates, cue: Cue) -> tuple[AppDecision, ...]:
    """One answer a manifest. A manifest that can't be used is a no that names every problem."""
    items = [AppDecision("", "", False, problem.message, problem.file) for problem in question.artifact.problems]
    for index, source in enumerate(question.artifact.sources):
        for item in _decide_source(question, source, records, templates, cue):
            items.append(replace(item, file=source.file, source_index=index))
    return tuple(_without_doubles(items))


def variables_of(artifact: Artifact, environment: Mapping[str, str] | None = None) -> VariableSources:
    """All variables of an artifact, in their ranks. Raises `InvalidManifest` for a broken `.gimlet/vars`."""
    return VariableSources(
        built_in=built_in_variables(artifact.version_of),
        repository=parse_dotenv(artifact.vars_file),
        context=artifact.context,
        items=artifact.items,
        vars=artifact.vars,
        environment=environment or {},
    )


def _decide_source(
    question: Question, source: Source, records: Records, templates: Templates, cue: Cue
) -> list[AppDecision]:
    try:
        manifests = parse_source(source, cue)
    except InvalidManifest as error:
        return _invalid(question, error)
    items = []
    for index, manifest in enumerate(manifests):
        decided = _decide_manifest(question, manifest, records, templates, cue)
        items += [replace(item, manifest_index=index) for item in decided]
    return items


def _decide_manifest(
    question: Question, manifest: Manifest, records: Records, templates: Templates, cue: Cue
) -> list[AppDecision]:
    try:
        names = resolved_names(manifest, variables_of(question.artifact), templates)
    except InvalidManifest as error:
        return _invalid(question, error)
    app, env = str(names["app"]), str(names["env"])
    if question.asked_by and env != question.environment:
        return []
    decision = _decision(question, manifest)
    if decision.deploy:
        decision = _possible(question, app, env, manifest, records, cue) or decision
    item = AppDecision(env, app, decision.deploy, decision.reason)
    if item.deploy and manifest.preview:
        item = _as_preview(question, item, records)
    if question.asked_by and question.app and question.app not in (app, item.app):
        return []
    if item.deploy:
        item = replace(item, release_id=derive_id("release", question.key, env, item.app))
    return [item if question.asked_by else _with_cleanup(item, manifest, question, templates)]


def _invalid(question: Question, error: InvalidManifest) -> list[AppDecision]:
    if question.asked_by:
        return []
    return [AppDecision("", "", False, f"the manifest is invalid: {error.message}"[:1000], problems=error.problems)]


def _with_cleanup(item: AppDecision, manifest: Manifest, question: Question, templates: Templates) -> AppDecision:
    """The item with what is to be deleted when its branch is; a name that can't be made is a problem, and nothing."""
    branch = branch_of(question.artifact.version_of)
    if manifest.cleanup is None or not branch:
        return item
    item = replace(item, cleanup=manifest.cleanup)
    if not cleanup_matches(manifest.cleanup, branch):
        return item
    try:
        return replace(item, cleanup_app=resolve_cleanup_app(manifest.cleanup, branch, templates))
    except InvalidManifest as error:
        return replace(item, problems=error.problems)


def branch_of(version: Version) -> str:
    """The branch that a version was made on: the source of a pull request; empty for a tag."""
    return "" if version.event is Event.TAG else version.source_branch or version.branch


def _decision(question: Question, manifest: Manifest) -> Decision:
    if question.asked_by:
        return Decision(True, f"asked by {question.asked_by}")
    return decide_manifest(manifest, _policy_version(question, manifest), default_branch=question.default_branch)


def _possible(
    question: Question, app: str, env: str, manifest: Manifest, records: Records, cue: Cue
) -> Decision | None:
    """A no that the policy does not know of, or none."""
    organization_id = question.artifact.organization_id
    environment = find_environment(organization_id, env, records)
    if environment is None:
        return Decision(False, f"environment {env!r} does not exist: create it, or change `env`")
    try:
        if not manifest.preview:
            row = get_app(organization_id, environment.id, env, app, records)
            check_owner(row, question.repository_id)
            check_no_preview(row)
    except Rejected as error:
        return Decision(False, error.message)
    waits = Decision(False, WAITING_FOR_CI) if question.waits_for_ci else None
    return _protected(question, environment, manifest, cue) or waits


def _as_preview(question: Question, item: AppDecision, records: Records) -> AppDecision:
    """The item as the instance of its branch, under the name that is the branch's."""
    version = question.artifact.version_of
    branch = branch_of(version)
    if not branch or branch == question.default_branch:
        return replace(item, deploy=False, reason=f"{version.event} {version.ref!r} has no preview")
    environment = get_environment(question.artifact.organization_id, item.environment, records)
    wanted = Preview(
        organization_id=environment.organization_id,
        repository_id=question.repository_id,
        environment_id=environment.id,
        environment=environment.name,
        of=item.app,
        branch=branch,
        expires_at=question.preview_until,
    )
    preview = reserve_preview(wanted, records)
    if preview is None:
        reason = f"every name for the preview of {item.app} on branch {branch!r} is taken by another app"
        return replace(item, deploy=False, reason=reason)
    return replace(item, app=preview.app, preview_branch=branch, preview_of=item.app)


def _protected(question: Question, environment: Environment, manifest: Manifest, cue: Cue) -> Decision | None:
    if not environment.protected or question.asked_by or question.default_sources is None:
        return None
    where = f"{environment.name} is protected, and {manifest.file} on {question.default_branch!r}"
    source = question.default_sources.get(manifest.file)
    try:
        standing = _counterpart(manifest, parse_source(source, cue)) if source else None
    except InvalidManifest:
        standing = None
    if standing is None:
        return Decision(False, f"{where} is no valid manifest for it")
    decision = decide_manifest(standing, _policy_version(question, standing), default_branch=question.default_branch)
    return None if decision.deploy else Decision(False, f"{where} says no: {decision.reason}")


def _counterpart(manifest: Manifest, standing: tuple[Manifest, ...]) -> Manifest | None:
    """The manifest of the default branch that speaks for `manifest`: of one alone its environment tells."""
    fitting = [one for one in standing if one.env == manifest.env]
    if len(standing) > 1:
        fitting = [one for one in fitting if one.app == manifest.app]
    return fitting[0] if fitting else None


def _policy_version(question: Question, manifest: Manifest) -> PolicyVersion:
    version = question.artifact.version_of
    changed = question.changed() if manifest.deploy and manifest.deploy.paths else None
    return PolicyVersion(version.event, version.branch, version.tag, version.message, changed)


def _without_doubles(items: list[AppDecision]) -> list[AppDecision]:
    """Two manifests for one app and environment: the second is a no that names the first."""
    seen: dict[tuple[str, str], str] = {}
    result = []
    for item in items:
        key = (item.environment, item.app)
        if item.deploy and key in seen:
            reason = f"{seen[key]} describes {item.environment}/{item.app} already"
            item = replace(item, deploy=False, reason=reason, release_id="")
        elif item.deploy:
            seen[key] = item.file
        result.append(item)
    return result

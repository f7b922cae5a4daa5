"""The whole road of a manifest without a side effect, for editors, CI and tests: `POST /v1/manifests/check`.

An invalid manifest is an answer, not an error; so is a chart that refuses. Environments and the repository are not
looked up: everything it knows is in the request.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import msgspec

from chalicelib.core.artifacts import Source, Version
from chalicelib.core.errors import InvalidManifest, Problem, Rejected
from chalicelib.core.images import image_strategy
from chalicelib.core.manifests import Format, Manifest, build
from chalicelib.core.policies import Event, cleanup_matches
from chalicelib.core.policies import Version as PolicyVersion
from chalicelib.core.previews import PreviewBranch, decide_manifest
from chalicelib.core.trees import Tree
from chalicelib.core.variables import VariableSources, built_in_variables, parse_dotenv
from chalicelib.ports.rendering import Charts, Cue, Engine, Templates
from chalicelib.usecases.rendering import render_resolved, resolve_cleanup_app, resolve_manifest
from chalicelib.usecases.sources import parse_source


class CheckVersion(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """A version as artifacts spell it; `changedPaths` is ours."""

    repository_name: str = ""
    sha: str = ""
    created: int = 0
    branch: str = ""
    event: Event = Event.PUSH
    source_branch: str = ""
    target_branch: str = ""
    tag: str = ""
    author_name: str = ""
    author_email: str = ""
    committer_name: str = ""
    committer_email: str = ""
    message: str = ""
    url: str = msgspec.field(default="", name="url")
    changed_paths: list[str] | None = None

    def version(self) -> Version:
        """The version as the core knows it."""
        return Version(
            repository=self.repository_name,
            sha=self.sha,
            event=self.event,
            branch=self.branch,
            tag=self.tag,
            source_branch=self.source_branch,
            target_branch=self.target_branch,
            author_name=self.author_name,
            message=self.message,
        )


class CheckRequest(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """What to check, and what is known of the version and the environment."""

    manifest: str | dict[str, Any]
    format: Format = Format.YAML
    version: CheckVersion | None = None
    variables: dict[str, str] = {}
    variables_file: str = ""
    deleted_branch: str | None = None
    ingress_suffix: str = ""
    default_branch: str = "main"
    render: bool = False


class CheckError(msgspec.Struct):
    """One thing wrong: where, what, and what to do."""

    path: str
    line: int | None
    column: int | None
    message: str
    hint: str
    file: str


class CheckDecision(msgspec.Struct):
    """Yes or no, and why."""

    deploy: bool
    reason: str


class CheckCleanup(msgspec.Struct):
    """Whether the deleted branch takes an app with it, and which."""

    matches: bool
    app: str | None


class CheckedManifest(msgspec.Struct, rename="camel"):
    """What one manifest comes to."""

    decision: CheckDecision | None
    cleanup: CheckCleanup | None
    image_strategy: str
    resolved: dict[str, Any] | None
    files: dict[str, str] | None


class CheckResult(msgspec.Struct):
    """The answer; `valid` is false when there is any error."""

    valid: bool
    errors: list[CheckError]
    notes: list[str]
    manifests: list[CheckedManifest]


class _Found(NamedTuple):
    problems: list[Problem]
    notes: list[str]
    is_broken: bool = False  # nothing can be resolved, for a reason that was said already


def check_manifest(
    request: CheckRequest, templates: Templates, engine: Engine, charts: Charts, cue: Cue
) -> CheckResult:
    """Walk `request` down the whole road and answer with all that was found.

    Raises:
        Unavailable: the chart's repository does not answer.
    """
    found = _Found([], [])
    manifests = _parsed(request, found, cue)
    variables = _variables(request, found)
    checked = []
    is_broken = bool(found.problems)
    for index, manifest in enumerate(manifests):
        one = _Found([], [], is_broken)
        checked.append(_checked(manifest, variables, request, one, (templates, engine, charts)))
        found.notes.extend(note for note in one.notes if note not in found.notes)
        found.problems.extend(_in_list(problem, index, len(manifests)) for problem in one.problems)
    return CheckResult(
        valid=not found.problems,
        errors=[_error(problem) for problem in found.problems],
        notes=found.notes,
        manifests=checked,
    )


def _parsed(request: CheckRequest, found: _Found, cue: Cue) -> tuple[Manifest, ...]:
    try:
        if isinstance(request.manifest, dict):
            return (build(Tree(request.manifest), any_case=True),)
        return parse_source(Source("", request.format, request.manifest), cue)
    except InvalidManifest as error:
        found.problems.extend(error.problems)
        return ()


def _in_list(problem: Problem, index: int, count: int) -> Problem:
    """A problem of one manifest of several says which."""
    if count == 1 or problem.path.startswith("configs["):
        return problem
    return replace(problem, path=f"configs[{index}]" + (f".{problem.path}" if problem.path else ""))


def _variables(request: CheckRequest, found: _Found) -> VariableSources:
    from_file: dict[str, str] = {}
    try:
        from_file = parse_dotenv(request.variables_file)
    except InvalidManifest as error:
        found.problems.extend(error.problems)
    built_in = built_in_variables(request.version.version()) if request.version else {}
    return VariableSources(built_in=built_in, override={**from_file, **request.variables})


def _checked(
    manifest: Manifest,
    variables: VariableSources,
    request: CheckRequest,
    found: _Found,
    ports: tuple[Templates, Engine, Charts],
) -> CheckedManifest:
    templates, engine, charts = ports
    answer = CheckedManifest(
        decision=_decision(manifest, request),
        cleanup=_cleanup(manifest, request, templates, found),
        image_strategy=image_strategy(manifest),
        resolved=None,
        files=None,
    )
    if found.problems or found.is_broken:
        return answer
    try:
        preview = _preview(manifest, variables, request)
        resolved = resolve_manifest(manifest, variables, templates, preview)
        answer.resolved = dict(resolved.tree)
        found.notes.append(f"whether environment {resolved.env!r} exists is not checked here")
        if request.render:
            rendered = render_resolved(resolved, {}, engine, charts)
            answer.files = rendered.files
            found.notes.extend(rendered.notes)
    except Rejected as error:
        found.problems.extend(_problems_of(error))
    return answer


def _decision(manifest: Manifest, request: CheckRequest) -> CheckDecision | None:
    if request.version is None:
        return None
    given = request.version
    version = PolicyVersion(
        event=given.event,
        branch=given.branch,
        tag=given.tag,
        message=given.message,
        changed_paths=None if given.changed_paths is None else tuple(given.changed_paths),
    )
    decision = decide_manifest(
        manifest, version, default_branch=request.default_branch, source_branch=given.source_branch
    )
    return CheckDecision(decision.deploy, decision.reason)


def _cleanup(manifest: Manifest, request: CheckRequest, templates: Templates, found: _Found) -> CheckCleanup | None:
    if request.deleted_branch is None:
        return None
    if manifest.cleanup is None or not cleanup_matches(manifest.cleanup, request.deleted_branch):
        return CheckCleanup(matches=False, app=None)
    try:
        return CheckCleanup(True, resolve_cleanup_app(manifest.cleanup, request.deleted_branch, templates))
    except Rejected as error:
        found.problems.extend(_problems_of(error))
        return CheckCleanup(matches=True, app=None)


def _problems_of(error: Rejected) -> tuple[Problem, ...]:
    return error.problems if isinstance(error, InvalidManifest) else (Problem("", error.message),)


def _preview(manifest: Manifest, variables: VariableSources, request: CheckRequest) -> PreviewBranch | None:
    if not manifest.preview:
        return None
    branch = variables.for_names().get("BRANCH", "")
    if not branch:
        hint = "give a version with a branch, or the variable BRANCH"
        raise InvalidManifest((manifest.problem("preview", "a preview is of a branch, and none is given", hint),))
    return PreviewBranch(branch, request.ingress_suffix)


def _error(problem: Problem) -> CheckError:
    return CheckError(
        path=problem.path,
        line=problem.line,
        column=problem.column,
        message=problem.message,
        hint=problem.hint,
        file=problem.file,
    )

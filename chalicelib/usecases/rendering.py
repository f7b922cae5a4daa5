"""From a manifest and its variables to the files of a release. No side effect, and the same input is the same bytes.

Variables are resolved once against each other, `app` and `env` first (without the environment's variables), then every
other string by itself. It decides nothing and writes nowhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chalicelib.core.errors import InvalidManifest, Problem, Rejected
from chalicelib.core.manifests import APP_NAME, RESERVED_APPS, Manifest, build
from chalicelib.core.policies import CleanupPolicy
from chalicelib.core.previews import PreviewBranch, preview_app, with_branch, with_preview_host
from chalicelib.core.rendering import big_number_notes, inputs_digest, render_files
from chalicelib.core.scalars import Value
from chalicelib.core.templating import Template, filled, settled, templates_of
from chalicelib.core.trees import Tree
from chalicelib.core.variables import VariableSources
from chalicelib.ports.rendering import Chart, ChartOutput, Charts, Engine, Resolved, Templates


@dataclass(frozen=True, slots=True)
class ChartPin:
    """The chart that a release was rendered from, exactly."""

    repository: str
    name: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """The files of a release by name, and all that its record keeps about them."""

    app: str
    environment: str
    namespace: str
    files: dict[str, str]
    notes: tuple[str, ...]
    chart: ChartPin | None
    inputs_digest: str
    resolved: dict[str, Value]


def render_release_tree(
    manifest: Manifest, variables: VariableSources, templates: Templates, engine: Engine, charts: Charts
) -> Rendered:
    """Resolve `manifest`, fetch and render its chart, and add its raw objects and dependencies.

    Raises:
        InvalidManifest: with all problems of one step at once (variables, templates, names, objects).
        Rejected: the chart may not be fetched, refuses, or takes more time, memory or output than it may.
        Unavailable: the chart's repository does not answer.
    """
    resolved = resolve_manifest(manifest, variables, templates)
    return render_resolved(resolved, variables.environment, engine, charts)


def render_resolved(
    manifest: Manifest, environment_variables: Mapping[str, str], engine: Engine, charts: Charts
) -> Rendered:
    """Render a manifest whose templates are resolved already. Raises as `render_release_tree` does."""
    chart = _fetched(manifest, charts)
    output = _rendered(manifest, chart, engine)
    files = render_files(manifest, output.files, output.crds)
    notes = big_number_notes(manifest.values) if chart else []
    return Rendered(
        app=manifest.app,
        environment=manifest.env,
        namespace=manifest.namespace,
        files=files.files,
        notes=(*notes, *files.notes),
        chart=ChartPin(chart.repository, chart.name, chart.version, chart.digest) if chart else None,
        inputs_digest=inputs_digest(manifest, chart.digest if chart else "", environment_variables),
        resolved=manifest.tree,
    )


def resolve_manifest(
    manifest: Manifest, variables: VariableSources, templates: Templates, preview: PreviewBranch | None = None
) -> Manifest:
    """`manifest` with every template resolved; with `preview`, as the instance of that branch.

    Raises:
        InvalidManifest: variables or templates that can't be resolved, all at once; then names that are none.
    """
    names = resolved_names(manifest, variables, templates)
    tree = {**manifest.tree, **names}
    if preview is not None:
        app = preview.app or preview_app(str(names["app"]), preview.branch, preview.taken)
        tree = with_branch(tree, app)
    values = _resolved_variables(variables.for_fields(str(tree["app"])), templates)
    tree = _resolved_tree(tree, manifest, values, templates)
    if preview is not None:
        tree = with_preview_host(tree, str(tree["app"]), preview.ingress_suffix)
    return build(Tree(tree, manifest.positions), manifest.file, any_case=manifest.any_case, resolved=True)


def resolve_cleanup_app(policy: CleanupPolicy, branch: str, templates: Templates) -> str:
    """The app that a cleanup policy deletes for `branch`; its template knows `BRANCH` only.

    Raises:
        InvalidManifest: it can't be resolved, or is no app name.
    """
    answer = templates.resolve([policy.app], {"BRANCH": branch})[0]
    wrong = answer.error
    if not wrong and (not APP_NAME.fullmatch(answer.text) or answer.text in RESERVED_APPS):
        wrong = f"{answer.text!r} is no app name"
    if wrong:
        raise InvalidManifest((Problem("cleanup.app", wrong, "only BRANCH is known here"),))
    return answer.text


def resolved_names(manifest: Manifest, variables: VariableSources, templates: Templates) -> dict[str, Value]:
    """`app` and `env` of the manifest, resolved; the environment's variables are not known to them.

    Raises:
        InvalidManifest: a template of theirs can't be resolved.
    """
    if "{{" not in manifest.app + manifest.env:
        return {"app": manifest.app, "env": manifest.env}
    raw = variables.for_names()
    answers = templates.resolve(list(raw.values()), raw)
    known = {name: answer.text for name, answer in zip(raw, answers, strict=True) if not answer.error}
    paths = [Template("app", manifest.app), Template("env", manifest.env)]
    texts = _texts(paths, templates.resolve([manifest.app, manifest.env], known), manifest, known)
    return {"app": texts[0], "env": texts[1]}


def _resolved_variables(raw: Mapping[str, str], templates: Templates) -> dict[str, str]:
    answers = dict(zip(raw, templates.resolve(list(raw.values()), raw), strict=True))
    problems = tuple(
        Problem(f"variable {name}", answer.error, _known(raw)) for name, answer in answers.items() if answer.error
    )
    if problems:
        raise InvalidManifest(problems)
    return {name: answer.text for name, answer in answers.items()}


def _resolved_tree(
    tree: dict[str, Value], manifest: Manifest, variables: Mapping[str, str], templates: Templates
) -> dict[str, Value]:
    wanted = templates_of(tree)
    answers = templates.resolve([template.text for template in wanted], variables) if wanted else []
    result, repeated = filled(tree, iter(_texts(wanted, answers, manifest, variables)))
    if repeated:
        raise InvalidManifest(tuple(manifest.problem(path, "this key is there twice") for path in repeated))
    return result


def _texts(
    wanted: Sequence[Template], answers: Sequence[Resolved], manifest: Manifest, variables: Mapping[str, str]
) -> list[str]:
    problems = tuple(
        manifest.problem(template.path, answer.error, _known(variables))
        for template, answer in zip(wanted, answers, strict=True)
        if answer.error
    )
    if problems:
        raise InvalidManifest(problems)
    return [
        settled(template, answer.text, manifest.positions) for template, answer in zip(wanted, answers, strict=True)
    ]


def _known(variables: Mapping[str, str]) -> str:
    return f"variables there are: {', '.join(sorted(variables))}" if variables else "there are no variables"


def _fetched(manifest: Manifest, charts: Charts) -> Chart | None:
    if manifest.chart is None:
        return None
    try:
        return charts.fetch(manifest.chart)
    except InvalidManifest:
        raise
    except Rejected as error:
        raise InvalidManifest((manifest.problem("chart", error.message),)) from error


def _rendered(manifest: Manifest, chart: Chart | None, engine: Engine) -> ChartOutput:
    if chart is None:
        return ChartOutput({})
    try:
        return engine.render(chart, manifest.values, manifest.app, manifest.namespace)
    except Rejected as error:
        raise InvalidManifest((manifest.problem("chart", error.message),)) from error

"""Reading a manifest: what it may hold, and that everything wrong with it is said at once, with its place."""

import pytest

from chalicelib.core.errors import InvalidManifest, Problem
from chalicelib.core.manifests import ChartRef, Dependency, Format, build, parse
from chalicelib.core.policies import CleanupPolicy, DeployPolicy, Event
from chalicelib.core.trees import Tree

HEAD = "app: shop\nenv: staging\nnamespace: team\n"


def test_a_whole_manifest_is_read() -> None:
    manifest = parse(
        HEAD + "preview: false\n"
        "deploy: {branch: main, event: push, commitMessagePatterns: [a*], paths: ['src/*']}\n"
        "cleanup: {app: 'shop-{{ .BRANCH }}', event: branchDeleted, branch: feature/*}\n"
        "chart: {repository: https://charts.example.com, name: web, version: '1.0'}\n"
        "values: {replicas: 2}\n"
        "dependencies: [{name: db, kind: terraform, spec: {module: {url: 'https://g/m', secret: s}, values: {a: 1}}}]\n"
    )

    assert manifest.deploy == DeployPolicy("main", "", Event.PUSH, ("a*",), ("src/*",))
    assert manifest.cleanup == CleanupPolicy("shop-{{ .BRANCH }}", "feature/*")
    assert manifest.chart == ChartRef("web", "https://charts.example.com", "1.0")
    assert manifest.values == {"replicas": 2}
    assert manifest.dependencies == (Dependency("db", "https://g/m", "s", "", {"a": 1}),)


def test_all_problems_are_named_at_once_with_path_line_column_and_hint() -> None:
    text = (
        "app: Shop\nenv: staging\nchart: {name: x, version: 1.0}\n"
        "deploy:\n  branch: '[main'\n  event: comment\nvalus: {}\n"
    )

    problems = _problems(text, file=".gimlet/a.yaml")

    found = {problem.path: (problem.line, problem.column) for problem in problems}
    assert found == {
        "app": (1, 1),
        "namespace": (1, 1),
        "chart.version": (3, 18),
        "deploy.branch": (5, 3),
        "deploy.event": (6, 3),
        "valus": (7, 1),
    }
    hints = {problem.path: problem.hint for problem in problems}
    assert hints["valus"] == "did you mean 'values'?"
    assert hints["chart.version"] == 'put it in quotes: version: "1.0"'
    assert hints["deploy.event"] == "one of: push, tag, pr"
    assert {problem.file for problem in problems} == {".gimlet/a.yaml"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("deploy: {branch: !main, event: push}", "put it in quotes"),
        ("preview: 'true'", "must be true or false"),
        ("values: [a]", "must be a map"),
        ("chart: web", "must be a map"),
        ("manifests: [a]", "must be text"),
        ("manifests: 5", "must be text, and is a number"),
        ("values: {1: x}", "not text"),
        ("values: {true: x}", "not text"),
        ("values: {a: {{ .SHA }}}", "must be in quotes"),
        ("values: {a: 1, a: 2}", "twice"),
        ("values: {a: .nan}", "no number"),
        ("cleanup: {event: tagDeleted}", "only: branchDeleted"),
        ("dependencies: [{name: a, spec: {}}]", "'kind' is required"),
        ("dependencies: [{name: a, kind: helm, spec: {module: {url: x}}}]", "only: terraform"),
        ("dependencies: [{name: a, kind: terraform, spec: {}}]", "'url' is required"),
        ("json6902Patches: [{patch: []}]", "'target' is required"),
        ("---\napp: b", "second document"),
    ],
)
def test_what_is_wrong_is_said_in_words(text: str, said: str) -> None:
    assert any(said in str(problem) for problem in _problems(HEAD + text))


@pytest.mark.parametrize(
    "app", ["../x", "a/b", "a..b", "Shop", "a_b", "-a", "a-", "a" * 54, "flux", "", "kustomization.yaml", "1a", "a\nb"]
)
def test_defence_1_an_app_is_a_name_and_never_a_path(app: str) -> None:
    tree = Tree({"app": app, "env": "staging", "namespace": "team"})

    with pytest.raises(InvalidManifest):
        build(tree, resolved=True)


@pytest.mark.parametrize("key", ["env", "namespace"])
@pytest.mark.parametrize("name", ["../x", "a/b", ".", "..", "A", "a b", "", "-a"])
def test_defence_1_environments_and_namespaces_are_names_and_never_paths(key: str, name: str) -> None:
    tree = Tree({"app": "shop", "env": "staging", "namespace": "team", key: name})

    with pytest.raises(InvalidManifest):
        build(tree, resolved=True)


def test_a_templated_name_is_excused_until_it_is_resolved() -> None:
    tree = Tree({"app": "shop-{{ .X }}", "env": "staging", "namespace": "team"})

    assert build(tree).app == "shop-{{ .X }}"
    with pytest.raises(InvalidManifest):
        build(tree, resolved=True)


def test_json_may_spell_fields_in_another_case_and_yaml_may_not() -> None:
    manifest = parse('{"App": "shop", "Env": "s", "NAMESPACE": "n", "Chart": {"Name": "x"}}', format=Format.JSON)

    assert (manifest.app, manifest.chart) == ("shop", ChartRef("x"))
    assert _problems("App: shop\nenv: s\nnamespace: n")[0].hint == "did you mean 'app'?"


def test_json_that_repeats_a_key_is_refused() -> None:
    with pytest.raises(InvalidManifest, match="twice"):
        parse('{"app": "a", "app": "b", "env": "s", "namespace": "n"}', format=Format.JSON)


def test_null_counts_as_absent() -> None:
    manifest = parse(HEAD + "values:\nchart: ~\ndeploy: null\n")

    assert (manifest.values, manifest.chart, manifest.deploy) == ({}, None, None)


def _problems(text: str, file: str = "") -> tuple[Problem, ...]:
    with pytest.raises(InvalidManifest) as caught:
        parse(text, file)
    return caught.value.problems

"""The check of a manifest: everything wrong at once, decisions with reasons, previews, and rendered files."""

from collections.abc import Mapping, Sequence

import msgspec
import pytest

from chalicelib.core.errors import Rejected
from chalicelib.core.manifests import parse
from chalicelib.core.variables import VariableSources
from chalicelib.ports.rendering import Resolved
from chalicelib.usecases.check_manifest import CheckRequest, CheckResult, check_manifest
from chalicelib.usecases.rendering import render_release_tree
from tests.fakes_rendering import FakeCharts, FakeCue, FakeEngine, FakeTemplates

HEAD = "app: shop\nenv: staging\nnamespace: team\n"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: RELEASE}\n"
CHARTS = FakeCharts({"web": {"templates/config.yaml": CONFIG}})


def _check(manifest: str, **request: object) -> CheckResult:
    body = msgspec.json.encode({"manifest": manifest, **request})
    return check_manifest(
        msgspec.json.decode(body, type=CheckRequest), FakeTemplates(), FakeEngine(), CHARTS, FakeCue()
    )


def test_a_manifest_is_resolved_and_rendered() -> None:
    result = _check(HEAD + "chart: {name: web}\nvalues: {tag: '{{ .SHA }}'}\n", variables={"SHA": "abc"}, render=True)

    checked = result.manifests[0]
    assert result.valid
    assert checked.resolved is not None
    assert checked.resolved["values"] == {"tag": "abc"}
    assert checked.files is not None
    assert "name: shop" in checked.files["config.yaml"]
    assert "namespace: team" in checked.files["config.yaml"]
    assert checked.decision is None


def test_the_answer_is_spelled_as_documented() -> None:
    answer = msgspec.to_builtins(_check("app: shop\n"))

    assert set(answer) == {"valid", "errors", "notes", "manifests"}
    assert set(answer["errors"][0]) == {"path", "line", "column", "message", "hint", "file"}
    whole = msgspec.to_builtins(_check(HEAD))["manifests"][0]
    assert set(whole) == {"decision", "cleanup", "imageStrategy", "resolved", "files"}


def test_problems_of_the_manifest_and_of_the_variables_file_come_together() -> None:
    result = _check("app: shop\nenv: staging\n", variablesFile="NOT A LINE")

    assert not result.valid
    assert [error.path for error in result.errors] == ["namespace", ""]
    assert result.errors[1].file == ".gimlet/vars"


def test_every_template_that_fails_is_named_with_its_place() -> None:
    result = _check(HEAD + "values:\n  a: '{{ .ONE }}'\n  b: ['{{ .TWO }}']\n", variables={"X": "1"})

    assert [(error.path, error.line) for error in result.errors] == [("values.a", 5), ("values.b[0]", 6)]
    assert "ONE" in result.errors[0].message
    assert "X" in result.errors[0].hint


def test_a_variable_can_not_change_the_shape_of_a_manifest() -> None:
    nasty = "1\n  evil: true\n\"'}"

    result = _check(HEAD + "values: {a: '{{ .X }}', '{{ .X }}': 1}\n", variables={"X": nasty})

    assert result.manifests[0].resolved is not None
    assert result.manifests[0].resolved["values"] == {"a": nasty, nasty: 1}


def test_keys_that_become_equal_are_an_error() -> None:
    result = _check(HEAD + "values: {'{{ .X }}': 1, a: 2}\n", variables={"X": "a"})

    assert [error.message for error in result.errors] == ["this key is there twice"]


@pytest.mark.parametrize("app", ["../../etc", "flux", "a/b", ""])
def test_defence_1_a_resolved_app_is_checked_again(app: str) -> None:
    result = _check("app: '{{ .X }}'\nenv: staging\nnamespace: team\n", variables={"X": app})

    assert not result.valid
    assert result.errors[0].path == "app"


def test_a_version_brings_the_decision_and_the_built_in_variables() -> None:
    version = {"repositoryName": "acme/shop", "sha": "abc", "branch": "main", "event": "push"}

    manifest = HEAD + "deploy: {branch: main, event: push}\nvalues: {a: '{{ .OWNER }}/{{ .REPO }}'}\n"

    result = _check(manifest, version=version)

    checked = result.manifests[0]
    assert checked.decision is not None
    assert checked.decision.deploy
    assert checked.resolved is not None
    assert checked.resolved["values"] == {"a": "acme/shop"}


def test_a_preview_has_the_branchs_name_and_host() -> None:
    manifest = HEAD + "preview: true\nvalues: {ingress: {host: shop.example.com}}\n"

    result = _check(manifest, version={"branch": "feature/login", "event": "push"}, ingressSuffix=".preview.io")

    checked = result.manifests[0]
    assert checked.resolved is not None
    assert checked.resolved["app"] == "shop-feature-login"
    assert checked.resolved["values"] == {
        "ingress": {"host": "shop-feature-login.preview.io"},
        "gitBranch": "feature/login",
    }
    assert checked.decision is not None
    assert checked.decision.deploy


def test_a_cleanup_names_the_app_it_would_delete() -> None:
    manifest = HEAD + "cleanup: {app: 'shop-{{ .BRANCH | sanitizeDNSName }}', branch: feature/*}\n"

    checked = _check(manifest, deletedBranch="feature/a").manifests[0]

    assert checked.cleanup is not None
    assert (checked.cleanup.matches, checked.cleanup.app) == (True, "shop-feature-a")
    assert _check(manifest, deletedBranch="main").manifests[0].cleanup == type(checked.cleanup)(False, None)


def test_nothing_to_render_is_an_error_only_when_rendering() -> None:
    assert _check(HEAD).valid
    assert [error.message for error in _check(HEAD, render=True).errors] == ["there is nothing to render"]


def test_a_chart_that_refuses_is_an_answer_and_heard_verbatim() -> None:
    result = _check(HEAD + "chart: {name: web}\nvalues: {fail: not like this}\n", render=True)

    assert [(error.path, error.line) for error in result.errors] == [("chart", 4)]
    assert "not like this" in result.errors[0].message


def test_a_manifest_whose_templates_take_too_long_is_an_answer_too() -> None:
    class Slow(FakeTemplates):
        def resolve(self, strings: Sequence[str], variables: Mapping[str, str]) -> list[Resolved]:
            raise Rejected("rendering took longer than 10 s")

    request = CheckRequest(manifest=HEAD + "values: {a: '{{ .X }}'}\n", variables={"X": "1"})

    result = check_manifest(request, Slow(), FakeEngine(), CHARTS, FakeCue())

    assert [error.message for error in result.errors] == ["rendering took longer than 10 s"]


def test_an_unknown_field_of_the_request_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="manifesto"):
        msgspec.json.decode(b'{"manifest": "", "manifesto": ""}', type=CheckRequest)


def test_the_environments_variables_reach_fields_and_not_names() -> None:
    sources = VariableSources(vars={"A": "artifact"}, environment={"A": "environment", "B": "b"})
    raw = CONFIG.replace("\n", "\n  ")
    manifest = parse("app: 'shop-{{ .A }}'\nenv: staging\nnamespace: '{{ .A }}'\nmanifests: |\n  " + raw)

    rendered = render_release_tree(manifest, sources, FakeTemplates(), FakeEngine(), CHARTS)

    assert (rendered.app, rendered.namespace) == ("shop-artifact", "environment")


def test_the_release_records_the_chart_it_was_rendered_from() -> None:
    manifest = parse(HEAD + "chart: {name: web, repository: https://charts.example.com}\n")

    first = render_release_tree(manifest, VariableSources(), FakeTemplates(), FakeEngine(), CHARTS)
    second = render_release_tree(manifest, VariableSources(), FakeTemplates(), FakeEngine(), CHARTS)

    assert first == second
    assert first.chart is not None
    assert (first.chart.repository, first.chart.name) == ("https://charts.example.com", "web")
    assert first.chart.digest.startswith("sha256:")

"""Our chart through the real engine: golden files, and what its schema refuses.

After a change that is meant, write the golden files again: `python -m tests.functional.manifests.test_webapp_chart`.
"""

from pathlib import Path

import pytest

from chalicelib.adapters.charts import HelmCharts
from chalicelib.adapters.sandbox import Sandbox
from chalicelib.core.artifacts import Version
from chalicelib.core.errors import InvalidManifest
from chalicelib.core.manifests import parse
from chalicelib.core.variables import VariableSources, built_in_variables
from chalicelib.usecases.rendering import Rendered, render_release_tree

GOLDEN = Path(__file__).with_name("golden")
CHARTS = Path(__file__).parents[3] / "infra" / "charts"
CASES = sorted(folder.name for folder in GOLDEN.iterdir())
HEAD = "app: shop\nenv: staging\nnamespace: team\nchart: {name: webapp}\nvalues: "


def _rendered(text: str) -> Rendered:
    variables = VariableSources(built_in=built_in_variables(Version("acme/shop", "0a1b2c3")))
    sandbox = Sandbox()
    return render_release_tree(parse(text), variables, sandbox, sandbox, HelmCharts(CHARTS))


@pytest.mark.parametrize("case", CASES)
def test_the_chart_renders_its_golden_files(case: str) -> None:
    expected = {path.name: path.read_text() for path in (GOLDEN / case / "files").iterdir()}

    assert _rendered((GOLDEN / case / "manifest.yaml").read_text()).files == expected


def test_the_annotations_that_join_a_cluster_with_its_commits_are_on_service_and_workload() -> None:
    files = _rendered((GOLDEN / "webapp-onechart" / "manifest.yaml").read_text()).files

    for name in ("deployment.yaml", "service.yaml", "ingress.yaml"):
        assert "gimlet.io/app: myapp" in files[name]
        assert "gimlet.io/git-repository: acme/myapp" in files[name]
        assert 'gimlet.io/git-sha: "0a1b2c3"' in files[name]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("{repicas: 2}", "'repicas' not allowed"),
        ("{replicas: '2'}", "got string, want integer"),
        ("{image: {repository: x, tag: 1}}", "got number, want string"),
        ("{containerPort: 70000}", "70,000"),
        ("{volumes: [{name: x, path: /x}]}", "volume x needs one of"),
        ("{volumes: [{name: ../x, path: /x, size: 1Gi}]}", "pattern"),
        ("{cronJobs: [{name: x}]}", "schedule"),
    ],
)
def test_values_that_can_not_work_are_refused_in_words(values: str, said: str) -> None:
    with pytest.raises(InvalidManifest) as caught:
        _rendered(HEAD + values)

    assert said in str(caught.value)


def test_a_job_of_another_version_is_another_job() -> None:
    names = {
        _rendered(HEAD + f"{{image: {{repository: x, tag: '{tag}'}}, jobs: [{{name: migrate, command: x}}]}}")
        .files["jobs.yaml"]
        .split("name: ")[1]
        .split()[0]
        for tag in ("1", "2")
    }

    assert len(names) == 2


@pytest.mark.parametrize(
    ("values", "there"),
    [
        ("{replicas: 1}", False),
        ("{replicas: 2}", True),
        ("{replicas: 2, podDisruptionBudgetEnabled: false}", False),
        ("{autoscaling: {enabled: true}}", True),
    ],
)
def test_a_disruption_budget_never_blocks_a_single_replica(values: str, there: bool) -> None:
    assert ("disruptionbudget.yaml" in _rendered(HEAD + values).files) is there


def test_an_app_without_a_host_has_no_ingress_and_without_a_service_no_service() -> None:
    assert sorted(_rendered(HEAD + "{service: {enabled: false}}").files) == ["deployment.yaml"]


def write_golden_files() -> None:
    """Write what the chart renders now."""
    for case in CASES:
        folder = GOLDEN / case / "files"
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        for name, text in _rendered((GOLDEN / case / "manifest.yaml").read_text()).files.items():
            (folder / name).write_text(text)


if __name__ == "__main__":
    write_golden_files()

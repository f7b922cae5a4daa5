"""The rendering cases that stand beside the checkout, through the whole road with the real child process."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from chalicelib.adapters.charts import HelmCharts
from chalicelib.adapters.cue import CueCommand
from chalicelib.adapters.sandbox import Sandbox
from chalicelib.core.manifests import Format
from chalicelib.usecases.check_manifest import CheckRequest, CheckResult, check_manifest
from tests.fakes_rendering import chart_archive, chart_pages, cue_command, http_pages

ROOT = Path(__file__).parents[3]
CASES = ROOT.parent / "shared" / "cases" / "render"
FOLDERS = sorted(folder for folder in CASES.glob("*/") if folder.name != "charts")


@pytest.fixture(scope="module")
def repository() -> Iterator[str]:
    charts = {}
    for folder in sorted((CASES / "charts").iterdir()):
        files = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
        version = yaml.safe_load(files["Chart.yaml"])["version"]
        charts[folder.name] = (version, chart_archive(folder.name, files))
    with http_pages(chart_pages(charts)) as host:
        yield host


@pytest.mark.skipif(not FOLDERS, reason="left out: the cases are not beside the checkout")
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_case_renders_what_it_should_or_is_refused(folder: Path, repository: str) -> None:
    if (folder / "manifest.cue").exists() and cue_command() is None:
        pytest.skip("left out: the cue command is not built")

    result = _checked(folder, repository)

    if (folder / "error").exists():
        assert not result.valid
        assert all(error.message for error in result.errors)
    else:
        assert result.errors == []
        expected = json.loads((folder / "expected.json").read_text())["objects"]
        assert _by_identity(_objects(result)) == _by_identity(expected)


def _checked(folder: Path, repository: str) -> CheckResult:
    source = next(folder.glob("manifest.*"))
    text = source.read_bytes().decode()
    if source.suffix == ".cue":
        text = re.sub(r'name: "charts/', f'repository: "http://{repository}", name: "', text)
    else:
        text = re.sub(r"( *)\{?name: charts/", lambda found: _in_place(found, repository), text)
    variables = (folder / "vars").read_text() if (folder / "vars").exists() else ""
    format_ = Format.CUE if source.suffix == ".cue" else Format.YAML
    request = CheckRequest(manifest=text, format=format_, variables_file=variables, render=True)
    charts = HelmCharts(ROOT / "infra" / "charts", {repository})
    sandbox = Sandbox()
    return check_manifest(request, sandbox, sandbox, charts, CueCommand(cue_command))


def _in_place(found: re.Match[str], repository: str) -> str:
    if "{" in found[0]:
        return f"{found[1]}{{repository: 'http://{repository}', name: "
    return f"{found[1]}repository: 'http://{repository}'\n{found[1]}name: "


def _objects(result: CheckResult) -> list[dict[str, object]]:
    return [
        item
        for checked in result.manifests
        for text in (checked.files or {}).values()
        for item in yaml.safe_load_all(text)
    ]


def _by_identity(items: list[dict[str, object]]) -> dict[tuple[str, ...], object]:
    found: dict[tuple[str, ...], object] = {}
    for item in items:
        metadata = item["metadata"]
        assert isinstance(metadata, dict)
        group = str(item["apiVersion"]).rpartition("/")[0]
        key = (group, str(item["kind"]), str(metadata.get("namespace", "my-team")), str(metadata["name"]))
        assert key not in found
        metadata = {**metadata, "namespace": key[2]}
        found[key] = _pruned({**item, "metadata": metadata})
    return found


def _pruned(value: object) -> object:
    if isinstance(value, dict):
        pruned = {
            key: _pruned(member)
            for key, member in value.items()
            if key != "status" and not str(key).endswith(".kind") and member is not None
        }
        return {key: member for key, member in pruned.items() if member != {}}
    return [_pruned(member) for member in value] if isinstance(value, list) else value

"""The manifests in the guides are whole and work as written."""

import re
from pathlib import Path

import pytest

from chalicelib.adapters.charts import HelmCharts
from chalicelib.adapters.sandbox import Sandbox
from chalicelib.usecases.check_manifest import CheckRequest, check_manifest
from tests.fakes_rendering import FakeCue

ROOT = Path(__file__).parents[3]
VARIABLES = {"SHA": "0a1b2c3", "TAG": "v1", "BRANCH": "feature/login"}
EXAMPLES = [
    (guide, text)
    for guide in ("manifest.md", "webapp-chart.md")
    for text in re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / guide).read_text(), re.DOTALL)
]


def test_the_guides_have_examples() -> None:
    assert len(EXAMPLES) >= 8


@pytest.mark.parametrize(("guide", "text"), EXAMPLES, ids=[f"{guide}-{n}" for n, (guide, _) in enumerate(EXAMPLES)])
def test_an_example_renders(guide: str, text: str) -> None:
    sandbox = Sandbox()
    request = CheckRequest(manifest=text, variables=VARIABLES, render=True)

    result = check_manifest(request, sandbox, sandbox, HelmCharts(ROOT / "infra" / "charts"), FakeCue())

    assert result.errors == []
    assert result.manifests[0].files

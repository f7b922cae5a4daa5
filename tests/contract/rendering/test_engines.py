"""What every `Engine` does, the fake and the real Helm engine in its child process alike."""

import pytest

from chalicelib.adapters.sandbox import Sandbox
from chalicelib.core.errors import Rejected
from chalicelib.ports.rendering import Chart, Engine
from tests.fakes_rendering import FakeEngine, chart_archive

CHART_YAML = "apiVersion: v2\nname: web\nversion: 1.0.0\n"
CONFIG = "kind: ConfigMap\nmetadata: {name: RELEASE, namespace: NAMESPACE}\n"
FAIL = "{{ if .Values.fail }}{{ fail .Values.fail }}{{ end }}"


@pytest.fixture(params=["fake", "real"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return FakeEngine() if request.param == "fake" else Sandbox()


def _chart(engine: Engine, **files: str) -> Chart:
    config = CONFIG
    if isinstance(engine, Sandbox):
        config = FAIL + config.replace("RELEASE", "{{ .Release.Name }}").replace(
            "NAMESPACE", "{{ .Release.Namespace }}"
        )
    named = {"Chart.yaml": CHART_YAML, "templates/a.yaml": config, "crds/x.yaml": "kind: CustomResourceDefinition\n"}
    return Chart("web", "1.0.0", "", "sha256:0", chart_archive("web", {**named, **files}))


def test_templates_are_rendered_by_path_for_release_and_namespace(engine: Engine) -> None:
    output = engine.render(_chart(engine), {}, "shop", "team")

    assert output.files == {"web/templates/a.yaml": "kind: ConfigMap\nmetadata: {name: shop, namespace: team}\n"}


def test_crds_are_named_and_not_rendered(engine: Engine) -> None:
    assert engine.render(_chart(engine), {}, "shop", "team").crds == ("web/crds/x.yaml",)


def test_a_chart_that_refuses_is_heard_verbatim(engine: Engine) -> None:
    with pytest.raises(Rejected, match="no way, Jane"):
        engine.render(_chart(engine), {"fail": "no way, Jane"}, "shop", "team")

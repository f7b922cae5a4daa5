"""Our chart, rendered: by the engine alone, by our way around it in this process, and in the child that releases use.

In process is what the work itself costs; a release never renders there (`adapters/sandbox.py` says why). A cold child
is started for the question; a spare one waited for it. All figures are for people.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from chalicelib.adapters import sandbox_child
from chalicelib.adapters.charts import HelmCharts
from chalicelib.adapters.sandbox import Sandbox
from chalicelib.core.artifacts import Version
from chalicelib.core.manifests import ChartRef, parse
from chalicelib.core.scalars import Value
from chalicelib.core.variables import VariableSources, built_in_variables
from chalicelib.ports.rendering import Chart, ChartOutput, Engine, Resolved, Templates
from chalicelib.usecases.rendering import render_release_tree
from tests.bench.rows import Row, quantiles, row

CHARTS = HelmCharts(Path(__file__).resolve().parents[2] / "infra" / "charts")
MANIFEST = """\
app: shop
env: staging
namespace: shop
chart:
  name: webapp
values:
  image: {repository: ghcr.io/acme/shop, tag: "{{ .SHA }}"}
  replicas: 2
  containerPort: 8080
  probe: {enabled: true, path: /health}
  vars: {GREETING: hello}
  ingress: {host: shop.example.com}
  resources: {requests: {cpu: 100m, memory: 128Mi}}
  gitSha: "{{ .SHA }}"
"""
ROUNDS = {True: (30, 5), False: (200, 30)}  # by `short`: in process, in a child
PAUSE_SECONDS = 0.5  # between releases, in which a spare child gets ready


class InProcess:
    """The ports `Templates` and `Engine` without the child around them."""

    def resolve(self, strings: Sequence[str], variables: Mapping[str, str]) -> list[Resolved]:
        """See `Templates.resolve`."""
        answers = sandbox_child.resolve({"strings": list(strings), "variables": dict(variables)})
        return [Resolved(answer.get("text", ""), answer.get("error", "")) for answer in answers]

    def render(self, chart: Chart, values: Mapping[str, Value], release: str, namespace: str) -> ChartOutput:
        """See `Engine.render`."""
        return ChartOutput(engine_alone(chart.archive, values, release, namespace))


def engine_alone(archive: bytes, values: Mapping[str, Value], release: str, namespace: str) -> dict[str, str]:
    """What the SDK does, from the chart's archive to its files."""
    import helm_python

    with helm_python.Chart.load_archive(archive) as chart:
        files: dict[str, str] = chart.render(dict(values), name=release, namespace=namespace)
        return files


def run(short: bool) -> list[Row]:
    """Measure; every way must come to the same files."""
    in_process, in_child = ROUNDS[short]
    chart = CHARTS.fetch(ChartRef("webapp"))
    values = parse(MANIFEST).values
    here, cold, spare = InProcess(), Sandbox(), Sandbox(spares=True)
    try:
        began = time.perf_counter()
        first = whole_way(here, here)
        rows = [row("render.in_process.first", (time.perf_counter() - began) * 1000, "ms")]
        assert first == whole_way(cold, cold) == whole_way(spare, spare)
        alone = timed(lambda: engine_alone(chart.archive, values, "shop", "shop"), in_process)
        whole = timed(lambda: whole_way(here, here), in_process)
        rows += quantiles("render.in_process.engine", alone) + quantiles("render.in_process.whole", whole)
        rows.append(row("render.in_process.whole_to_engine", statistics.median(whole) / statistics.median(alone), "x"))
        rows += quantiles("render.cold_child.whole", timed(lambda: whole_way(cold, cold), in_child))
        rows += quantiles("render.spare_child.whole", timed(lambda: whole_way(spare, spare), in_child, PAUSE_SECONDS))
        return rows
    finally:
        spare.close()


def whole_way(templates: Templates, engine: Engine) -> dict[str, str]:
    """From the manifest's text to the files of a release."""
    version = Version(repository="acme/shop", sha="5c0e" * 10, branch="main", author_name="Jane", message="Sell things")
    variables = VariableSources(built_in=built_in_variables(version))
    return render_release_tree(parse(MANIFEST), variables, templates, engine, CHARTS).files


def timed(work: Callable[[], object], rounds: int, pause_seconds: float = 0) -> list[float]:
    """Seconds of each round."""
    seconds = []
    for _ in range(rounds):
        time.sleep(pause_seconds)
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return seconds

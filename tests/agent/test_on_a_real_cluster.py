"""The agent on a real control plane with real RBAC, as the ServiceAccount of its own chart and nothing more."""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.kubernetes_api import Forbidden, connect
from agent.runner import Agent
from agent.settings import Settings
from infra.testbed.api import Object
from infra.testbed.cluster import Cluster
from infra.testbed.parts import CONTROL_PLANE, FLUX, missing
from tests.fakes_gimlet import FakeGimlet

pytestmark = pytest.mark.real

CHART = Path(__file__).resolve().parents[2] / "agent" / "chart"
NAMESPACES = "{apiVersion: v1, kind: Namespace, metadata: {name: gimlet}}"
PATIENCE_SECONDS = 90.0  # a busy machine


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with Flux's kinds and the agent's chart."""
    if absent := missing((*CONTROL_PLANE, *FLUX)):
        pytest.skip(f"not built: {' '.join(absent)}; build with: python -m infra.testbed.build {' '.join(absent)}")
    with Cluster(tmp_path_factory.mktemp("cluster")) as running:
        running.api.apply_text(NAMESPACES)
        running.api.apply_text(rendered_role())
        yield running


def rendered_role() -> str:
    """The chart's rights, rendered by Helm."""
    import helm_python

    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as packed:
        packed.add(CHART, "gimlet-agent")
    with helm_python.Chart.load_archive(archive.getvalue()) as chart:
        files = chart.render({"url": "https://gimlet.example.com"}, name="gimlet-agent", namespace="gimlet")
    return str(files["gimlet-agent/templates/role.yaml"])


def workload(name: str, replicas: int, **labels: str) -> Object:
    template = {
        "metadata": {"labels": {"app": name, **labels}},
        "spec": {"containers": [{"name": "main", "image": f"registry.example/{name}:1"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template},
    }


def service(name: str, app: str) -> Object:
    notes = {"gimlet.io/app": app, "gimlet.io/git-repository": "acme/shop"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default", "annotations": notes},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80}]},
    }


def kubeconfig(cluster: Cluster, folder: Path) -> str:
    return str(cluster.service_account_kubeconfig("gimlet", "gimlet-agent", folder / "kubeconfig"))


def ready(gimlet: FakeGimlet, app: str) -> int:
    body: dict[str, Any] = gimlet.body(f"app/{app}") or {}
    return sum(int(each.get("ready", 0)) for each in body.get("workloads", []))


def test_the_agent_sees_what_runs_and_goes_on_when_the_api_server_dies(cluster: Cluster, tmp_path: Path) -> None:
    cluster.api.apply(workload("shop", 2))
    cluster.api.apply(service("shop", "shop"))

    async def main() -> FakeGimlet:
        gimlet = FakeGimlet()
        gimlet.patience_seconds = PATIENCE_SECONDS
        async with gimlet.serving():
            settings = Settings(url=gimlet.url.replace("http", "ws") + "/ws", key="agent-key")
            agent = Agent(settings, connect(kubeconfig(cluster, tmp_path)))
            running = asyncio.create_task(agent.run())
            await gimlet.until(lambda: ready(gimlet, "shop") == 2)
            await asyncio.to_thread(cluster.restart_api_server)
            await asyncio.to_thread(cluster.api.apply, workload("shop", 3))
            await gimlet.until(lambda: ready(gimlet, "shop") == 3)
            await asyncio.to_thread(cluster.api.apply, workload("bad", 1, **{"e2e.test/fail": "crashloop"}))
            await asyncio.to_thread(cluster.api.apply, service("bad", "bad"))
            await gimlet.until(lambda: bool((gimlet.body("app/bad") or {}).get("pods")))
            agent.stop()
            await running
        return gimlet

    gimlet = asyncio.run(main())

    assert gimlet.body("cluster") == {"kubernetes_version": "v1.36.3"}
    bad: dict[str, Any] = gimlet.body("app/bad") or {}
    assert [(pod["state"], pod["workload"]) for pod in bad["pods"]] == [("CrashLoopBackOff", "Deployment/bad")]


def test_the_agent_may_read_no_secret(cluster: Cluster, tmp_path: Path) -> None:
    api = connect(kubeconfig(cluster, tmp_path))

    for path in ("/api/v1/secrets", "/api/v1/configmaps", "/api/v1/nodes"):
        with pytest.raises(Forbidden):
            api.get(path, {})
    assert api.get("/api/v1/pods", {"limit": "1"})

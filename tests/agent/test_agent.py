"""The whole agent, its real loop and threads, between a fake cluster and a fake Gimlet on loopback."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.kubernetes_api import connect
from agent.runner import Agent
from agent.settings import Settings
from chalicelib.wire.messages import AgentCommand, AgentFloor, AgentResult, Hello, Refresh
from tests.fakes_cluster import FakeCluster, applied_by, deployment, kustomization, pod, replica_set, service
from tests.fakes_gimlet import FakeGimlet

Scene = Callable[[FakeCluster, FakeGimlet], Awaitable[None]]


def a_shop(cluster: FakeCluster, *, pods: int = 2) -> None:
    """The app `shop`, applied by Flux in environment `staging`."""
    labels = applied_by("shop", "gimlet-staging")
    cluster.put("Kustomization", kustomization("shop", "gimlet-staging", environment="staging", app="shop"))
    cluster.put("Deployment", deployment("shop", replicas=pods, labels=labels))
    cluster.put("Service", service("shop", app="shop", labels=labels))
    cluster.put("ReplicaSet", replica_set("shop"))
    for number in range(pods):
        cluster.put("Pod", pod(f"shop-{number}", replica_set_name="shop-rs"))


def play(scene: Scene, tmp_path: Path) -> None:
    """Run a scene with cluster and Gimlet serving."""

    async def main() -> None:
        with FakeCluster().serving() as cluster:
            cluster.kubeconfig(tmp_path)
            gimlet = FakeGimlet()
            async with gimlet.serving():
                await scene(cluster, gimlet)

    asyncio.run(main())


@asynccontextmanager
async def agent_between(cluster: FakeCluster, gimlet: FakeGimlet, tmp_path: Path) -> AsyncIterator[Agent]:
    """An agent running; stopped at the end."""
    settings = Settings(url=gimlet.url.replace("http", "ws") + "/ws", key="agent-key")
    agent = Agent(settings, connect(cluster.kubeconfig(tmp_path)))
    running = asyncio.create_task(agent.run())
    try:
        yield agent
    finally:
        agent.stop()
        await asyncio.wait_for(running, 15)


def test_what_runs_is_told_and_what_changes_follows(tmp_path: Path) -> None:
    async def scene(cluster: FakeCluster, gimlet: FakeGimlet) -> None:
        a_shop(cluster)

        async with agent_between(cluster, gimlet, tmp_path):
            await gimlet.until(lambda: gimlet.body("app/shop") is not None)
            cluster.put("Pod", pod("shop-0", replica_set_name="shop-rs", ready=False))
            await gimlet.until(lambda: (gimlet.body("pod/shop/team/shop-0") or {}).get("state") == "NotReady")
            cluster.delete("Pod", "team", "shop-1")
            await gimlet.until(lambda: gimlet.body("pod/shop/team/shop-1") is None)

        assert gimlet.body("pod/shop/team/shop-0")["workload"] == "Deployment/shop"  # type: ignore[index]  # it is there

    play(scene, tmp_path)


def test_no_secret_and_no_value_of_an_environment_ever_leaves(tmp_path: Path) -> None:
    async def scene(cluster: FakeCluster, gimlet: FakeGimlet) -> None:
        a_shop(cluster)
        cluster.put("Deployment", deployment("loose"))

        async with agent_between(cluster, gimlet, tmp_path):
            await gimlet.until(lambda: len(gimlet.topic.documents) >= 6)

        told = json.dumps([doc.body for doc in gimlet.topic.documents.values()])
        assert "canary" not in told
        assert {kind for kind, _ in cluster.requests}.isdisjoint({"Secret", "ConfigMap"})

    play(scene, tmp_path)


def test_an_outage_of_ours_costs_only_what_changed(tmp_path: Path) -> None:
    async def scene(cluster: FakeCluster, gimlet: FakeGimlet) -> None:
        a_shop(cluster)

        async with agent_between(cluster, gimlet, tmp_path) as agent:
            await gimlet.until(lambda: len(gimlet.topic.documents) >= 5 and not agent_is_waiting(agent))
            before = {key: doc.seq for key, doc in gimlet.topic.documents.items()}
            gimlet.refuse = True
            for socket in list(gimlet.sockets):
                await socket.close()
            cluster.put("Pod", pod("shop-0", replica_set_name="shop-rs", ready=False))
            gimlet.refuse = False
            await gimlet.until(lambda: (gimlet.body("pod/shop/team/shop-0") or {}).get("state") == "NotReady")

        assert gimlet.count(Hello) == 2
        assert gimlet.count(AgentFloor) == 0
        unchanged = ("pod/shop/team/shop-1", "cluster", "flux/Kustomization/gimlet-staging/shop")
        assert {key: gimlet.topic.documents[key].seq for key in unchanged} == {key: before[key] for key in unchanged}

    play(scene, tmp_path)


def test_a_new_agent_replaces_what_an_old_one_told(tmp_path: Path) -> None:
    async def scene(cluster: FakeCluster, gimlet: FakeGimlet) -> None:
        a_shop(cluster)
        async with agent_between(cluster, gimlet, tmp_path) as agent:
            await gimlet.until(lambda: len(gimlet.topic.documents) >= 5 and not agent_is_waiting(agent))
        cluster.delete("Pod", "team", "shop-1")

        async with agent_between(cluster, gimlet, tmp_path):
            await gimlet.until(lambda: gimlet.count(AgentFloor) == 1)

        assert "pod/shop/team/shop-1" not in gimlet.topic.documents
        assert gimlet.body("pod/shop/team/shop-0") is not None

    play(scene, tmp_path)


def test_a_lost_store_is_filled_again_by_a_refresh(tmp_path: Path) -> None:
    async def scene(cluster: FakeCluster, gimlet: FakeGimlet) -> None:
        a_shop(cluster)

        async with agent_between(cluster, gimlet, tmp_path) as agent:
            await gimlet.until(lambda: len(gimlet.topic.documents) >= 5 and not agent_is_waiting(agent))
            await gimlet.say(Refresh())
            await gimlet.until(lambda: gimlet.count(AgentFloor) == 1)

        assert all(doc.seq > gimlet.topic.floor for doc in gimlet.topic.documents.values())
        assert gimlet.body("app/shop") is not None

    play(scene, tmp_path)


def test_a_missing_kind_stops_nothing_else(tmp_path: Path) -> None:
    async def scene(cluster: FakeCluster, gimlet: FakeGimlet) -> None:
        cluster.answer("Kustomization", 404)
        cluster.answer("Event", 403)
        cluster.put("Deployment", deployment("shop"))
        cluster.put("Service", service("shop", app="shop"))

        async with agent_between(cluster, gimlet, tmp_path):
            await gimlet.until(lambda: gimlet.body("app/shop") is not None and gimlet.body("cluster") is not None)

        assert gimlet.body("cluster") == {
            "kubernetes_version": "v1.36.3",
            "missing_kinds": ["Event", "Kustomization"],
        }

    play(scene, tmp_path)


def test_an_unknown_command_is_answered_not_able(tmp_path: Path) -> None:
    async def scene(cluster: FakeCluster, gimlet: FakeGimlet) -> None:
        async with agent_between(cluster, gimlet, tmp_path):
            await gimlet.until(lambda: gimlet.count(Hello) == 1)
            await gimlet.say(AgentCommand(request_id="r1", action="logs"))
            await gimlet.until(lambda: gimlet.count(AgentResult) == 1)

        (answer,) = [each for each in gimlet.received if isinstance(each, AgentResult)]
        assert (answer.request_id, answer.done, answer.error) == ("r1", True, "not able")

    play(scene, tmp_path)


def agent_is_waiting(agent: Agent) -> bool:
    """Whether anything is still to be sent or acknowledged."""
    return agent.session.is_waiting


@pytest.mark.integration
def test_sigterm_closes_with_a_reason_and_the_log_holds_no_key(tmp_path: Path) -> None:
    async def scene(cluster: FakeCluster, gimlet: FakeGimlet) -> None:
        a_shop(cluster)
        environ = {
            "GIMLET_URL": gimlet.url,
            "GIMLET_AGENT_KEY": "agent-key",
            "KUBECONFIG": cluster.kubeconfig(tmp_path),
            "PATH": "",
        }
        log = tmp_path / "log"
        with log.open("wb") as err:
            process = subprocess.Popen([sys.executable, "-m", "agent"], env=environ, stderr=err)
        try:
            await gimlet.until(lambda: gimlet.body("app/shop") is not None)
            process.send_signal(signal.SIGTERM)
            status = await asyncio.to_thread(process.wait, 15)
        finally:
            process.kill()
        await gimlet.until(lambda: bool(gimlet.closes))

        assert (status, gimlet.closes) == (0, [(1001, "shutdown")])
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert {line["message"] for line in lines} >= {"started", "connected", "disconnected", "stopped"}
        assert "agent-key" not in log.read_text()
        assert "cluster-token" not in log.read_text()

    play(scene, tmp_path)

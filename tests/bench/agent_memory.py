"""The agent's budget: 5,000 pods of 100 apps, 1 % of them changing each second. JSON lines; exit 1 over budget.

A wall clock is never over budget: what it shows depends on who else uses the machine.

python -m tests.bench.agent_memory [seconds of change]
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

from chalicelib.wire.codec import size_bytes
from chalicelib.wire.messages import AgentDocs
from tests.fakes_cluster import FakeCluster, applied_by, deployment, kustomization, pod, replica_set, service
from tests.fakes_gimlet import FakeGimlet

APPS, PODS = 100, 50
BUDGET = {"hwm_mib": 96.0, "first_state_seconds": 30.0, "egress_kb_per_second": 50.0}
AIM_MIB = 64.0


def fill(cluster: FakeCluster) -> None:
    """100 apps of 50 pods, each pod about as large as real ones are (4 KB)."""
    for number in range(APPS):
        name = f"app-{number:03}"
        labels = applied_by(name, "gimlet-staging")
        cluster.put("Kustomization", kustomization(name, "gimlet-staging", environment="staging", app=name))
        cluster.put("Deployment", deployment(name, replicas=PODS, labels=labels))
        cluster.put("ReplicaSet", replica_set(name))
        cluster.put("Service", service(name, app=name, labels=labels))
        for each in range(PODS):
            cluster.put("Pod", large(pod(f"{name}-7d9c5b8f6d-{each:05}", replica_set_name=f"{name}-rs")))


def large(obj: dict[str, Any], **status: Any) -> dict[str, Any]:
    """A pod with the ballast that real ones carry."""
    obj["metadata"]["managedFields"] = [{"manager": "kubelet", "fieldsV1": {f"f:{n}": {} for n in range(120)}}]
    obj["spec"]["containers"][0]["env"] = [{"name": f"V{n}", "value": "x" * 20} for n in range(30)]
    obj["status"] |= status
    return obj


def memory_mib(pid: int) -> float:
    """Highest resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


async def measure(seconds: float) -> dict[str, float]:
    """Run the agent as a process and take its figures."""
    gimlet = FakeGimlet()
    with FakeCluster().serving() as cluster, tempfile.TemporaryDirectory() as folder:
        fill(cluster)
        async with gimlet.serving():
            environ = {"GIMLET_URL": gimlet.url, "GIMLET_AGENT_KEY": "agent-key", "MALLOC_ARENA_MAX": "2"}
            environ["KUBECONFIG"] = cluster.kubeconfig(Path(folder))
            started = time.monotonic()
            process = subprocess.Popen([sys.executable, "-m", "agent"], env=environ, stderr=subprocess.DEVNULL)
            try:
                while len(gimlet.topic.documents) < APPS * (PODS + 2):
                    await asyncio.sleep(0.1)
                first = time.monotonic() - started
                after_first = memory_mib(process.pid)
                rate = await change(cluster, gimlet, seconds)
                return {
                    "first_state_seconds": round(first, 1),
                    "hwm_after_first_mib": round(after_first, 1),
                    "hwm_mib": round(memory_mib(process.pid), 1),
                    "egress_kb_per_second": round(rate / 1024, 1),
                }
            finally:
                process.terminate()
                process.wait(15)


async def change(cluster: FakeCluster, gimlet: FakeGimlet, seconds: float) -> float:
    """Let 1 % of the pods change each second, evenly; bytes of documents that arrive in a second."""
    random = Random(1)
    started, mark = time.monotonic(), len(gimlet.received)
    flips = 0
    while time.monotonic() - started < seconds:
        name, each = f"app-{flips % APPS:03}", random.randrange(PODS)
        changed = pod(f"{name}-7d9c5b8f6d-{each:05}", replica_set_name=f"{name}-rs", ready=random.random() < 0.5)
        await asyncio.to_thread(cluster.put, "Pod", large(changed))
        flips += 1
        await asyncio.sleep(max(0.0, started + flips / (APPS * PODS / 100) - time.monotonic()))
    took = time.monotonic() - started
    return sum(size_bytes(message) for message in gimlet.received[mark:] if isinstance(message, AgentDocs)) / took


def main() -> int:
    """Print the figures; 1 when one is over budget."""
    figures = asyncio.run(measure(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0))
    judged = {name: limit for name, limit in BUDGET.items() if not name.endswith("_seconds")}
    over = {name: figures[name] for name, limit in judged.items() if figures[name] > limit}
    print(json.dumps({"bench": "agent", **figures, "aim_mib": AIM_MIB, "over_budget": over}))
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())

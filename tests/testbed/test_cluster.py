"""What the rest of the real suites rely on: the cluster behaves as a real one, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.local.git_server import GitServer
from infra.testbed.api import ApiError, KubernetesApi, Object, condition
from infra.testbed.cluster import Cluster
from infra.testbed.processes import wait_for
from tests.testbed.conftest import Listener

pytestmark = pytest.mark.real

WATCHER = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: watcher, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: watcher}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: watcher, namespace: default}]
"""


def deployment(name: str, image: str, **labels: str) -> Object:
    template = {
        "metadata": {"labels": {"app": name, **labels}},
        "spec": {"containers": [{"name": "main", "image": image}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": template},
    }


def waiting_reason(pod: Object) -> str | None:
    states = [status["state"] for status in pod["status"].get("containerStatuses", [])]
    reasons: list[str] = [state["waiting"]["reason"] for state in states if "waiting" in state]
    return reasons[0] if reasons else None


def wait_for_waiting_pod(cluster: Cluster, app: str, reason: str) -> Object:
    def failing() -> Object | None:
        pods = cluster.api.list("v1", "Pod", "default", labels=f"app={app}")
        return next((pod for pod in pods if waiting_reason(pod) == reason), None)

    return cluster.api.wait_for(f"{app} to fail with {reason}", failing)


def test_pods_of_a_deployment_become_running(cluster: Cluster) -> None:
    cluster.api.apply(deployment("shop", "registry.example/shop:1"))

    rolled_out = cluster.api.wait_for(
        "the rollout",
        lambda: cluster.api.get("apps/v1", "Deployment", "shop", "default"),
        lambda found: found.get("status", {}).get("readyReplicas") == 2,
    )

    assert condition(rolled_out, "Available") == "True"
    phases = {pod["status"]["phase"] for pod in cluster.api.list("v1", "Pod", "default", labels="app=shop")}
    assert phases == {"Running"}


def test_an_image_that_does_not_exist_cannot_be_pulled(cluster: Cluster) -> None:
    cluster.api.apply(deployment("broken", "registry.example/broken:sha-does-not-exist"))

    pod = wait_for_waiting_pod(cluster, "broken", "ImagePullBackOff")

    assert pod["status"]["phase"] == "Pending"
    assert condition(pod, "Ready") == "False"


@pytest.mark.parametrize(("failure", "reason"), [("imagepull", "ImagePullBackOff"), ("crashloop", "CrashLoopBackOff")])
def test_a_label_makes_a_pod_fail(cluster: Cluster, failure: str, reason: str) -> None:
    cluster.api.apply(deployment(f"fails-{failure}", "registry.example/app:1", **{"e2e.test/fail": failure}))

    pod = wait_for_waiting_pod(cluster, f"fails-{failure}", reason)

    assert condition(pod, "Ready") == "False"


def test_a_pod_says_what_is_in_the_log_file(cluster: Cluster) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "talker", "namespace": "default"},
        "spec": {"containers": [{"name": "main", "image": "registry.example/talker:1"}]},
    }
    cluster.api.apply(pod)
    cluster.api.wait_for(
        "the pod to run",
        lambda: cluster.api.get("v1", "Pod", "talker", "default"),
        lambda found: found["status"]["phase"] == "Running",
    )

    with cluster.pod_log.open("a") as log:
        log.write("2026-01-01T00:00:00.000000000Z stdout F hello\n")

    said = cluster.api.request("GET", "/api/v1/namespaces/default/pods/talker/log")
    assert said["text"] == "hello\n"


def test_a_service_account_may_do_what_its_role_says_and_no_more(cluster: Cluster, tmp_path: Path) -> None:
    cluster.api.apply_text(WATCHER)

    path = cluster.service_account_kubeconfig("default", "watcher", tmp_path / "watcher.kubeconfig")

    config: dict[str, Any] = yaml.safe_load(path.read_text())
    ca = b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"])
    assert ca == cluster.ca_path.read_bytes()
    watcher = KubernetesApi(cluster.api_url, cluster.ca_path, config["users"][0]["user"]["token"])
    assert isinstance(watcher.list("v1", "Pod", "default"), list)
    with pytest.raises(ApiError) as refused:
        watcher.list("v1", "Secret", "default")
    assert refused.value.status == 403


def test_flux_applies_what_is_pushed_and_says_so(
    cluster: Cluster, git_host: GitServer, events: Listener, tmp_path: Path
) -> None:
    push(git_host, tmp_path / "work", deployment("pushed", "registry.example/pushed:1"))
    cluster.api.apply(*flux_objects("gitops", git_host.url_of("acme/gitops")))

    applied = wait_until_flux_is_ready(cluster, "gitops")
    assert applied["status"]["lastAppliedRevision"].startswith("main@sha1:")
    assert cluster.api.get("apps/v1", "Deployment", "pushed", "default") is not None

    push(git_host, tmp_path / "work", deployment("pushed", "registry.example/pushed:2-does-not-exist"))
    ask_flux_to_look(cluster, "gitops")

    wait_for_waiting_pod(cluster, "pushed", "ImagePullBackOff")
    wait_for(
        "Flux to tell of the apply",
        lambda: events.find("gitops", "ReconciliationSucceeded") is not None,
        timeout_seconds=30,
    )


def test_an_api_server_that_died_comes_back_with_its_objects(cluster: Cluster) -> None:
    cluster.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "survivor"}})

    cluster.restart_api_server()

    assert cluster.api.get("v1", "Namespace", "survivor") is not None


def test_down_leaves_no_process_and_up_again_finds_the_objects(parts: None, tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    cluster.up(flux=False)
    cluster.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kept"}})
    pids = cluster.pids

    cluster.down()

    assert set(pids) == {"etcd", "apiserver", "controller-manager", "scheduler", "kwok"}
    assert [name for name, pid in pids.items() if is_alive(pid)] == []
    with cluster.up(flux=False):
        assert cluster.api.get("v1", "Namespace", "kept") is not None


def test_processes_die_with_the_one_that_started_them(parts: None, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "infra.testbed", "--no-flux", f"--state={tmp_path}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline().startswith("ready")
        children = children_of(owner.pid)
        assert len(children) == 5

        os.kill(owner.pid, signal.SIGKILL)

    wait_for("the processes to die", lambda: not any(map(is_alive, children)), timeout_seconds=10)


def flux_objects(name: str, url: str) -> tuple[Object, Object]:
    metadata = {"name": name, "namespace": "flux-system"}
    source = {"interval": "10m", "timeout": "20s", "url": url, "ref": {"branch": "main"}}
    apply = {
        "interval": "10m",
        "timeout": "30s",
        "prune": True,
        "path": "./",
        "sourceRef": {"kind": "GitRepository", "name": name},
    }
    return (
        {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": metadata, "spec": source},
        {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": metadata, "spec": apply},
    )


def wait_until_flux_is_ready(cluster: Cluster, name: str) -> Object:
    return cluster.api.wait_for(
        "Flux to apply",
        lambda: cluster.api.get("kustomize.toolkit.fluxcd.io/v1", "Kustomization", name, "flux-system"),
        lambda found: condition(found, "Ready") == "True" and "lastAppliedRevision" in found["status"],
    )


def ask_flux_to_look(cluster: Cluster, name: str) -> None:
    change = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": str(time.time_ns())}}}
    cluster.api.patch("source.toolkit.fluxcd.io/v1", "GitRepository", name, "flux-system", change)


def push(host: GitServer, work: Path, manifest: Object) -> None:
    """Commit `manifest` to acme/gitops, from the checkout `work`, and push it."""

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.test"]
        subprocess.run(["git", "-C", str(work), *identity, *arguments], check=True, capture_output=True, timeout=30)

    host.create("acme/gitops")
    if not work.exists():
        work.mkdir()
        git("init", "--quiet", "--initial-branch=main")
    (work / "deployment.yaml").write_text(json.dumps(manifest))
    git("add", ".")
    git("commit", "--quiet", "--message=Deploy")
    git("push", "--quiet", host.url_of("acme/gitops"), "main")


def is_alive(pid: int) -> bool:
    """Whether `pid` runs; one that ended and waits to be collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def children_of(pid: int) -> list[int]:
    lists = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for found in lists for child in found]

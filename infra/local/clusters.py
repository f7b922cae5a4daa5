"""The cluster that the demo's environments live in: the stand-in, or the real control plane with real Flux.

Both show the same face: a kubeconfig for each environment's agent, and a way to be told that the GitOps repository
moved, as a Flux Receiver is told by a Git host.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from infra.local.demo_cluster import DemoCluster
    from infra.testbed.cluster import Cluster

AGENT_NAMESPACE = "gimlet-system"
_ROLE = Path(__file__).resolve().parents[2] / "agent" / "chart" / "templates" / "role.yaml"
_SOURCE = ("source.toolkit.fluxcd.io/v1", "GitRepository")


class DemoHome(Protocol):
    """A cluster with Flux that follows a GitOps repository."""

    notice: str
    """What every screen says."""

    def start(self, gitops_url: str, environments: Sequence[str]) -> None:
        """Start it, and let Flux follow each environment's folder of the repository."""

    def kubeconfig(self, environment: str) -> Path:
        """The kubeconfig of the environment's agent."""

    def pushed(self) -> None:
        """The GitOps repository moved; returns at once."""

    def stop(self) -> None: ...


class StandIn:
    """The stand-in of `demo_cluster.py`."""

    notice = "demo cluster"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cluster: DemoCluster | None = None

    def start(self, gitops_url: str, environments: Sequence[str]) -> None:
        from infra.local.demo_cluster import DemoCluster

        self._cluster = DemoCluster(_flux_objects(name, gitops_url) for name in environments).start()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._cluster.kubeconfig(self._folder / "kubeconfig")

    def kubeconfig(self, environment: str) -> Path:  # noqa: ARG002  part of the protocol
        return self._folder / "kubeconfig"  # one for all: the stand-in knows no roles

    def pushed(self) -> None:
        if self._cluster is not None:
            self._cluster.poke()

    def stop(self) -> None:
        if self._cluster is not None:
            self._cluster.stop()


class RealCluster:
    """The control plane and Flux of the test bed; agents act under the role that their chart gives them."""

    notice = "demo cluster: real Flux, pods are played"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environments: Sequence[str] = ()
        self._cluster: Cluster | None = None

    def start(self, gitops_url: str, environments: Sequence[str]) -> None:
        from infra.testbed.cluster import Cluster

        self._cluster = Cluster(self._folder)
        self._cluster.up()
        for name in environments:
            self._cluster.api.apply_text(_flux_objects(name, gitops_url))
            self._cluster.api.apply_text(_role(name))
        self._environments = environments

    def kubeconfig(self, environment: str) -> Path:
        path = self._folder / f"agent-{environment}.kubeconfig"
        return self._up().service_account_kubeconfig(AGENT_NAMESPACE, _account(environment), path)

    def pushed(self) -> None:
        threading.Thread(target=self._request_reconcile, name="flux-receiver", daemon=True).start()

    def _request_reconcile(self) -> None:
        asked = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": datetime.now(UTC).isoformat()}}}
        for name in self._environments:
            self._up().api.patch(*_SOURCE, f"gitops-{name}", f"gimlet-{name}", asked)

    def stop(self) -> None:
        if self._cluster is not None:
            self._cluster.down()

    def _up(self) -> Cluster:
        if self._cluster is None:
            raise RuntimeError("the cluster was not started")
        return self._cluster


def _account(environment: str) -> str:
    return f"gimlet-agent-{environment}"


def _role(environment: str) -> str:
    """The agent chart's own role, bound to an account of the environment."""
    account = _account(environment)
    text = _ROLE.read_text()
    for expression, value in {
        "{{ .Values.serviceAccount.name | default .Release.Name }}": account,
        "{{ .Release.Name }}": account,
        "{{ .Release.Namespace }}": AGENT_NAMESPACE,
    }.items():
        text = text.replace(expression, value)
    if "{{" in text:
        raise RuntimeError("the agent chart's role holds an expression that is not known here")
    namespace = f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {AGENT_NAMESPACE}\n---\n"
    return namespace + text


def _flux_objects(environment: str, url: str) -> str:
    """What `connect` would apply."""
    from chalicelib.core.environments import Environment
    from chalicelib.core.flux import connect_files

    files = connect_files(Environment(environment, "", environment, 0, ""), url, "main")
    return "---\n".join(files.values())

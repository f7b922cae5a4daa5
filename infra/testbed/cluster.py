"""A Kubernetes cluster with Flux on loopback.

    with Cluster(state_dir) as cluster:
        cluster.api.apply_text(manifests)

The API server, its controllers, its scheduler, RBAC and Flux are real; the node and its pods are played by kwok, so
there are no containers, probes, volumes or pod network. Ports are found free at each start. The processes die with
us. `state_dir` is kept: `up` again finds the same objects, and `ServiceAccount` tokens go on working.
"""

import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.testbed import components, stages
from infra.testbed.api import KubernetesApi, Object, condition
from infra.testbed.credentials import ADMINISTRATOR, USERS, make_credentials, token_of, write_kubeconfig
from infra.testbed.parts import BY_NAME, CONTROL_PLANE, FLUX, NOTIFICATIONS, folder, missing
from infra.testbed.processes import Child, free_ports, start_child, wait_for
from infra.testbed.sink import EventSink

READY_SECONDS = 90  # some 10 s on free cores; a machine that also compiles takes far longer
NODE = "fake-0"


class PartsMissing(Exception):
    """Some parts were not built; the message says how to build them."""


class Cluster:
    """One cluster, whose things are kept under `state_dir`.

    `events_address` is the URL that Flux' controllers post their events to. Without it they go to
    notification-controller where that was asked for, else they are accepted and forgotten.
    """

    def __init__(self, state_dir: Path | str, *, events_address: str | None = None) -> None:
        self._layout = components.Layout(Path(state_dir).resolve())
        self._events_address = events_address
        self._sink: EventSink | None = None
        self._children: list[Child] = []
        self._ports: components.Ports | None = None
        self._api: KubernetesApi | None = None

    def up(self, *, flux: bool = True, notifications: bool = False) -> Self:
        """Start everything and return when pods can run and, with `flux`, repositories be applied.

        With `notifications`, Flux' Providers and Alerts work too. Nothing happens when it is up already; after
        `down`, the ports are other ones.

        Raises:
            PartsMissing: a part was not built.
            NotReady: a program ended or was not ready in time; the message holds the end of its log.
        """
        if self._children:
            return self
        wanted = (*CONTROL_PLANE, *(FLUX if flux else ()), *(NOTIFICATIONS if notifications else ()))
        if absent := missing(wanted):
            names = " ".join(absent)
            raise PartsMissing(f"not built: {names}. Build with: python -m infra.testbed.build {names}")
        try:
            self._start_control_plane()
            self._start_node()
            if flux or notifications:
                self.api.apply(components.FLUX_NAMESPACE_OBJECT)
            if notifications:
                self._start_notifications()
            if flux:
                self._start_flux()
            self._wait_until_pods_can_run()
        except BaseException:
            self.down()
            raise
        return self

    def down(self) -> None:
        """End every process, newest first; `state_dir` stays. No error when nothing runs."""
        while self._children:
            child = self._children.pop()
            child.stop(gently=child.name == "etcd")  # the others have nothing to save, and wait for open watches
        if self._sink:
            self._sink.stop()
            self._sink = None

    def __enter__(self) -> Self:
        return self.up()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self._layout.kubeconfig(ADMINISTRATOR)

    @property
    def api_url(self) -> str:
        """The API server's URL."""
        return f"https://{components.LOOPBACK}:{self._running_ports().api}"

    @property
    def ca_path(self) -> Path:
        """The certificates (PEM) that the API server is to be trusted by."""
        return self._layout.ca

    @property
    def admin_token(self) -> str:
        """A bearer token that may do everything."""
        return token_of(self._layout, ADMINISTRATOR)

    @property
    def api(self) -> KubernetesApi:
        """The API as the administrator."""
        if self._api is None:
            self._api = KubernetesApi(self.api_url, self.ca_path, self.admin_token)
        return self._api

    @property
    def events_url(self) -> str:
        """Where Flux' controllers post their events."""
        if self._events_address:
            return self._events_address
        if "notification-controller" in self.pids:
            return f"http://{components.LOOPBACK}:{self._running_ports().notification_events}/"
        if self._sink is None:
            raise RuntimeError("nobody listens for events: Flux is not up")
        return self._sink.url

    @property
    def pod_log(self) -> Path:
        """The file that every pod's log is read from; append lines in the CRI format (time, stream, F, text)."""
        return self._layout.pod_log

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each running program."""
        return {child.name: child.pid for child in self._children}

    def log(self, name: str) -> Path:
        """The output of the program called `name`, one of the keys of `pids`."""
        return self._layout.log(name)

    def service_account_kubeconfig(
        self, namespace: str, name: str, path: Path, *, lifetime_seconds: int = 24 * 3600
    ) -> Path:
        """Write to `path` a kubeconfig that acts as a ServiceAccount, under its own roles, and return `path`.

        Raises:
            ApiError: there is no such ServiceAccount.
        """
        request: Object = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": lifetime_seconds},
        }
        answer = self.api.request("POST", f"{self.api.path('v1', 'ServiceAccount', name, namespace)}/token", request)
        return write_kubeconfig(path, self.api_url, self.ca_path, answer["status"]["token"])

    def kubectl(self, *arguments: str) -> str:
        """What `kubectl` prints as the administrator: for people at a prompt, and only where it is installed.

        Raises:
            CalledProcessError: kubectl failed; its words are in `stderr`.
        """
        command = ["kubectl", f"--kubeconfig={self.kubeconfig}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=READY_SECONDS).stdout

    def restart_api_server(self) -> None:
        """Kill the API server and start it again on its port, as when its machine dies.

        Watches break off; a resource version from before may be answered with 410 Gone.
        """
        index = next(index for index, child in enumerate(self._children) if child.name == "apiserver")
        self._children[index].stop(gently=False)
        command = components.api_server(self._layout, self._running_ports())
        self._children[index] = start_child("apiserver", command, self._layout.log("apiserver"))
        self._wait("the API server", self.api.is_ready)

    def _start_control_plane(self) -> None:
        layout = self._layout
        ports = self._ports = components.Ports(*free_ports(components.Ports.count()))
        self._api = None
        self._prepare()
        self._start("etcd", components.etcd(layout, ports))
        self._start("apiserver", components.api_server(layout, ports))
        self._wait("the API server's certificate", lambda: layout.ca.is_file() and layout.ca.stat().st_size > 0)
        for user in USERS:
            write_kubeconfig(layout.kubeconfig(user), self.api_url, self.ca_path, token_of(layout, user))
        self._wait("the API server", self.api.is_ready)
        self._start("controller-manager", components.controller_manager(layout))
        self._start("scheduler", components.scheduler(layout))

    def _start_node(self) -> None:
        self._install_kinds("kwok")
        self.api.apply(*stages.stages(), *stages.load(stages.CONFIGURATION / "node.yaml"))
        self.api.apply(stages.pod_logs(self._layout.pod_log))
        self._start("kwok", components.kwok(self._layout, self._running_ports()))

    def _start_notifications(self) -> None:
        ports = self._running_ports()
        self._install_kinds(*NOTIFICATIONS)
        environment = components.flux_environment(self._layout)
        self._start("notification-controller", components.notification_controller(ports), environment)
        self._wait("notification-controller", lambda: _is_healthy(ports.notification_health))

    def _start_flux(self) -> None:
        if not self._events_address and "notification-controller" not in self.pids:
            self._sink = EventSink()
            self._sink.start()
        ports = self._running_ports()
        environment = components.flux_environment(self._layout)
        self._install_kinds(*FLUX)
        source = components.source_controller(self._layout, ports, self.events_url)
        self._start("source-controller", source, environment)
        self._start("kustomize-controller", components.kustomize_controller(ports, self.events_url), environment)
        self._wait("source-controller", lambda: _is_healthy(ports.source_health))
        self._wait("kustomize-controller", lambda: _is_healthy(ports.kustomize_health))

    def _wait_until_pods_can_run(self) -> None:
        def node_is_ready() -> bool:
            node = self.api.get("v1", "Node", NODE)
            return node is not None and condition(node, "Ready") == "True"

        self._wait("the fake node", node_is_ready)
        self._wait("the default ServiceAccount", lambda: bool(self.api.get("v1", "ServiceAccount", "default")))

    def _install_kinds(self, *parts: str) -> None:
        """Apply the CRDs of `parts` and wait until the server serves their kinds."""
        files = [path for name in parts for path in sorted((folder(BY_NAME[name]) / "crds").glob("*.yaml"))]
        kinds = [item for path in files for item in stages.load(path)]
        self.api.apply(*kinds)
        for item in kinds:
            self._wait(item["metadata"]["name"], partial(self._is_served, item["spec"]))

    def _is_served(self, kind: Object) -> bool:
        versions = [f"{kind['group']}/{version['name']}" for version in kind["versions"] if version["served"]]
        return all(self.api.serves(version, kind["names"]["kind"]) for version in versions)

    def _prepare(self) -> None:
        layout = self._layout
        for directory in (layout.certificates, layout.artifacts, layout.log("any").parent):
            directory.mkdir(parents=True, exist_ok=True)
        make_credentials(layout)
        layout.pod_log.touch()

    def _start(self, name: str, command: Sequence[str], environment: dict[str, str] | None = None) -> None:
        self._children.append(start_child(name, command, self._layout.log(name), environment))

    def _wait(self, what: str, ready: Callable[[], bool]) -> None:
        wait_for(what, ready, timeout_seconds=READY_SECONDS, children=self._children)

    def _running_ports(self) -> components.Ports:
        if self._ports is None:
            raise RuntimeError("the cluster was never up")
        return self._ports


def _is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{components.LOOPBACK}:{port}/readyz", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False

"""How each program of the cluster is called: every flag that matters, with its reason.

Pure: from where things are (`Layout`) and the ports that were found free (`Ports`) to command lines.
"""

from dataclasses import dataclass, fields
from pathlib import Path

from infra.testbed.parts import binary

LOOPBACK = "127.0.0.1"
FLUX_NAMESPACE = "flux-system"
FLUX_NAMESPACE_OBJECT = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": FLUX_NAMESPACE}}
# The audience of ServiceAccount tokens: without a port, so that a token outlives a restart on another one.
ISSUER = "https://testbed.gimlet.test"
CONTROLLERS = (
    "namespace-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "root-ca-certificate-publisher-controller",
    "clusterrole-aggregation-controller",  # fills `view`, which the agent's role builds on
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "daemonset-controller",
    "job-controller",
    "cronjob-controller",
    "ttl-after-finished-controller",
    "garbage-collector-controller",
    "pod-garbage-collector-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "node-lifecycle-controller",
    "disruption-controller",
)
CLIENT_RATE = ("--kube-api-qps=500", "--kube-api-burst=1000")  # the defaults take minutes for a thousand pods


@dataclass(frozen=True, slots=True)
class Ports:
    """The loopback port of each listener."""

    etcd: int
    etcd_peer: int
    api: int
    kwok: int
    artifacts: int
    source_metrics: int
    source_health: int
    kustomize_metrics: int
    kustomize_health: int
    notification_events: int
    notification_receiver: int
    notification_metrics: int
    notification_health: int

    @classmethod
    def count(cls) -> int:
        """How many there are."""
        return len(fields(cls))


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a cluster keeps its things, all under `root`."""

    root: Path

    @property
    def certificates(self) -> Path:
        """The API server makes its own certificate here."""
        return self.root / "certificates"

    @property
    def ca(self) -> Path:
        """What clients trust: the API server's certificate and the authority that it made for it."""
        return self.certificates / "apiserver.crt"

    @property
    def signing_key(self) -> Path:
        """Signs ServiceAccount tokens."""
        return self.certificates / "service-accounts.key"

    @property
    def tokens(self) -> Path:
        """The API server's list of users."""
        return self.root / "tokens.csv"

    @property
    def artifacts(self) -> Path:
        """What source-controller has fetched."""
        return self.root / "artifacts"

    @property
    def pod_log(self) -> Path:
        """What every pod's container has said."""
        return self.root / "pod.log"

    def kubeconfig(self, user: str) -> Path:
        """The kubeconfig of a user of the token list."""
        return self.root / f"{user.removeprefix('system:')}.kubeconfig"

    def log(self, name: str) -> Path:
        """What the program called `name` has said."""
        return self.root / "logs" / f"{name}.log"


def etcd(layout: Layout, ports: Ports) -> list[str]:
    """The store of the API server."""
    return [
        *(str(binary("testcluster")), "etcd", f"--data-dir={layout.root / 'etcd'}"),
        f"--client-url=http://{LOOPBACK}:{ports.etcd}",
        f"--peer-url=http://{LOOPBACK}:{ports.etcd_peer}",
    ]


def api_server(layout: Layout, ports: Ports) -> list[str]:
    """The API, with RBAC on, so that the agent runs under its real role."""
    return [
        *(str(binary("testcluster")), "kube-apiserver"),
        f"--etcd-servers=http://{LOOPBACK}:{ports.etcd}",
        *(f"--bind-address={LOOPBACK}", f"--advertise-address={LOOPBACK}", f"--secure-port={ports.api}"),
        "--endpoint-reconciler-type=none",  # a Service may not point at loopback
        f"--cert-dir={layout.certificates}",
        f"--token-auth-file={layout.tokens}",
        "--anonymous-auth=false",
        "--authorization-mode=RBAC",
        f"--service-account-key-file={layout.signing_key}",
        f"--service-account-signing-key-file={layout.signing_key}",
        f"--service-account-issuer={ISSUER}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--allow-privileged=true",
        "--kubelet-preferred-address-types=InternalIP",
        "--profiling=false",
    ]


def controller_manager(layout: Layout) -> list[str]:
    """The controllers that make pods of workloads."""
    return [
        *(str(binary("testcluster")), "kube-controller-manager"),
        f"--kubeconfig={layout.kubeconfig('system:kube-controller-manager')}",
        *("--leader-elect=false", "--secure-port=0", "--use-service-account-credentials=true"),
        f"--service-account-private-key-file={layout.signing_key}",
        f"--root-ca-file={layout.ca}",
        f"--controllers={','.join(CONTROLLERS)}",
        "--concurrent-deployment-syncs=10",
        *CLIENT_RATE,
    ]


def scheduler(layout: Layout) -> list[str]:
    """Gives pods their node."""
    kubeconfig = f"--kubeconfig={layout.kubeconfig('system:kube-scheduler')}"
    return [
        str(binary("testcluster")),
        "kube-scheduler",
        kubeconfig,
        *("--leader-elect=false", "--secure-port=0"),
        *CLIENT_RATE,
    ]


def kwok(layout: Layout, ports: Ports) -> list[str]:
    """Plays the node. Exec stays off: it would run on this machine."""
    return [
        *(str(binary("kwok")), f"--kubeconfig={layout.kubeconfig('kwok')}", "--manage-all-nodes=true"),
        *("--cidr=10.0.0.1/16", f"--node-ip={LOOPBACK}", f"--node-port={ports.kwok}"),
        f"--server-address={LOOPBACK}:{ports.kwok}",
        f"--tls-cert-file={layout.ca}",
        f"--tls-private-key-file={layout.certificates / 'apiserver.key'}",
        "--node-lease-duration-seconds=40",
        "--enable-crds=Stage,Logs,ClusterLogs",
    ]


def flux_environment(layout: Layout) -> dict[str, str]:
    """What Flux' controllers read from their environment out of a cluster."""
    return {"KUBECONFIG": str(layout.kubeconfig("flux")), "RUNTIME_NAMESPACE": FLUX_NAMESPACE}


def source_controller(layout: Layout, ports: Ports, events_url: str) -> list[str]:
    """Fetches Git repositories and serves what it fetched."""
    return [
        str(binary("source-controller")),
        f"--storage-path={layout.artifacts}",
        f"--storage-addr={LOOPBACK}:{ports.artifacts}",
        f"--storage-adv-addr={LOOPBACK}:{ports.artifacts}",
        *_flux_flags(ports.source_metrics, ports.source_health, events_url),
    ]


def kustomize_controller(ports: Ports, events_url: str) -> list[str]:
    """Applies what was fetched."""
    flags = _flux_flags(ports.kustomize_metrics, ports.kustomize_health, events_url)
    return [str(binary("kustomize-controller")), *flags]


def notification_controller(ports: Ports) -> list[str]:
    """Posts events to Providers, as Alerts ask, and takes webhooks at its receiver."""
    return [
        *(str(binary("notification-controller")), *_addresses(ports.notification_metrics, ports.notification_health)),
        f"--events-addr={LOOPBACK}:{ports.notification_events}",
        f"--receiverAddr={LOOPBACK}:{ports.notification_receiver}",
        *CLIENT_RATE,
    ]


def _flux_flags(metrics_port: int, health_port: int, events_url: str) -> list[str]:
    return [
        *_addresses(metrics_port, health_port),
        f"--events-addr={events_url}",
        "--concurrent=20",
        "--requeue-dependency=2s",  # 30 s by default: a test would wait for a source that was late
        *("--min-retry-delay=500ms", "--max-retry-delay=10s"),  # 15 minutes by default
        "--interval-jitter-percentage=0",
        *CLIENT_RATE,
    ]


def _addresses(metrics_port: int, health_port: int) -> list[str]:
    return [f"--metrics-addr={LOOPBACK}:{metrics_port}", f"--health-addr={LOOPBACK}:{health_port}"]

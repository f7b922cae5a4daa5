"""The kinds that are watched: one row each, and nothing else is ever asked of the cluster. No Secrets.

The chart's ClusterRole (`agent/chart`) allows exactly these; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from agent import objects
from agent.objects import Thing


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind, where its objects are listed, and how one becomes a thing.

    `metadata_only` asks the API for `PartialObjectMetadata`, about half the bytes; a server that does not know it
    answers whole objects, and those parse too.
    """

    name: str
    group: str  # "" is the core group
    version: str
    plural: str
    parse: Callable[[bytes | msgspec.Raw], Thing]
    metadata_only: bool = False
    field_selector: str = ""

    @property
    def path(self) -> str:
        """Path of the list over all namespaces."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return f"{root}/{self.plural}"


KINDS = (
    Kind("Kustomization", "kustomize.toolkit.fluxcd.io", "v1", "kustomizations", objects.parse_kustomization),
    Kind("GitRepository", "source.toolkit.fluxcd.io", "v1", "gitrepositories", objects.parse_git_repository),
    Kind("Service", "", "v1", "services", objects.parse_service),
    Kind("Deployment", "apps", "v1", "deployments", objects.parse_deployment),
    Kind("StatefulSet", "apps", "v1", "statefulsets", objects.parse_stateful_set),
    Kind("DaemonSet", "apps", "v1", "daemonsets", objects.parse_daemon_set),
    Kind("ReplicaSet", "apps", "v1", "replicasets", objects.parse_replica_set, metadata_only=True),
    Kind("Pod", "", "v1", "pods", objects.parse_pod),
    Kind("Event", "", "v1", "events", objects.parse_event, field_selector="type=Warning"),
)

"""Pieces of Kubernetes objects as they come over the API: decoded for what is wanted, the rest is never made."""

from __future__ import annotations

import msgspec

from chalicelib.wire.bodies import Condition

MAX_TEXT = 256


class RawOwner(msgspec.Struct):
    """One owner reference."""

    kind: str = ""
    name: str = ""
    controller: bool = False


class RawMeta(msgspec.Struct, rename="camel"):
    """Metadata. Annotations are read here and sifted at once."""

    name: str = ""
    namespace: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[RawOwner] | None = None
    generation: int | None = None
    resource_version: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None


class RawCondition(msgspec.Struct, rename="camel"):
    """A status condition."""

    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None
    last_transition_time: str | None = None

    def body(self) -> Condition:
        """As documents show it, text cut."""
        message = (self.message or "")[:MAX_TEXT]
        return Condition(type=self.type, status=self.status, reason=self.reason or "", message=message)


class RawTemplate(msgspec.Struct, rename="camel"):
    """A pod template."""

    metadata: RawMeta | None = None
    spec: RawPodSpec | None = None


class RawContainer(msgspec.Struct):
    """A container of a template: its image and never its environment."""

    image: str = ""


class RawPodSpec(msgspec.Struct, rename="camel"):
    """Containers of a template."""

    containers: list[RawContainer] | None = None


class RawWorkloadSpec(msgspec.Struct, rename="camel"):
    """Spec of a workload."""

    replicas: int | None = None
    paused: bool = False
    template: RawTemplate | None = None


class RawWorkloadStatus(msgspec.Struct, rename="camel"):
    """Status of a Deployment, StatefulSet or DaemonSet."""

    observed_generation: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    desired_number_scheduled: int = 0
    updated_number_scheduled: int = 0
    number_ready: int = 0
    number_available: int = 0
    conditions: list[RawCondition] | None = None


class RawWorkload(msgspec.Struct):
    """A Deployment, StatefulSet or DaemonSet."""

    metadata: RawMeta
    spec: RawWorkloadSpec = msgspec.field(default_factory=RawWorkloadSpec)
    status: RawWorkloadStatus = msgspec.field(default_factory=RawWorkloadStatus)


class RawAny(msgspec.Struct):
    """Any object: metadata only."""

    metadata: RawMeta


class RawPort(msgspec.Struct):
    """A port of a Service."""

    port: int = 0


class RawServiceSpec(msgspec.Struct):
    """Spec of a Service."""

    ports: list[RawPort] | None = None
    selector: dict[str, str] | None = None


class RawService(msgspec.Struct):
    """A Service."""

    metadata: RawMeta
    spec: RawServiceSpec = msgspec.field(default_factory=RawServiceSpec)


class RawFluxSpec(msgspec.Struct):
    """Spec of a Flux object."""

    suspend: bool = False


class RawArtifact(msgspec.Struct, rename="camel"):
    """What a source has fetched."""

    revision: str = ""


class RawFluxStatus(msgspec.Struct, rename="camel"):
    """Status of a Flux object."""

    conditions: list[RawCondition] | None = None
    last_attempted_revision: str = ""
    last_applied_revision: str = ""
    artifact: RawArtifact | None = None


class RawFlux(msgspec.Struct):
    """A Flux object."""

    metadata: RawMeta
    spec: RawFluxSpec = msgspec.field(default_factory=RawFluxSpec)
    status: RawFluxStatus = msgspec.field(default_factory=RawFluxStatus)


class RawInvolved(msgspec.Struct):
    """What an event is about."""

    kind: str = ""
    namespace: str = ""
    name: str = ""


class RawSeries(msgspec.Struct, rename="camel"):
    """How often, in the newer shape of events."""

    count: int = 0
    last_observed_time: str | None = None


class RawEvent(msgspec.Struct, rename="camel"):
    """An event."""

    metadata: RawMeta
    involved_object: RawInvolved = msgspec.field(default_factory=RawInvolved)
    reason: str | None = None
    message: str | None = None
    count: int | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    series: RawSeries | None = None

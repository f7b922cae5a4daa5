"""What is kept of a Kubernetes object: a chosen list of fields in flat, small structs.

JSON is decoded straight into the structs of `agent.raw`, which name only what is wanted, so that nothing else
(container environments, other annotations, `last-applied-configuration`) becomes an object of ours, let alone leaves.
Sources: Kubernetes API reference v1.36; Flux kustomize.toolkit.fluxcd.io/v1, source.toolkit.fluxcd.io/v1.
"""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern
from typing import Any

import msgspec

from agent.pods import RawPod, pod_body
from agent.raw import (
    RawAny,
    RawCondition,
    RawEvent,
    RawFlux,
    RawMeta,
    RawPodSpec,
    RawSeries,
    RawService,
    RawTemplate,
    RawWorkload,
)
from chalicelib.wire.bodies import Condition, FluxObject, Pod, WarningEvent, Workload

Ref = tuple[str, str, str]  # kind, namespace, name

KUSTOMIZE_NAME = "kustomize.toolkit.fluxcd.io/name"
KUSTOMIZE_NAMESPACE = "kustomize.toolkit.fluxcd.io/namespace"
OUR_ANNOTATIONS = ("gimlet.io/", "v1alpha1.opensca.dev/")
MAX_TEXT = 256


class Thing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Any object: where it is, who controls it, and which Kustomization (namespace, name) applied it."""

    ref: Ref
    owner: Ref | None = None
    applied_by: tuple[str, str] | None = None

    def lineage(self) -> object:
        """What decides whose object it is; when this changes, it and all below it may change hands."""
        return (self.owner, self.applied_by)


class PodThing(Thing, frozen=True, kw_only=True, gc=False):
    """A pod; `body.workload` is filled in when its owner chain is known."""

    body: Pod


class WorkloadThing(Thing, frozen=True, kw_only=True, gc=False):
    """A Deployment, StatefulSet or DaemonSet, with the labels that its pods will carry."""

    body: Workload
    pod_labels: dict[str, str] = {}
    notes: dict[str, str] = {}  # our annotations

    def lineage(self) -> object:
        """Pod labels too: a Service finds its workloads by them."""
        return (self.owner, self.applied_by, self.pod_labels)


class ServiceThing(Thing, frozen=True, kw_only=True, gc=False):
    """A Service; with our annotations it claims the workloads behind its selector."""

    ports: list[int] = []
    selector: dict[str, str] = {}
    notes: dict[str, str] = {}

    def lineage(self) -> object:
        """Selector and annotations too: they say whose the workloads are."""
        return (self.owner, self.applied_by, self.selector, self.notes)


class FluxThing(Thing, frozen=True, kw_only=True, gc=False):
    """A Flux object. `environment` and `app` are its labels."""

    body: FluxObject
    environment: str = ""
    app: str = ""

    def lineage(self) -> object:
        """Labels too: a Kustomization's labels say whose everything is that it applied."""
        return (self.owner, self.applied_by, self.environment, self.app)


class EventThing(Thing, frozen=True, kw_only=True, gc=False):
    """A warning, owned by the object it is about."""

    body: WarningEvent


# ---- parsers: raw JSON → thing


_POD = msgspec.json.Decoder(RawPod)
_WORKLOAD = msgspec.json.Decoder(RawWorkload)
_ANY = msgspec.json.Decoder(RawAny)
_SERVICE = msgspec.json.Decoder(RawService)
_FLUX = msgspec.json.Decoder(RawFlux)
_EVENT = msgspec.json.Decoder(RawEvent)


def parse_pod(data: bytes | msgspec.Raw) -> Thing:
    """A pod with its state word."""
    raw = _POD.decode(data)
    return PodThing(**_common("Pod", raw.metadata), body=pod_body(raw))


def parse_replica_set(data: bytes | msgspec.Raw) -> Thing:
    """A ReplicaSet: a link of the owner chain and nothing more."""
    return Thing(**_common("ReplicaSet", _ANY.decode(data).metadata))


def parse_deployment(data: bytes | msgspec.Raw) -> Thing:
    """A Deployment in numbers."""
    raw = _WORKLOAD.decode(data)
    status = raw.status
    numbers = (status.updated_replicas, status.ready_replicas, status.available_replicas)
    return _workload("Deployment", raw, 1 if raw.spec.replicas is None else raw.spec.replicas, numbers)


def parse_stateful_set(data: bytes | msgspec.Raw) -> Thing:
    """A StatefulSet in numbers."""
    raw = _WORKLOAD.decode(data)
    status = raw.status
    numbers = (status.updated_replicas, status.ready_replicas, status.available_replicas)
    return _workload("StatefulSet", raw, 1 if raw.spec.replicas is None else raw.spec.replicas, numbers)


def parse_daemon_set(data: bytes | msgspec.Raw) -> Thing:
    """A DaemonSet in numbers; how many are wanted is for its controller to say."""
    raw = _WORKLOAD.decode(data)
    status = raw.status
    numbers = (status.updated_number_scheduled, status.number_ready, status.number_available)
    return _workload("DaemonSet", raw, status.desired_number_scheduled, numbers)


def parse_service(data: bytes | msgspec.Raw) -> Thing:
    """A Service with its ports, its selector and our annotations."""
    raw = _SERVICE.decode(data)
    return ServiceThing(
        **_common("Service", raw.metadata),
        ports=[port.port for port in raw.spec.ports or []],
        selector=_interned(raw.spec.selector),
        notes=_notes(raw.metadata.annotations),
    )


def parse_kustomization(data: bytes | msgspec.Raw) -> Thing:
    """A Flux Kustomization."""
    raw = _FLUX.decode(data)
    return _flux("Kustomization", raw, raw.status.last_attempted_revision, raw.status.last_applied_revision)


def parse_git_repository(data: bytes | msgspec.Raw) -> Thing:
    """A Flux GitRepository; what it has fetched stands as its applied revision."""
    raw = _FLUX.decode(data)
    revision = raw.status.artifact.revision if raw.status.artifact else ""
    return _flux("GitRepository", raw, revision, revision)


def parse_event(data: bytes | msgspec.Raw) -> Thing:
    """A warning event, in either of its two shapes (core/v1 counts, events.k8s.io series)."""
    raw = _EVENT.decode(data)
    about, series = raw.involved_object, raw.series or RawSeries()
    ref = (intern(about.kind), intern(about.namespace), about.name)
    body = WarningEvent(
        object=f"{about.kind}/{about.name}",
        reason=intern((raw.reason or "")[:80]),
        message=(raw.message or "")[:MAX_TEXT],
        count=max(raw.count or 1, series.count),
        last_at=raw.last_timestamp or series.last_observed_time or raw.event_time or "",
    )
    return EventThing(ref=("Event", intern(raw.metadata.namespace), raw.metadata.name), owner=ref, body=body)


def _workload(kind: str, raw: RawWorkload, wanted: int, numbers: tuple[int, int, int]) -> Thing:
    template = raw.spec.template or RawTemplate()
    pod_meta = template.metadata or RawMeta(name="")
    notes = _notes(raw.metadata.annotations)
    body = Workload(
        kind=kind,
        namespace=intern(raw.metadata.namespace),
        name=raw.metadata.name,
        wanted=wanted,
        updated=numbers[0],
        ready=numbers[1],
        available=numbers[2],
        images=[container.image[:MAX_TEXT] for container in (template.spec or RawPodSpec()).containers or []][:10],
        git_sha=notes.get("gimlet.io/git-sha") or _notes(pod_meta.annotations).get("gimlet.io/git-sha", ""),
        settled=raw.status.observed_generation >= (raw.metadata.generation or 0),
        suspended=raw.spec.paused,
        conditions=[condition.body() for condition in raw.status.conditions or [] if not _is_fine(condition)],
    )
    return WorkloadThing(**_common(kind, raw.metadata), body=body, pod_labels=_interned(pod_meta.labels), notes=notes)


def _is_fine(condition: RawCondition) -> bool:
    return (condition.status == "True") is (condition.type != "ReplicaFailure")


def _flux(kind: str, raw: RawFlux, attempted: str, applied: str) -> Thing:
    labels = raw.metadata.labels or {}
    ready = next((each.body() for each in raw.status.conditions or [] if each.type == "Ready"), _UNKNOWN)
    busy = (each for each in raw.status.conditions or [] if each.type == "Reconciling" and each.status == "True")
    since = next((each.last_transition_time for each in raw.status.conditions or [] if each.type == "Ready"), None)
    body = FluxObject(
        kind=kind,
        namespace=intern(raw.metadata.namespace),
        name=raw.metadata.name,
        app=labels.get("gimlet.io/app", ""),
        ready=ready.status,
        reason=ready.reason,
        message=ready.message,
        reconciling=next(((each.message or each.reason or "")[:MAX_TEXT] for each in busy), ""),
        last_attempted=attempted,
        last_applied=applied,
        suspended=raw.spec.suspend,
        since=since or "",
    )
    environment = labels.get("gimlet.io/environment", "")
    return FluxThing(**_common(kind, raw.metadata), body=body, environment=environment, app=body.app)


_UNKNOWN = Condition(type="Ready", status="Unknown")


def _common(kind: str, meta: RawMeta) -> dict[str, Any]:
    namespace = intern(meta.namespace)
    labels = meta.labels or {}
    applied_by = None
    if KUSTOMIZE_NAME in labels:
        applied_by = (intern(labels.get(KUSTOMIZE_NAMESPACE, meta.namespace)), intern(labels[KUSTOMIZE_NAME]))
    owner = next((each for each in meta.owner_references or [] if each.controller), None)
    chain = (intern(owner.kind), namespace, intern(owner.name)) if owner else None
    return {"ref": (intern(kind), namespace, meta.name), "owner": chain, "applied_by": applied_by}


def _notes(annotations: Mapping[str, str] | None) -> dict[str, str]:
    return {intern(key): value for key, value in (annotations or {}).items() if key.startswith(OUR_ANNOTATIONS)}


def _interned(labels: Mapping[str, str] | None) -> dict[str, str]:
    return {intern(key): intern(value) for key, value in (labels or {}).items()}

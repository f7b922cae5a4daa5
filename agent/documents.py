"""The bodies of an environment's documents, made from the inventory when they are about to be sent.

Each keeps its own size limit by cutting lists and texts, and says what it cut. Only chosen fields get here at all
(`agent.objects`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from agent.inventory import Inventory, pods_in
from agent.objects import EventThing, FluxThing, PodThing, Ref, ServiceThing, Thing, WorkloadThing
from agent.pods import FINE, STARTING
from chalicelib.wire.bodies import App, Cluster, Events, FluxObject, Namespace, Pod, Service
from chalicelib.wire.codec import size_bytes

MAX_APP_BYTES = 24 * 1024
MAX_POD_BYTES = 600
WORST_PODS = 5
NEWEST_WARNINGS = 10
MAX_STATES = 12
SLOW = (*STARTING, "Pending", "NotReady")
GIT_SHA = "gimlet.io/git-sha"
OPENSCA = "v1alpha1.opensca.dev/"

Body = App | Pod | Events | FluxObject | Namespace | Cluster


class Documents:
    """Builds the document of a key. `kubernetes_version` is told on the document of the cluster."""

    def __init__(self, inventory: Inventory, kubernetes_version: str = "") -> None:
        self._inventory = inventory
        self.kubernetes_version = kubernetes_version
        self._builders: Mapping[str, Callable[[list[str]], Body | None]] = {
            "app": lambda rest: self.app(rest[0]),
            "pod": lambda rest: self.pod(rest[0], ("Pod", rest[1], rest[2])),
            "events": lambda rest: self.events(rest[0]),
            "flux": lambda rest: self.flux((rest[0], rest[1], rest[2])),
            "namespace": lambda rest: self.namespace(rest[0]),
            "cluster": lambda _: self.cluster(),
        }

    def build(self, key: str) -> Body | None:
        """The body as things are now; none when there is no such document any more."""
        kind, *rest = key.split("/")
        return self._builders[kind](rest)

    def app(self, name: str) -> App | None:
        """`app/<app>`."""
        things = self._inventory.members(name)
        shown = [thing for thing in things if not isinstance(thing, EventThing)]
        if not shown:
            return None
        workloads = [thing for thing in shown if isinstance(thing, WorkloadThing)]
        services = [thing for thing in shown if isinstance(thing, ServiceThing)]
        notes = merged_notes([*services, *workloads])
        appliers = [thing.body for thing in shown if isinstance(thing, FluxThing) and thing.ref[0] == "Kustomization"]
        pods = pods_in(shown)
        body = App(
            app=name,
            repository=notes.get("gimlet.io/git-repository", ""),
            commit=next((each.body.git_sha for each in workloads if each.body.git_sha), notes.get(GIT_SHA, "")),
            workloads=[each.body for each in workloads],
            services=[Service(namespace=each.ref[1], name=each.ref[2], ports=each.ports[:20]) for each in services],
            links=links_of(notes),
            owner=notes.get(f"{OPENSCA}owner.name", "")[:120],
            kustomization=appliers[0] if appliers else None,
            pods=self.worst(pods),
            pod_states=states_of(pods),
        )
        return fitted(body)

    def worst(self, pods: Iterable[PodThing]) -> list[Pod]:
        """The five pods most worth a look, none that is fine."""
        bad = sorted((pod for pod in pods if is_bad(pod.body)), key=badness)
        return [self.shown(pod) for pod in bad[:WORST_PODS]]

    def pod(self, app: str, ref: Ref) -> Pod | None:
        """`pod/<app or ->/<namespace>/<name>`."""
        thing = self._inventory.things.get(ref)
        if not isinstance(thing, PodThing) or self._inventory.app_of(ref) != app:
            return None
        return self.shown(thing)

    def shown(self, thing: PodThing) -> Pod:
        """A pod with its workload named, cut to its limit."""
        body = msgspec.structs.replace(thing.body, workload=self._inventory.workload_of(thing))
        excess = size_bytes(body) - MAX_POD_BYTES
        while excess > 0 and body.message:
            body = msgspec.structs.replace(body, message=body.message[: max(0, len(body.message) - excess)])
            excess = size_bytes(body) - MAX_POD_BYTES
        return body

    def events(self, app: str) -> Events | None:
        """`events/<app>`: the newest warnings."""
        warnings = [thing.body for thing in self._inventory.members(app) if isinstance(thing, EventThing)]
        newest = sorted(warnings, key=lambda each: (each.last_at, each.object), reverse=True)[:NEWEST_WARNINGS]
        return Events(app=app, warnings=newest) if newest else None

    def flux(self, ref: Ref) -> FluxObject | None:
        """`flux/<kind>/<namespace>/<name>`."""
        thing = self._inventory.things.get(ref)
        return thing.body if isinstance(thing, FluxThing) and self._inventory.app_of(ref) else None

    def namespace(self, name: str) -> Namespace | None:
        """`namespace/<ns>`: what no app owns, in counts."""
        things = [thing for thing in self._inventory.loose(name) if thing.ref[0] not in ("ReplicaSet", "Event")]
        if not things:
            return None
        pods = pods_in(things)
        workloads = sum(isinstance(thing, WorkloadThing) for thing in things)
        return Namespace(namespace=name, pods=len(pods), pod_states=states_of(pods), workloads=workloads)

    def cluster(self) -> Cluster:
        """`cluster`."""
        return Cluster(kubernetes_version=self.kubernetes_version, missing_kinds=sorted(self._inventory.missing))


def shape_of(body: Body) -> Body:
    """The body without what is only a count: bodies of one shape differ in numbers alone."""
    if isinstance(body, App):
        zero = {"wanted": 0, "updated": 0, "ready": 0, "available": 0}
        workloads = [msgspec.structs.replace(each, **zero) for each in body.workloads]
        pods = [msgspec.structs.replace(each, restarts=0) for each in body.pods]
        return msgspec.structs.replace(body, workloads=workloads, pods=pods, pod_states={})
    if isinstance(body, Namespace):
        return msgspec.structs.replace(body, pods=0, pod_states={}, workloads=0)
    if isinstance(body, Events):
        warnings = [msgspec.structs.replace(each, count=1, last_at="") for each in body.warnings]
        return msgspec.structs.replace(body, warnings=sorted(warnings, key=lambda each: (each.object, each.reason)))
    return body


def is_bad(pod: Pod) -> bool:
    """True for what is worth a look: neither ready nor on an ordinary way out."""
    return not pod.ready and pod.state not in FINE


def badness(pod: PodThing) -> tuple[Any, ...]:
    """Order of the worst pods: trouble before slowness, then restarts; steady, so that lists do not flicker."""
    return (pod.body.state in SLOW, -pod.body.restarts, pod.ref)


def states_of(pods: Iterable[PodThing]) -> dict[str, int]:
    """How many pods are in each state."""
    counts = Counter("Ready" if pod.body.ready else pod.body.state for pod in pods)
    return dict(sorted(counts.most_common(MAX_STATES)))


def merged_notes(things: Iterable[Thing]) -> dict[str, str]:
    """Our annotations of all these; the first to say something is believed."""
    merged: dict[str, str] = {}
    for thing in things:
        if isinstance(thing, WorkloadThing | ServiceThing):
            merged = {**thing.notes, **merged}
    return merged


def links_of(notes: Mapping[str, str]) -> dict[str, str]:
    """OpenSCA links by name (`documentation`, `logs`, …); only addresses a browser may follow."""
    named = {key.removeprefix(OPENSCA).removesuffix(".url"): value for key, value in notes.items() if is_link(key)}
    return {name: url[:500] for name, url in sorted(named.items())[:20] if url.startswith(("https://", "http://"))}


def is_link(key: str) -> bool:
    """True for annotations that hold an address."""
    return key.startswith(OPENSCA) and key.endswith(".url")


def fitted(body: App) -> App:
    """The app document within its limit: long lists lose their ends, and `more` says how many."""
    more: dict[str, int] = {}
    while size_bytes(body) > MAX_APP_BYTES:
        lists = {name: getattr(body, name) for name in ("workloads", "services", "jobs", "urls", "pods")}
        longest = max(lists, key=lambda name: size_bytes(lists[name]))
        kept = lists[longest][: len(lists[longest]) * 3 // 4]
        if len(kept) == len(lists[longest]):
            break
        more[longest] = more.get(longest, 0) + len(lists[longest]) - len(kept)
        body = msgspec.structs.replace(body, **{longest: kept}, more=dict(more))
    return body

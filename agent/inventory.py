"""All things in view, and whose each one is (`docs/live.md`, Which app owns an object).

Knows nothing of sockets, clocks or documents' bodies; it tells which documents' keys were touched. Ownership is kept
up by following the owner chain down from what changed, so that one pod's change costs one pod's work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from agent.objects import EventThing, FluxThing, PodThing, Ref, ServiceThing, Thing, WorkloadThing

LOOSE = "-"  # what no app owns
LEFT_OUT = ""  # what another environment owns
ALL_APPS = "*"  # an adopted Kustomization that serves more than one app
MAX_CHAIN = 8
MAX_EVENTS = 2000  # warnings kept, the oldest go first: a cluster on fire must not fill our memory
APP_NAME = re.compile(r"[A-Za-z0-9._:-]{1,253}")
APP_ANNOTATIONS = ("gimlet.io/git-repository", "gimlet.io/app")


class Inventory:
    """Things by reference, their owners, and the keys touched since they were last taken."""

    def __init__(self, kinds: Iterable[str]) -> None:
        self.environment = ""
        self.things: dict[Ref, Thing] = {}
        self.missing: dict[str, str] = {}  # kind → why it can't be seen
        self._adopted: Mapping[str, str] = {}
        self._awaited = set(kinds)
        self._children: dict[Ref, dict[Ref, None]] = {}
        self._app_of: dict[Ref, str] = {}
        self._members: dict[str, dict[Ref, None]] = {}
        self._loose: dict[str, dict[Ref, None]] = {}
        self._workloads: dict[str, dict[Ref, None]] = {}
        self._claims: dict[str, dict[Ref, ServiceThing]] = {}
        self._events: dict[Ref, None] = {}
        self._touched: dict[str, None] = {}

    # ---- what the watchers say

    def apply(self, changes: Iterable[tuple[Ref, Thing | None]]) -> None:
        """Take in things as they are now; none: it is gone."""
        for ref, thing in changes:
            known = self.things.get(ref)
            if known == thing:
                continue
            if thing is None:
                self._remove(ref)
            else:
                self._put(thing, known)

    def keep_only(self, kind: str, refs: set[Ref]) -> None:
        """A complete list of a kind: what is not in it is gone, and the kind is no longer awaited."""
        for ref in [ref for ref in self.things if ref[0] == kind and ref not in refs]:
            self._remove(ref)
        self._settle(kind, "")

    def lose_kind(self, kind: str, why: str) -> None:
        """The kind is not served or not allowed: nothing of it is known, and nobody waits for it."""
        for ref in [ref for ref in self.things if ref[0] == kind]:
            self._remove(ref)
        self._settle(kind, why)

    @property
    def complete(self) -> bool:
        """True once every kind was listed or found missing: before that, documents would be wrong."""
        return not self._awaited

    @property
    def awaited(self) -> list[str]:
        """Kinds not seen yet."""
        return sorted(self._awaited)

    def _settle(self, kind: str, why: str) -> None:
        self._awaited.discard(kind)
        if self.missing.get(kind, "") != why:
            self.missing = {name: text for name, text in {**self.missing, kind: why}.items() if text}
            self._touched["cluster"] = None

    # ---- what the welcome says

    def set_scope(self, environment: str, adopted: Mapping[str, str]) -> None:
        """Whose agent this is. Ownership of everything is decided anew when it differs."""
        if (environment, adopted) == (self.environment, self._adopted):
            return
        self.environment, self._adopted = environment, dict(adopted)
        self._touched["cluster"] = None
        self._decide_all()

    # ---- what documents are made of

    def members(self, app: str) -> list[Thing]:
        """Everything an app owns, in order of reference."""
        return [self.things[ref] for ref in sorted(self._members.get(app, ()))]

    def loose(self, namespace: str) -> list[Thing]:
        """Everything in a namespace that no app owns."""
        return [self.things[ref] for ref in self._loose.get(namespace, ())]

    def app_of(self, ref: Ref) -> str:
        """The owning app, `LOOSE`, or `LEFT_OUT` (also for what is not known)."""
        return self._app_of.get(ref, LEFT_OUT)

    def workload_of(self, thing: Thing) -> str:
        """The head of the owner chain as `Kind/name`, also when it is of a kind that is not watched."""
        head = self._chain(thing)[-1]
        kind, _, name = head.owner or head.ref
        return "" if head.ref == thing.ref and head.owner is None else f"{kind}/{name}"

    def take_touched(self) -> list[str]:
        """Keys of documents that may differ since this was last asked."""
        touched, self._touched = list(self._touched), {}
        return touched

    def all_keys(self) -> list[str]:
        """The keys of all documents that exist."""
        keys: dict[str, None] = {"cluster": None}
        for ref, app in self._app_of.items():
            keys.update(dict.fromkeys(keys_of(ref, app)))
        return list(keys)

    # ---- keeping ownership

    def _put(self, thing: Thing, known: Thing | None) -> None:
        self.things[thing.ref] = thing
        if known is None or known.owner != thing.owner:
            self._link(thing, known)
        if isinstance(thing, EventThing) and known is None:
            self._make_room(thing.ref)
        if known is None or known.lineage() != thing.lineage():
            self._index(thing)
            self._decide_below(thing.ref)
            self._decide_claimed(thing, known)
        self._touch(thing.ref, self.app_of(thing.ref))

    def _remove(self, ref: Ref) -> None:
        thing = self.things.pop(ref, None)
        if thing is None:
            return
        self._touch(ref, self.app_of(ref))
        self._move(ref, LEFT_OUT)
        self._app_of.pop(ref, None)
        self._unlink(thing)
        self._workloads.get(ref[1], {}).pop(ref, None)
        self._claims.get(ref[1], {}).pop(ref, None)
        self._events.pop(ref, None)
        for child in list(self._children.get(ref, ())):
            self._decide_below(child)
        self._decide_claimed(thing, None)

    def _link(self, thing: Thing, known: Thing | None) -> None:
        if known is not None:
            self._unlink(known)
        if thing.owner is not None:
            self._children.setdefault(thing.owner, {})[thing.ref] = None

    def _unlink(self, thing: Thing) -> None:
        siblings = self._children.get(thing.owner, {}) if thing.owner else {}
        siblings.pop(thing.ref, None)
        if thing.owner and not siblings:
            self._children.pop(thing.owner, None)

    def _index(self, thing: Thing) -> None:
        namespace = thing.ref[1]
        if isinstance(thing, WorkloadThing):
            self._workloads.setdefault(namespace, {})[thing.ref] = None
        if isinstance(thing, ServiceThing):
            claims = self._claims.setdefault(namespace, {})
            claims.pop(thing.ref, None)
            if thing.selector and all(thing.notes.get(name) for name in APP_ANNOTATIONS):
                claims[thing.ref] = thing

    def _make_room(self, ref: Ref) -> None:
        self._events[ref] = None
        if len(self._events) > MAX_EVENTS:
            self._remove(next(iter(self._events)))

    def _decide_all(self) -> None:
        for ref in list(self.things):
            self._decide(ref)

    def _decide_claimed(self, thing: Thing, known: Thing | None) -> None:
        """Those that a Service or a Kustomization speaks for, when what it says has changed."""
        if isinstance(thing, FluxThing) and thing.ref[0] == "Kustomization":
            self._decide_all()
        if isinstance(thing, ServiceThing) and (thing.notes or (isinstance(known, ServiceThing) and known.notes)):
            for ref in list(self._workloads.get(thing.ref[1], ())):
                self._decide_below(ref)

    def _decide_below(self, ref: Ref) -> None:
        """The thing and all under it in owner chains."""
        self._decide(ref)
        for child in list(self._children.get(ref, ())):
            self._decide_below(child)

    def _decide(self, ref: Ref) -> None:
        thing = self.things.get(ref)
        if not self.environment or thing is None:
            return
        app = self._owner_of(thing)
        if self._app_of.get(ref) != app:
            self._touch(ref, self.app_of(ref))
            self._move(ref, app)
            self._touch(ref, app)

    def _move(self, ref: Ref, app: str) -> None:
        before = self._app_of.get(ref, LEFT_OUT)
        home = self._loose.get(ref[1], {}) if before == LOOSE else self._members.get(before, {})
        home.pop(ref, None)
        self._app_of[ref] = app
        if app == LOOSE:
            self._loose.setdefault(ref[1], {})[ref] = None
        elif app != LEFT_OUT:
            self._members.setdefault(app, {})[ref] = None

    def _touch(self, ref: Ref, app: str) -> None:
        self._touched.update(dict.fromkeys(keys_of(ref, app)))

    # ---- the rules

    def _owner_of(self, thing: Thing) -> str:
        chain = self._chain(thing)
        for each in (thing, chain[-1]):
            app = self._by_kustomization(each)
            if app is not None:
                return app
        return self._by_annotation(chain[-1])

    def _by_kustomization(self, thing: Thing) -> str | None:
        """By the labels of the Kustomization that applied it (or that it is); none: the next rule decides."""
        if isinstance(thing, FluxThing) and thing.environment:
            return self._by_labels(thing)
        if thing.applied_by is None:
            return None
        namespace, name = thing.applied_by
        applier = self.things.get(("Kustomization", namespace, name))
        if isinstance(applier, FluxThing) and applier.environment:
            return self._by_labels(applier)
        adopted = self._adopted.get(f"{namespace}/{name}", ALL_APPS)
        return None if adopted == ALL_APPS else app_named(adopted)

    def _by_labels(self, applier: FluxThing) -> str | None:
        if applier.environment != self.environment:
            return LEFT_OUT
        return app_named(applier.app)

    def _by_annotation(self, head: Thing) -> str:
        """By an annotated Service: itself, or the workloads whose pods it selects."""
        claims = self._claims.get(head.ref[1], {})
        if head.ref in claims:
            return app_named(claims[head.ref].notes["gimlet.io/app"]) or LOOSE
        if isinstance(head, WorkloadThing):
            for ref in sorted(claims):
                if claims[ref].selector.items() <= head.pod_labels.items():
                    return app_named(claims[ref].notes["gimlet.io/app"]) or LOOSE
        return LOOSE

    def _chain(self, thing: Thing) -> list[Thing]:
        """The thing, its controller, the controller's controller, … as far as they are known."""
        chain = [thing]
        while len(chain) < MAX_CHAIN and chain[-1].owner is not None:
            owner = self.things.get(chain[-1].owner)
            if owner is None:
                break
            chain.append(owner)
        return chain


def app_named(name: str) -> str | None:
    """The name when it can be one: people write annotations and labels, and keys are made of it."""
    return name if name != LOOSE and APP_NAME.fullmatch(name) else None


def keys_of(ref: Ref, app: str) -> Iterator[str]:
    """Keys of the documents in which a thing is told of."""
    kind, namespace, name = ref
    if app == LEFT_OUT or kind == "ReplicaSet":
        return
    if kind == "Event":
        if app != LOOSE:
            yield f"events/{app}"
        return
    if kind in ("Kustomization", "GitRepository"):
        yield f"flux/{kind}/{namespace}/{name}"
    if kind == "Pod":
        yield f"pod/{app}/{namespace}/{name}"
    yield f"namespace/{namespace}" if app == LOOSE else f"app/{app}"


def pods_in(things: Iterable[Thing]) -> list[PodThing]:
    """The pods among things."""
    return [thing for thing in things if isinstance(thing, PodThing)]

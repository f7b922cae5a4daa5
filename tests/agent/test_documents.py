"""Bodies of documents: what they hold, what they never hold, and that they keep their limits."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from agent.documents import MAX_APP_BYTES, Documents, shape_of
from agent.inventory import Inventory
from agent.kinds import KINDS
from chalicelib.wire.bodies import App, Events, Namespace
from chalicelib.wire.codec import size_bytes
from tests.fakes_cluster import applied_by, deployment, kustomization, pod, replica_set, service

PARSERS = {kind.name: kind.parse for kind in KINDS}
LABELS = applied_by("shop", "gimlet-staging")


def documents(*objects: tuple[str, dict[str, Any]]) -> Documents:
    inventory = Inventory([])
    inventory.set_scope("staging", {})
    for kind, obj in objects:
        thing = PARSERS[kind](json.dumps(obj).encode())
        inventory.apply([(thing.ref, thing)])
    return Documents(inventory, "v1.36.3")


def shop(*pods: dict[str, Any], **meta: Any) -> list[tuple[str, dict[str, Any]]]:
    return [
        ("Kustomization", kustomization("shop", "gimlet-staging", environment="staging", app="shop")),
        ("Deployment", deployment("shop", replicas=3, ready=2, labels=LABELS, **meta)),
        ("ReplicaSet", replica_set("shop")),
        ("Service", service("shop", app="shop", labels=LABELS)),
        *(("Pod", each) for each in pods),
    ]


def named(name: str, **status: Any) -> dict[str, Any]:
    return pod(name, replica_set_name="shop-rs", **status)


def test_an_app_is_told_with_all_that_health_needs() -> None:
    notes = {"gimlet.io/git-sha": "abc", "v1alpha1.opensca.dev/owner.name": "Team", "other.io/secret": "canary"}
    body = documents(*shop(named("a"), named("b", ready=False), annotations=notes)).build("app/shop")

    assert isinstance(body, App)
    assert (body.repository, body.commit, body.owner) == ("acme/shop", "abc", "Team")
    assert [(each.wanted, each.ready, each.images) for each in body.workloads] == [(3, 2, ["shop:1"])]
    assert [(each.name, each.ports) for each in body.services] == [("shop", [80])]
    assert body.kustomization is not None
    assert [each.name for each in body.pods] == ["b"]
    assert body.pod_states == {"NotReady": 1, "Ready": 1}
    assert b"canary" not in msgspec.json.encode(body)


def test_the_five_worst_pods_come_worst_first() -> None:
    crash = {"containerStatuses": [{"restartCount": 9, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}
    slow = [named(f"slow-{number}", ready=False) for number in range(6)]
    body = documents(*shop(*slow, named("crash", ready=False, **crash), named("fine"))).build("app/shop")

    assert isinstance(body, App)
    assert [each.name for each in body.pods] == ["crash", "slow-0", "slow-1", "slow-2", "slow-3"]


def test_a_large_app_is_cut_to_its_limit_and_says_so() -> None:
    many = [("Deployment", deployment(f"worker-{number:03}" + "x" * 150, labels=LABELS)) for number in range(120)]
    body = documents(*shop(), *many).build("app/shop")

    assert isinstance(body, App)
    assert size_bytes(body) <= MAX_APP_BYTES
    assert len(body.workloads) + body.more["workloads"] == 121


def test_only_addresses_that_a_browser_may_follow_are_links() -> None:
    notes = {
        "v1alpha1.opensca.dev/logs.url": "https://logs.example.com",
        "v1alpha1.opensca.dev/issues.url": "javascript:alert(1)",
    }
    body = documents(*shop(annotations=notes)).build("app/shop")

    assert isinstance(body, App)
    assert body.links == {"logs": "https://logs.example.com"}


def test_what_no_app_owns_is_counted_by_namespace() -> None:
    body = documents(("Deployment", deployment("loose")), ("Pod", pod("alone"))).build("namespace/team")

    assert body == Namespace(namespace="team", pods=1, pod_states={"Ready": 1}, workloads=1)


def test_the_newest_ten_warnings_are_told_and_a_risen_count_is_of_the_same_shape() -> None:
    def warning(number: int, count: int = 1) -> dict[str, Any]:
        return {
            "metadata": {"name": f"w{number}", "namespace": "team"},
            "involvedObject": {"kind": "Pod", "namespace": "team", "name": "a"},
            "reason": f"BackOff{number}",
            "count": count,
            "lastTimestamp": f"2026-01-01T00:00:{number:02}Z",
        }

    events = [("Event", warning(number)) for number in range(12)]
    before = documents(*shop(named("a")), *events).build("events/shop")
    after = documents(*shop(named("a")), *events[:-1], ("Event", warning(11, count=7))).build("events/shop")

    assert isinstance(before, Events)
    assert isinstance(after, Events)
    assert [each.reason for each in before.warnings][:2] == ["BackOff11", "BackOff10"]
    assert len(before.warnings) == 10
    assert before != after
    assert shape_of(before) == shape_of(after)


def test_what_does_not_exist_has_no_document() -> None:
    built = documents(*shop())

    for key in ("app/blog", "pod/shop/team/x", "events/shop", "namespace/none", "flux/GitRepository/a/b"):
        assert built.build(key) is None

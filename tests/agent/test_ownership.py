"""Which app owns an object, as rules, and that it never depends on the order in which things come into view."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.inventory import LEFT_OUT, Inventory
from agent.kinds import KINDS
from agent.objects import Ref, Thing
from tests.fakes_cluster import applied_by, deployment, kustomization, pod, replica_set, service

PARSERS = {kind.name: kind.parse for kind in KINDS}
POD: Ref = ("Pod", "team", "shop-1")


def thing(kind: str, obj: dict[str, Any]) -> Thing:
    return PARSERS[kind](json.dumps(obj).encode())


def labels(name: str = "shop") -> dict[str, str]:
    return dict(applied_by(name, "gimlet-staging"))


def seen(*things: Thing, environment: str = "staging", adopted: dict[str, str] | None = None) -> Inventory:
    inventory = Inventory([])
    inventory.set_scope(environment, adopted or {})
    inventory.apply([(each.ref, each) for each in things])
    return inventory


def owner_of_pod(*things: Thing, **scope: Any) -> str:
    return seen(*chain(), *things, **scope).app_of(POD)


def chain(**meta: Any) -> list[Thing]:
    return [
        thing("Deployment", deployment("shop", **meta)),
        thing("ReplicaSet", replica_set("shop")),
        thing("Pod", pod("shop-1", replica_set_name="shop-rs")),
    ]


def applier(environment: str = "", app: str = "") -> Thing:
    return thing("Kustomization", kustomization("shop", "gimlet-staging", environment=environment, app=app))


def test_the_head_of_the_chain_was_applied_by_our_kustomization() -> None:
    assert seen(*chain(labels=labels()), applier("staging", "shop")).app_of(POD) == "shop"


def test_the_object_itself_was_applied_by_our_kustomization() -> None:
    bare = pod("shop-1")
    bare["metadata"]["labels"] = labels()

    assert seen(thing("Pod", bare), applier("staging", "shop")).app_of(POD) == "shop"


def test_what_another_environment_applied_is_left_out_altogether() -> None:
    inventory = seen(*chain(labels=labels()), applier("production", "shop"))

    assert inventory.app_of(POD) == LEFT_OUT
    assert inventory.all_keys() == ["cluster"]


def test_an_adopted_kustomization_names_its_app_or_leaves_it_to_the_next_rule() -> None:
    claimed = thing("Service", service("shop", app="blog"))
    things = [*chain(labels=labels()), applier(), claimed]

    assert seen(*things, adopted={"gimlet-staging/shop": "store"}).app_of(POD) == "store"
    assert seen(*things, adopted={"gimlet-staging/shop": "*"}).app_of(POD) == "blog"
    assert seen(*things).app_of(POD) == "blog"


def test_an_annotated_service_claims_the_workloads_behind_its_selector() -> None:
    elsewhere = thing("Service", service("shop", "other", app="blog"))
    another = thing("Service", service("blog", app="blog"))

    assert owner_of_pod(thing("Service", service("shop", app="store"))) == "store"
    assert owner_of_pod(elsewhere, another) == "-"
    assert owner_of_pod(thing("Service", service("shop"))) == "-"


def test_names_that_no_app_can_have_claim_nothing() -> None:
    for name in ("a/b", "-", "", "x" * 300):
        assert owner_of_pod(thing("Service", service("shop", app=name))) == "-"


def test_ownership_moves_when_a_kustomization_is_labelled_and_both_keys_are_touched() -> None:
    inventory = seen(*chain(labels=labels()), applier())
    inventory.take_touched()

    labelled = applier("staging", "shop")
    inventory.apply([(labelled.ref, labelled)])

    assert set(inventory.take_touched()) >= {"pod/-/team/shop-1", "pod/shop/team/shop-1", "app/shop", "namespace/team"}


def test_when_the_service_goes_its_claim_goes() -> None:
    claimed = thing("Service", service("shop", app="store"))
    inventory = seen(*chain(), claimed)

    inventory.apply([(claimed.ref, None)])

    assert inventory.app_of(POD) == "-"
    assert inventory.members("store") == []


def test_nothing_that_did_not_change_is_touched() -> None:
    things = [*chain(labels=labels()), applier("staging", "shop")]
    inventory = seen(*things)
    inventory.take_touched()

    inventory.apply([(each.ref, each) for each in things])

    assert inventory.take_touched() == []


def test_a_complete_list_removes_what_is_not_in_it() -> None:
    inventory = seen(*chain(), applier("staging", "shop"))

    inventory.keep_only("Pod", set())

    assert inventory.app_of(POD) == LEFT_OUT
    assert "pod/-/team/shop-1" not in inventory.all_keys()


WORLD = [
    *chain(labels=labels()),
    applier("staging", "shop"),
    thing("Service", service("shop", app="store")),
    thing("Deployment", deployment("blog")),
    thing("Pod", pod("blog-1", replica_set_name="blog-rs")),
    thing("ReplicaSet", replica_set("blog")),
    thing("Service", service("blog", app="blog")),
    thing("Pod", pod("alone")),
]


@given(st.permutations(WORLD), st.integers(0, len(WORLD)), st.lists(st.sampled_from(WORLD), max_size=4))
def test_ownership_does_not_depend_on_the_order_of_coming_into_view(
    order: list[Thing], welcomed_at: int, flickering: list[Thing]
) -> None:
    plain = seen(*WORLD)
    inventory = Inventory([])

    inventory.apply([(each.ref, each) for each in order[:welcomed_at]])
    inventory.set_scope("staging", {})
    inventory.apply([(each.ref, each) for each in order[welcomed_at:]])
    for each in flickering:
        inventory.apply([(each.ref, None)])
    for each in reversed(flickering):
        inventory.apply([(each.ref, each)])

    refs = [each.ref for each in WORLD]
    assert [inventory.app_of(ref) for ref in refs] == [plain.app_of(ref) for ref in refs]
    assert sorted(inventory.all_keys()) == sorted(plain.all_keys())
    assert inventory.members("shop") == plain.members("shop")

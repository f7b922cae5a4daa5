"""What a deleted branch takes with it, and what survives."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.core.apps import App
from chalicelib.core.decisions import DecisionRecord
from chalicelib.core.payloads import PullAction
from chalicelib.core.releases import Kind, State
from chalicelib.core.repositories import Repository
from chalicelib.usecases.compare_heads import compare_heads
from chalicelib.usecases.explain import explain
from tests.functional.road.town import MAIN, Town, manifest

FEATURE = "refs/heads/feature"
FILE = ".gimlet/staging.yaml"
CLEANUP = "cleanup: {app: 'shop-{{ .BRANCH }}', branch: '!main', event: branchDeleted}\n"
APP = "staging/shop-feature/manifest.yaml"


@pytest.fixture
def town() -> Town:
    made = Town()
    made.environment("staging")
    return made


@pytest.fixture
def shop(town: Town) -> Repository:
    """A repository that deploys each branch as an app of its own and cleans up."""
    shop = town.repository("acme/shop")
    town.push(shop, {FILE: of_branch()})
    town.push(shop, {FILE: of_branch(), "x": "1"}, FEATURE)
    return shop


def of_branch(name: str = "shop-{{ .BRANCH }}") -> str:
    return manifest("shop", branch="'*'").replace("app: shop\n", f"app: '{name}'\n", 1) + CLEANUP


def reasons(town: Town) -> list[str]:
    return [item.reason for one in town.records.all(DecisionRecord) for item in one.items if item.kind is Kind.DELETE]


def test_a_deleted_branch_takes_its_app_and_nothing_else(town: Town, shop: Repository) -> None:
    other = town.repository("acme/other")
    town.push(other, {FILE: manifest("other")})

    town.delete(shop, FEATURE)

    assert town.file(APP) is None
    assert town.file("staging/shop-main/manifest.yaml") is not None
    assert town.file("staging/other/manifest.yaml") is not None
    assert town.log()[-1] == "[Gimlet] staging/shop-feature deleted by policy"
    gone = town.releases("shop-feature")[-1]
    assert (gone.kind, gone.automatic, gone.cause.kind) == (Kind.DELETE, True, "policy")
    assert gone.reason is None
    assert gone.cause.text == "deleted with branch 'feature'"


def test_a_deletion_that_is_told_again_deletes_nothing_twice(town: Town, shop: Repository) -> None:
    town.delete(shop, FEATURE)
    commits = len(town.log())

    for _ in range(3):
        town.tell_deleted(shop, FEATURE)
    town.settle()

    assert len(town.log()) == commits
    assert len(town.releases("shop-feature")) == 2


def test_a_branch_that_still_stands_loses_nothing_whatever_a_webhook_says(town: Town, shop: Repository) -> None:
    town.tell_deleted(shop, FEATURE)
    town.settle()

    assert town.file(APP) is not None


def test_a_branch_that_is_made_again_at_the_same_commit_is_deployed_again(town: Town, shop: Repository) -> None:
    head = town.hosts.refs[shop.url][FEATURE]
    town.delete(shop, FEATURE)

    town.hosts.refs[shop.url][FEATURE] = head
    town.deliver(shop, town.pushed(FEATURE, "", head))
    town.settle()

    assert town.file(APP) is not None
    assert town.states("shop-feature") == ["overtaken", "overtaken", "committed"]


def test_an_app_that_another_branch_deployed_since_survives(town: Town) -> None:
    shop = town.repository("acme/shop")
    both = of_branch("shop").replace("shop-{{ .BRANCH }}', branch", "shop', branch")
    town.push(shop, {FILE: both}, FEATURE)
    town.push(shop, {FILE: both})

    town.delete(shop, FEATURE)

    assert town.file("staging/shop/manifest.yaml") is not None
    assert reasons(town) == ["not deleted: the current release of staging/shop came from push 'main'"]


def test_an_app_of_another_repository_survives(town: Town) -> None:
    town.push(town.repository("acme/other"), {FILE: manifest("other", branch="'*'")}, FEATURE)
    shop = town.repository("acme/shop")
    town.push(shop, {FILE: of_branch().replace("shop-{{ .BRANCH }}', branch", "other', branch")}, FEATURE)

    town.delete(shop, FEATURE)

    assert town.file("staging/other/manifest.yaml") is not None
    assert "another repository" in reasons(town)[0]


def test_a_policy_that_does_not_name_the_branch_deletes_nothing(town: Town) -> None:
    shop = town.repository("acme/shop")
    town.push(shop, {FILE: of_branch().replace("'!main'", "'fix-*'")}, FEATURE)

    town.delete(shop, FEATURE)

    assert town.file(APP) is not None
    assert reasons(town) == []


def test_a_held_app_is_not_deleted_by_a_policy(town: Town, shop: Repository) -> None:
    from chalicelib.usecases.requests import set_hold
    from tests.functional.road.town import ADMIN

    set_hold(ADMIN, "staging", "shop-feature", "a demo", town.records, town.clock)

    town.delete(shop, FEATURE)

    assert town.file(APP) is not None
    assert town.states("shop-feature")[-1] == "held"


def test_a_release_on_its_way_does_not_come_after_the_deletion(town: Town) -> None:
    shop = town.repository("acme/shop")
    push = town.commit(shop, {FILE: of_branch()}, FEATURE)
    town.deliver(shop, push)
    town.settle_one()
    assert town.queues.render

    town.delete(shop, FEATURE)

    assert town.file(APP) is None
    [deploy, gone] = town.releases("shop-feature")
    assert deploy.state is State.SUPERSEDED
    assert gone.state is State.UNCHANGED


def test_a_closed_pull_request_counts_only_when_its_branch_is_gone(town: Town, shop: Repository) -> None:
    town.tell_pull(shop, PullAction.CLOSED, "feature")
    town.settle()
    assert town.file(APP) is not None

    del town.hosts.refs[shop.url][FEATURE]
    town.tell_pull(shop, PullAction.CLOSED, "feature")
    town.settle()
    assert town.file(APP) is None


def test_a_deletion_that_no_webhook_told_is_found_by_comparing_heads(town: Town, shop: Repository) -> None:
    del town.hosts.refs[shop.url][FEATURE]
    town.clock.pass_(hours=1)

    compare_heads(shop, town.intake)
    town.settle()

    assert town.file(APP) is None
    assert town.file("staging/shop-main/manifest.yaml") is not None


def test_a_repository_that_looks_empty_loses_nothing_by_comparing_heads(town: Town, shop: Repository) -> None:
    town.hosts.refs[shop.url].clear()

    compare_heads(shop, town.intake)
    town.settle()

    assert town.file(APP) is not None


def test_a_worker_that_dies_after_deciding_is_completed_by_the_next(town: Town, shop: Repository) -> None:
    del town.hosts.refs[shop.url][FEATURE]
    town.tell_deleted(shop, FEATURE)
    town.settle_one()
    [gone] = [one for one in town.records.all(App) if one.app == "shop-feature"]
    town.queues.rings.clear()

    town.tell_deleted(shop, FEATURE)
    town.settle()

    assert gone.under_way is not None
    assert town.file(APP) is None


def test_the_commit_explains_that_it_went_with_its_branch(town: Town, shop: Repository) -> None:
    head = town.hosts.refs[shop.url][FEATURE]
    town.clock.now += timedelta(seconds=1)

    town.delete(shop, FEATURE)

    newest = explain("acme", head, town.records)[0]
    assert newest.item.reason == "deleted with branch 'feature'"
    assert newest.release is not None


def test_a_tag_is_decided_as_a_tag_and_again_after_it_was_moved(town: Town) -> None:
    shop = town.repository("acme/shop")
    tagged = manifest().replace("  branch: main\n  event: push\n", "  tag: 'v*'\n  event: tag\n")
    first = town.push(shop, {FILE: tagged})
    assert town.states() == []

    for sha in (first.after, town.push(shop, {FILE: tagged, "x": "1"}).after):
        town.hosts.refs[shop.url]["refs/tags/v1"] = sha
        town.deliver(shop, town.pushed("refs/tags/v1", "", sha))
        town.settle()
    town.delete(shop, "refs/tags/v1")

    assert town.states() == ["overtaken", "committed"]
    assert town.hosts.refs[shop.url][MAIN] in (town.file("staging/shop/manifest.yaml") or "")

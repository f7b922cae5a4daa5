"""Previews: one instance a branch, under a name that is its own, gone with the branch or after two quiet weeks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.core.decisions import DecisionRecord
from chalicelib.core.environments import Environment
from chalicelib.core.repositories import Preview, PreviewName, Repository
from chalicelib.ports.records import Replace
from chalicelib.usecases.requests import request_deploy
from chalicelib.usecases.sweep import sweep_organization
from tests.functional.road.town import ADMIN, Town, manifest

FEATURE = "refs/heads/feature/New"
FILE = ".gimlet/preview.yaml"
APP = "shop-feature-new"


@pytest.fixture
def town() -> Town:
    made = Town()
    made.environment("staging")
    return made


@pytest.fixture
def shop(town: Town) -> Repository:
    return town.repository("acme/shop")


def preview(app: str = "shop-preview", policy: str = "") -> str:
    text = manifest(app, value="{{ .APP }} {{ .BRANCH }}").replace("deploy:\n  branch: main\n  event: push\n", policy)
    return text.replace("namespace:", "preview: true\nnamespace:", 1)


def rendered(town: Town, app: str = APP) -> str | None:
    return town.file(f"staging/{app}/manifest.yaml")


def reasons(town: Town) -> list[str]:
    return [item.reason for one in town.records.all(DecisionRecord) for item in one.items if not item.deploy]


def test_a_branch_gets_an_instance_of_its_own_and_the_default_branch_none(town: Town, shop: Repository) -> None:
    town.push(shop, {FILE: preview()})
    assert town.log() == []

    town.push(shop, {FILE: preview()}, FEATURE)

    assert f"{APP} feature/New" in (rendered(town) or "")
    [made] = town.records.all(Preview)
    assert (made.of, made.branch, made.app) == ("shop-preview", "feature/New", APP)


def test_a_preview_goes_with_its_branch_and_the_other_previews_stay(town: Town, shop: Repository) -> None:
    town.push(shop, {FILE: preview()}, FEATURE)
    town.push(shop, {FILE: preview()}, "refs/heads/other")

    town.delete(shop, FEATURE)

    assert rendered(town) is None
    assert rendered(town, "shop-other") is not None
    assert [one.app for one in town.records.all(Preview)] == ["shop-other"]
    assert [one.app for one in town.records.all(PreviewName)] == ["shop-other"]


def test_a_preview_never_takes_over_an_app_that_is_none(town: Town, shop: Repository) -> None:
    other = town.repository("acme/other")
    town.push(other, {".gimlet/x.yaml": manifest(APP)})
    before = rendered(town)

    town.push(shop, {FILE: preview()}, FEATURE)

    assert rendered(town) == before
    [made] = town.records.all(Preview)
    assert made.app.startswith(f"{APP}-")
    assert rendered(town, made.app) is not None
    town.delete(shop, FEATURE)
    assert rendered(town) == before
    assert rendered(town, made.app) is None


def test_two_branches_whose_names_become_one_have_two_previews(town: Town, shop: Repository) -> None:
    for branch in ("feature/New", "feature-new"):
        town.push(shop, {FILE: preview()}, f"refs/heads/{branch}")

    names = {one.branch: one.app for one in town.records.all(Preview)}
    assert names["feature/New"] == APP
    assert names["feature-new"].startswith(f"{APP}-")


def test_a_name_that_was_given_once_is_kept_when_the_shorter_one_is_free_again(town: Town, shop: Repository) -> None:
    for branch in ("feature/New", "feature-new"):
        town.push(shop, {FILE: preview()}, f"refs/heads/{branch}")
    town.delete(shop, FEATURE)

    town.push(shop, {"x": "1"}, "refs/heads/feature-new")

    [kept] = town.records.all(Preview)
    assert kept.app != APP
    assert rendered(town) is None


def test_a_name_that_is_free_again_may_be_another_branchs(town: Town, shop: Repository) -> None:
    town.push(shop, {FILE: preview()}, FEATURE)
    town.delete(shop, FEATURE)

    town.push(shop, {FILE: preview()}, "refs/heads/feature-new")

    assert "feature-new" in (rendered(town) or "")


def test_an_ordinary_manifest_can_not_take_a_preview_over(town: Town, shop: Repository) -> None:
    town.push(shop, {FILE: preview()}, FEATURE)

    town.push(shop, {".gimlet/x.yaml": manifest(APP)})

    assert "is the preview of branch 'feature/New'" in reasons(town)[-1]
    assert "feature/New" in (rendered(town) or "")


def test_a_deploy_policy_beside_a_preview_must_hold_too(town: Town, shop: Repository) -> None:
    policy = "deploy: {branch: 'fix-*', event: push}\n"
    town.push(shop, {FILE: preview(policy=policy)}, FEATURE)
    town.push(shop, {FILE: preview(policy=policy)}, "refs/heads/fix-1")

    assert [one.app for one in town.records.all(Preview)] == ["shop-fix-1"]


def test_a_preview_has_the_host_that_its_environment_gives(town: Town, shop: Repository) -> None:
    [where] = town.records.all(Environment)
    changed = replace(where, ingress_suffix=".preview.acme.org", version=where.version + 1)
    town.records.write(Replace(changed))
    text = preview() + "values: {ingress: {host: shop.acme.org}}\n"

    town.push(shop, {FILE: text}, FEATURE)

    assert town.states(APP) == ["committed"]


def test_a_preview_ends_two_weeks_after_its_last_push(town: Town, shop: Repository) -> None:
    town.push(shop, {FILE: preview()}, FEATURE)
    town.clock.pass_(days=13)
    town.push(shop, {"x": "1"}, FEATURE)
    town.clock.pass_(days=13)
    look(town)
    assert rendered(town) is not None

    town.clock.pass_(days=2)
    look(town)
    look(town)

    assert rendered(town) is None
    assert town.records.all(Preview) == []
    assert town.releases(APP)[-1].cause.text == "branch 'feature/New' was not pushed to for 14 days"


def test_a_preview_that_ended_comes_back_with_the_next_push(town: Town, shop: Repository) -> None:
    town.push(shop, {FILE: preview()}, FEATURE)
    town.clock.pass_(days=15)
    look(town)

    town.push(shop, {"x": "1"}, FEATURE)

    assert rendered(town) is not None


def test_a_preview_may_be_deployed_by_hand_for_its_branch(town: Town, shop: Repository) -> None:
    town.push(shop, {FILE: preview(policy="deploy: {branch: never, event: push}\n")}, FEATURE)
    [decision] = town.records.all(DecisionRecord)

    request_deploy(ADMIN, "staging", "shop-preview", decision.artifact_id, town.desk)
    town.settle()

    assert town.states(APP) == ["committed"]


def look(town: Town) -> None:
    sweep_organization("acme", town.records, town.queues, town.clock, gap=False)
    town.settle()

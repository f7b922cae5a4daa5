"""Pull requests are decided as event `pr`; a fork's waits; and who makes a repository's artifacts is a setting."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from chalicelib.core.actors import Actor, Caller, Scope, permissions_of
from chalicelib.core.artifacts import Artifact
from chalicelib.core.decisions import DecisionRecord
from chalicelib.core.payloads import PullAction
from chalicelib.core.repositories import Artifacts, Repository
from chalicelib.ports.records import Replace
from chalicelib.usecases.artifacts import ship_artifact
from chalicelib.usecases.repositories import get_repository
from tests.functional.road.town import Town, manifest

FEATURE = "refs/heads/feature"
FILE = ".gimlet/staging.yaml"
CI = Caller("acme", Actor("token", "t1", "ci"), permissions_of((Scope.SHIP,)))


@pytest.fixture
def town() -> Town:
    made = Town()
    made.environment("staging")
    return made


@pytest.fixture
def shop(town: Town) -> Repository:
    return town.repository("acme/shop")


def for_pulls() -> str:
    return manifest(value="{{ .BRANCH }} {{ .EVENT }} {{ .SHA }}").replace("event: push", "event: pr")


def reasons(town: Town) -> list[str]:
    return [item.reason for one in town.records.all(DecisionRecord) for item in one.items if not item.deploy]


@pytest.mark.parametrize("action", [PullAction.OPENED, PullAction.UPDATED])
def test_a_pull_request_is_decided_by_its_target_and_rendered_by_its_source(
    town: Town, shop: Repository, action: PullAction
) -> None:
    push = town.push(shop, {FILE: for_pulls()}, FEATURE)
    assert town.states() == []

    for _ in range(2):
        town.tell_pull(shop, action, "feature")
        town.settle()

    assert f"feature pr {push.after}" in (town.file("staging/shop/manifest.yaml") or "")
    [release] = town.releases()
    version = release.artifact_version
    assert version is not None
    assert (version.branch, version.source_branch, version.target_branch) == ("main", "feature", "main")


def test_a_pull_request_to_another_branch_is_no_and_says_why(town: Town, shop: Repository) -> None:
    town.push(shop, {FILE: for_pulls()}, FEATURE)

    town.tell_pull(shop, PullAction.OPENED, "feature", target="release")
    town.settle()

    assert town.states() == []
    assert "branch 'release' does not match 'main'" in reasons(town)


def test_a_late_webhook_of_a_pull_request_deploys_the_head_and_no_older_commit(town: Town, shop: Repository) -> None:
    old = town.push(shop, {FILE: for_pulls()}, FEATURE)
    new = town.push(shop, {"x": "1"}, FEATURE)

    town.tell_pull(shop, PullAction.UPDATED, "feature", sha=old.after)
    town.settle()

    assert new.after in (town.file("staging/shop/manifest.yaml") or "")


def test_of_a_forks_pull_request_nothing_is_read_and_the_decision_says_what_it_waits_for(
    town: Town, shop: Repository
) -> None:
    town.hosts.commit(shop.url, "refs/pull/7/head", {FILE: for_pulls().encode()})

    for action in (PullAction.OPENED, PullAction.UPDATED, PullAction.CLOSED):
        town.tell_pull(shop, action, "main", fork=True, sha="a" * 40)
    town.settle()

    assert town.records.all(Artifact) == []
    assert town.log() == []
    assert reasons(town) == ["pull request 7 is from a fork: it waits for a maintainer's label"]


def test_a_closed_fork_whose_branch_has_a_name_of_ours_deletes_nothing_of_ours(town: Town, shop: Repository) -> None:
    cleanup = "cleanup: {app: shop, branch: feature}\n"
    town.push(shop, {FILE: manifest(branch="feature") + cleanup}, FEATURE)
    del town.hosts.refs[shop.url][FEATURE]

    town.tell_pull(shop, PullAction.CLOSED, "feature", fork=True)
    town.settle()

    assert town.file("staging/shop/manifest.yaml") is not None


def test_where_ci_makes_the_artifacts_a_push_is_recorded_and_waits(town: Town, shop: Repository) -> None:
    set_artifacts(town, shop, Artifacts.CI)

    push = town.push(shop, {FILE: manifest()})

    assert town.states() == []
    assert reasons(town) == ["waiting for CI's artifact: the repository's artifacts are made by its CI"]
    ship(town, push.after)
    assert town.states() == ["committed"]


def test_where_only_ci_has_the_manifests_the_push_still_says_what_it_waits_for(town: Town, shop: Repository) -> None:
    set_artifacts(town, shop, Artifacts.CI)

    town.push(shop, {"README.md": "hello"})

    assert "waiting for CI's artifact" in reasons(town)[0]


def test_a_first_artifact_of_ci_is_deployed_and_offers_the_switch_without_taking_it(
    town: Town, shop: Repository
) -> None:
    push = town.push(shop, {FILE: manifest()})

    ship(town, push.after)

    now = get_repository("acme", shop.id, town.records)
    assert now.ci_artifact_at is not None
    assert now.artifacts is Artifacts.PUSH
    assert town.states() == ["overtaken", "committed"]


def test_an_artifact_of_ci_goes_instead_of_what_the_push_has_waiting(town: Town, shop: Repository) -> None:
    push = town.commit(shop, {FILE: manifest()})
    town.deliver(shop, push)
    while not town.queues.rings:
        town.settle_one()

    ship(town, push.after)

    assert town.states() == ["superseded", "committed"]


def set_artifacts(town: Town, shop: Repository, artifacts: Artifacts) -> None:
    now = get_repository("acme", shop.id, town.records)
    town.records.write(Replace(replace(now, artifacts=artifacts, version=now.version + 1)))


def ship(town: Town, sha: str) -> None:
    tree = {
        "app": "shop",
        "env": "staging",
        "namespace": "shop",
        "deploy": {"branch": "main", "event": "push"},
        "manifests": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: from-ci\n",
    }
    version = {"repositoryName": "acme/shop", "sha": sha, "branch": "main"}
    body = json.dumps({"version": version, "environments": [tree]}).encode()
    ship_artifact(CI, body, town.records, town.queues, town.clock)
    town.settle()

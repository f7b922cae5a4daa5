"""What becomes of pushes, requests and accidents, on the whole write path in memory."""

from __future__ import annotations

import pytest

from chalicelib.core.actors import Actor, Caller, Scope, permissions_of
from chalicelib.core.apps import App
from chalicelib.core.decisions import DecisionRecord, Request
from chalicelib.core.errors import NotFound, Rejected, ScmUnavailable
from chalicelib.core.releases import State
from chalicelib.usecases.artifacts import ship_artifact
from chalicelib.usecases.explain import explain
from chalicelib.usecases.requests import (
    lift_hold,
    request_delete,
    request_deploy,
    request_rollback,
    request_rollback_to,
)
from chalicelib.usecases.sweep import sweep
from chalicelib.usecases.track import track_artifact, track_request
from tests.functional.road.town import ADMIN, MAIN, Town, manifest

FILE = ".gimlet/staging.yaml"
RENDERED = "staging/shop/manifest.yaml"


@pytest.fixture
def town() -> Town:
    made = Town()
    made.environment("staging")
    return made


def test_a_push_is_released_once_and_its_repetition_commits_nothing(town: Town) -> None:
    shop = town.repository("acme/shop")
    push = town.push(shop, {FILE: manifest()})

    town.deliver(shop, push)
    town.deliver(shop, push)
    town.settle()

    assert town.log() == ["[Gimlet] staging/shop automated deploy"]
    assert town.states() == ["committed"]
    assert push.after in (town.file(RENDERED) or "")


def test_a_commit_that_changes_nothing_rendered_ends_unchanged(town: Town) -> None:
    shop = town.repository("acme/shop")
    town.push(shop, {FILE: manifest(value="same")})

    town.push(shop, {"README.md": "hello"})

    assert town.states() == ["committed", "unchanged"]
    assert len(town.log()) == 1


def test_a_reset_to_an_earlier_commit_deploys_it(town: Town) -> None:
    shop = town.repository("acme/shop")
    first = town.push(shop, {FILE: manifest()})
    second = town.push(shop, {"x": "1"})

    for back in (first.after, second.after, first.after):
        before = town.hosts.refs[shop.url][MAIN]
        town.hosts.refs[shop.url][MAIN] = back
        town.deliver(shop, type(first)(MAIN, before, back))
        town.settle()

    assert len(town.log()) == 5
    assert first.after in (town.file(RENDERED) or "")


def test_the_newest_commit_wins_whatever_order_the_webhooks_come_in(town: Town) -> None:
    shop = town.repository("acme/shop")
    town.push(shop, {FILE: manifest()})
    early = town.commit(shop, {"x": "1"})
    late = town.commit(shop, {"x": "2"})

    town.deliver(shop, late)
    town.deliver(shop, early)
    town.settle()

    assert late.after in (town.file(RENDERED) or "")
    decided = sorted(one.number for one in town.records.all(DecisionRecord))
    assert decided == [1, 2, 3]


def test_all_that_waits_goes_in_one_push(town: Town) -> None:
    town.environment("production")
    shop = town.repository("acme/shop")

    town.push(shop, {FILE: manifest(), ".gimlet/production.yaml": manifest(env="production")})

    assert len(town.log()) == 2
    assert town.hosts.pushes == 1


def test_a_lost_race_is_planned_again(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = town.repository("acme/shop")
    town.push(shop, {FILE: manifest()})
    repo = town.gitops_repo(town.gitops)
    real = type(repo).push
    raced: list[object] = []

    def push(self: object, tip: str, expected: str | None) -> None:
        if not raced:
            raced.append(town.commit(town.gitops, {"staging/shop/by-hand.yaml": "mine"}))
        real(self, tip, expected)  # type: ignore[arg-type] # it is a repo

    monkeypatch.setattr(type(repo), "push", push)
    town.push(shop, {"x": "1"})

    assert town.log()[1:] == ["change", "[Gimlet] staging/shop automated deploy"]
    assert town.file("staging/shop/by-hand.yaml") == "mine"


def test_what_ended_before_a_lost_race_is_not_committed_after_it(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, other = town.repository("acme/shop"), town.repository("acme/other")
    town.push(shop, {FILE: manifest(value="same")})
    for repository, files in ((shop, {"README.md": "x"}), (other, {FILE: manifest("other")})):
        town.deliver(repository, town.commit(repository, dict(files)))
    while town.queues.intake or town.queues.render:
        town.settle_one()
    repo = town.gitops_repo(town.gitops)
    real = type(repo).push
    raced: list[object] = []

    def push(self: object, tip: str, expected: str | None) -> None:
        if not raced:
            raced.append(town.commit(town.gitops, {RENDERED: "changed by hand"}))
        real(self, tip, expected)  # type: ignore[arg-type] # it is a repo

    monkeypatch.setattr(type(repo), "push", push)
    town.settle()

    assert town.states() == ["committed", "unchanged"]
    assert town.states("other") == ["committed"]
    assert town.file(RENDERED) == "changed by hand"
    assert len(town.log()) == 3


def test_a_lost_acknowledgement_of_the_push_records_the_commit_that_is_there(town: Town) -> None:
    shop = town.repository("acme/shop")
    push = town.commit(shop, {FILE: manifest()})
    town.deliver(shop, push)
    while not town.queues.rings:
        town.settle_one()

    with pytest.raises(ConnectionError):
        town.train_that_dies_after_its_push()
    town.run_train()

    assert len(town.log()) == 1
    [release] = town.releases()
    assert (release.state, release.commit) == (State.COMMITTED, town.hosts.refs[town.gitops.url][MAIN])


def test_rolling_back_brings_back_the_files_and_holds_automatic_releases(town: Town) -> None:
    shop = town.repository("acme/shop")
    first = town.push(shop, {FILE: manifest()})
    town.push(shop, {"x": "1"})
    [one, _] = town.releases()

    request_rollback_to(ADMIN, "staging", "shop", one.commit[:8], town.desk)
    town.settle()
    town.push(shop, {"x": "2"})

    assert town.states() == ["overtaken", "overtaken", "committed", "held"]
    assert first.after in (town.file(RENDERED) or "")
    assert town.log()[-1] == f"[Gimlet] staging/shop rolled back to {one.commit[:10]}"
    held = town.releases()[-1]
    assert held.reason is not None
    assert "Jane holds automatic releases" in held.reason.text


def test_a_lifted_hold_lets_the_next_push_through(town: Town) -> None:
    shop = town.repository("acme/shop")
    town.push(shop, {FILE: manifest()})
    town.push(shop, {"x": "1"})
    request_rollback(ADMIN, "staging", "shop", town.releases()[0], town.desk)
    town.settle()

    assert lift_hold(ADMIN, "staging", "shop", town.desk) is None
    push = town.push(shop, {"x": "2"})

    assert push.after in (town.file(RENDERED) or "")


def test_a_lifted_hold_asks_the_newest_held_release_again(town: Town) -> None:
    shop = town.repository("acme/shop")
    town.push(shop, {FILE: manifest()})
    town.push(shop, {"x": "1"})
    request_rollback(ADMIN, "staging", "shop", town.releases()[0], town.desk)
    town.settle()
    town.push(shop, {"x": "2"})
    held = town.push(shop, {"x": "3"})

    lift_hold(ADMIN, "staging", "shop", town.desk)
    town.settle()

    assert held.after in (town.file(RENDERED) or "")
    assert town.states()[-3:] == ["held", "held", "committed"]


def test_a_rollback_needs_a_commit_of_that_app(town: Town) -> None:
    shop = town.repository("acme/shop")
    town.push(shop, {FILE: manifest()})

    for sha, why in (("abc", "too short"), ("ffffffff", "no release")):
        with pytest.raises(Rejected, match=why):
            request_rollback_to(ADMIN, "staging", "shop", sha, town.desk)


def test_a_delete_takes_the_apps_files_and_nothing_else(town: Town) -> None:
    shop, other = town.repository("acme/shop"), town.repository("acme/other")
    town.push(shop, {FILE: manifest()})
    town.push(other, {FILE: manifest("other")})

    request_delete(ADMIN, "staging", "shop", town.desk)
    town.settle()

    assert town.file(RENDERED) is None
    assert town.file("staging/flux/kustomization-shop.yaml") is None
    assert town.file("staging/other/manifest.yaml") is not None
    assert town.file("staging/flux/namespace-shop.yaml") is not None


def test_an_app_of_another_repository_is_refused_naming_the_owner(town: Town) -> None:
    town.push(town.repository("acme/shop"), {FILE: manifest()})

    town.push(town.repository("evil/shop"), {FILE: manifest()})

    assert len(town.log()) == 1
    [refused] = [one for one in town.records.all(DecisionRecord) if not one.items[0].deploy]
    assert "belongs to repository acme/shop" in refused.items[0].reason


def test_an_invalid_manifest_is_a_no_that_names_the_line(town: Town) -> None:
    shop = town.repository("acme/shop")

    town.push(shop, {FILE: manifest().replace("event: push", "event: pushed")})

    [decision] = town.records.all(DecisionRecord)
    assert not decision.items[0].deploy
    assert f"{FILE}:6" in decision.items[0].reason
    assert town.states() == []


def test_a_broken_template_ends_the_release_rejected_with_the_reason(town: Town) -> None:
    shop = town.repository("acme/shop")

    town.push(shop, {FILE: manifest(value="{{ .NOPE }}")})

    [release] = town.releases()
    assert release.state is State.REJECTED
    assert release.reason is not None
    assert "NOPE" in release.reason.text


def test_a_protected_environment_asks_the_default_branch_too(town: Town) -> None:
    town.environment("production")
    shop = town.repository("acme/shop")
    town.push(shop, {".gimlet/production.yaml": manifest(env="production")})

    town.push(shop, {".gimlet/production.yaml": manifest(env="production", branch="evil")}, "refs/heads/evil")

    assert town.states() == ["committed"]
    refused = [item for one in town.records.all(DecisionRecord) for item in one.items if not item.deploy]
    assert "production is protected" in refused[0].reason


def test_a_refused_push_ends_the_release_in_the_hosts_words(town: Town) -> None:
    shop = town.repository("acme/shop")
    town.hosts.refuses_pushes = "pre-receive hook declined"

    town.push(shop, {FILE: manifest()})

    [release] = town.releases()
    assert release.state is State.REJECTED
    assert release.reason is not None
    assert "pre-receive hook declined" in release.reason.text


def test_a_host_that_is_down_makes_releases_wait_and_say_so(town: Town) -> None:
    shop = town.repository("acme/shop")
    town.push(shop, {FILE: manifest()})
    push = town.commit(shop, {"x": "1"})
    town.deliver(shop, push)
    while not town.queues.rings:
        town.settle_one()
    town.hosts.is_down = True

    with pytest.raises(ScmUnavailable):
        town.run_train()
    waiting = town.releases()[-1]
    town.hosts.is_down = False
    town.settle()

    assert waiting.reason is not None
    assert "waiting for the Git host" in waiting.reason.text
    assert town.states() == ["overtaken", "committed"]


def test_a_host_that_refuses_us_is_named_on_the_release_and_is_not_asked_in_a_loop(town: Town) -> None:
    shop = town.repository("acme/shop")
    push = town.commit(shop, {FILE: manifest()})
    town.deliver(shop, push)
    while not town.queues.rings:
        town.settle_one()
    repo = town.gitops_repo(town.gitops)

    class Refusing(type(repo)):  # type: ignore[misc] # its class is what it is
        def head(self) -> str | None:
            raise Rejected("the host refuses our credential")

    assert town.run_train(Refusing(town.hosts, repo.address)) is None
    [waiting] = town.releases()
    town.settle()

    assert waiting.reason is not None
    assert "refuses our credential" in waiting.reason.text
    assert town.states() == ["committed"]


def test_paths_of_a_policy_are_held_against_what_the_push_changed(town: Town) -> None:
    shop = town.repository("acme/shop")
    with_paths = manifest().replace("  event: push\n", "  event: push\n  paths: ['src/**']\n")
    town.push(shop, {FILE: with_paths})

    push = town.push(shop, {"src/a/b.go": "package a"})
    town.push(shop, {"docs/x.md": "words"})

    assert len(town.log()) == 1
    assert push.after in (town.file(RENDERED) or "")
    refused = [item.reason for one in town.records.all(DecisionRecord) for item in one.items if not item.deploy]
    assert len(refused) == 2


def test_a_lost_webhook_is_found_by_comparing_heads(town: Town) -> None:
    shop = town.repository("acme/shop")
    town.push(shop, {FILE: manifest()})
    missed = [town.commit(shop, {"x": str(number)}) for number in range(3)]

    sweep(town.records, town.queues, town.clock)
    town.records.rows.pop(next(key for key in town.records.rows if key.pk == "SWEEP"))
    from chalicelib.core.organizations import Organization
    from chalicelib.ports.records import Create

    town.records.write(Create(Organization("acme", "Acme")))
    sweep(town.records, town.queues, town.clock)
    town.settle()

    assert missed[-1].after in (town.file(RENDERED) or "")
    assert len(town.records.all(DecisionRecord)) == 4


def test_a_ci_artifact_is_stored_once_and_released_under_its_policy(town: Town) -> None:
    body = b"""{"version": {"repositoryName": "acme/api", "sha": "ea9a", "branch": "main"}, "environments": [
      {"app": "api", "env": "staging", "namespace": "api", "deploy": {"branch": "main", "event": "push"},
       "manifests": "apiVersion: v1\\nkind: ConfigMap\\nmetadata:\\n  name: api\\n"}]}"""
    ci = Caller("acme", Actor("token", "t1", "ci"), permissions_of((Scope.SHIP,)))

    first, new = ship_artifact(ci, body, town.records, town.queues, town.clock)
    second, again = ship_artifact(ci, body, town.records, town.queues, town.clock)
    town.settle()

    assert (new, again, first) == (True, False, second)
    assert town.states("api") == ["committed"]
    track = track_artifact("acme", first.id, town.records)
    assert track["status"] == "processed"
    assert [one["status"] for one in track["results"]] == ["success"]


def test_deploying_by_hand_needs_no_policy_and_is_tracked(town: Town) -> None:
    shop = town.repository("acme/shop")
    town.push(shop, {FILE: manifest(branch="never")})
    [decision] = town.records.all(DecisionRecord)

    request = request_deploy(ADMIN, "staging", "", decision.artifact_id, town.desk)
    assert track_request("acme", request.id, town.records)["status"] == "new"
    town.settle()

    answer = track_request("acme", request.id, town.records)
    assert (answer["type"], answer["status"]) == ("release", "processed")
    assert [one["app"] for one in answer["results"]] == ["shop"]
    assert town.states() == ["committed"]


def test_a_request_for_what_the_artifact_does_not_have_ends_in_an_error(town: Town) -> None:
    town.environment("production")
    shop = town.repository("acme/shop")
    town.push(shop, {FILE: manifest()})
    [decision] = town.records.all(DecisionRecord)

    request = request_deploy(ADMIN, "production", "shop", decision.artifact_id, town.desk)
    town.settle()

    answer = track_request("acme", request.id, town.records)
    assert answer["status"] == "error"
    assert "no manifest for production/shop" in answer["statusDesc"]
    assert town.records.all(Request)


def test_a_commit_is_explained_with_each_decision_and_its_release(town: Town) -> None:
    town.environment("production")
    shop = town.repository("acme/shop")
    files: dict[str, str | None] = {
        FILE: manifest(),
        ".gimlet/production.yaml": manifest(env="production", branch="v2"),
    }
    push = town.push(shop, files)

    no, yes = explain("acme", push.after, town.records)

    assert (no.item.environment, no.item.deploy, no.release) == ("production", False, None)
    assert "'main'" in no.item.reason
    assert yes.release is not None
    assert yes.release.state is State.COMMITTED
    with pytest.raises(NotFound, match="no webhook"):
        explain("evil", push.after, town.records)


def test_what_the_index_desires_is_what_git_log_says(town: Town) -> None:
    shop = town.repository("acme/shop")
    for number in range(5):
        town.push(shop, {FILE: manifest(), "x": str(number)})

    [row] = town.records.all(App)
    assert row.desired is not None
    assert row.desired.commit == town.hosts.refs[town.gitops.url][MAIN]
    assert row.committed_number == 5

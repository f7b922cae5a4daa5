"""Deploy and cleanup policies: every condition, and the reason that goes with the answer."""

import pytest

from chalicelib.core.policies import CleanupPolicy, DeployPolicy, Event, Version, cleanup_matches, decide


def test_an_app_without_a_policy_is_deployed_by_hand() -> None:
    assert not decide(None, Version(branch="main")).deploy
    assert "by hand" in decide(DeployPolicy(), Version(branch="main")).reason


@pytest.mark.parametrize(
    ("policy", "version", "deploy", "reason"),
    [
        (DeployPolicy("main", event=Event.PUSH), Version(branch="main"), True, "'main' matches 'main'"),
        (DeployPolicy("main", event=Event.PUSH), Version(branch="x"), False, "branch 'x' does not match 'main'"),
        (DeployPolicy("main"), Version(branch="main"), False, "without an event"),
        (DeployPolicy("!main", event=Event.TAG), Version(branch="x"), False, "asks for event 'tag'"),
        (DeployPolicy("*", event=Event.PUSH), Version(Event.TAG, tag="v1"), False, "this is a tag"),
        (DeployPolicy(event=Event.PUSH), Version(branch="any/branch"), True, "event is 'push'"),
        (DeployPolicy(event=Event.PR), Version(branch="main"), False, "this is a 'push'"),
        (DeployPolicy(tag="v*", event=Event.TAG), Version(Event.TAG, tag="v1"), True, "tag 'v1' matches"),
        (DeployPolicy(tag="v*", event=Event.TAG), Version(Event.TAG), False, "asks for tag"),
        (DeployPolicy(tag="v*"), Version(Event.TAG, tag="v1"), False, "add 'event: tag'"),
        (DeployPolicy(tag="!v*", event=Event.TAG), Version(Event.TAG, tag="v1"), False, "does not match"),
        (DeployPolicy(commit_message_patterns=("fix*",)), Version(message="a fix"), False, "matches none"),
        (DeployPolicy(commit_message_patterns=("[x]*",)), Version(message="[x] y\nz"), True, "message matches"),
        (DeployPolicy(paths=("src/*",)), Version(changed_paths=("docs/a", "src/b/c")), True, "changed file"),
        (DeployPolicy(paths=("src/*",)), Version(changed_paths=("docs/a",)), False, "no changed file"),
        (DeployPolicy(paths=("src/*",)), Version(), False, "is not known"),
    ],
)
def test_every_condition_that_is_set_must_hold(
    policy: DeployPolicy, version: Version, deploy: bool, reason: str
) -> None:
    decision = decide(policy, version)

    assert decision.deploy is deploy
    assert reason in decision.reason


def test_deploy_all_satisfies_any_message_pattern_but_no_other_condition() -> None:
    policy = DeployPolicy("main", event=Event.PUSH, commit_message_patterns=("never",))

    assert decide(policy, Version(branch="main", message="fix [DEPLOY: ALL] it")).deploy
    assert not decide(policy, Version(branch="x", message="fix [DEPLOY: ALL] it")).deploy


@pytest.mark.parametrize(
    ("policy", "matches"),
    [
        (CleanupPolicy("app", "feature/*"), True),
        (CleanupPolicy("app", "!main"), True),
        (CleanupPolicy("app", "main"), False),
        (CleanupPolicy("", "feature/*"), False),
        (CleanupPolicy("app", ""), False),
        (None, False),
    ],
)
def test_a_cleanup_needs_an_app_and_a_branch_that_matches(policy: CleanupPolicy | None, matches: bool) -> None:
    assert cleanup_matches(policy, "feature/x") is matches

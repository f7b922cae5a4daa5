"""Deliveries of every host: proven by the hook's secret, then decoded to the few facts we act on."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.deliveries import decode, delivery_id, is_signed
from chalicelib.core.errors import Rejected
from chalicelib.core.payloads import (
    Checks,
    CheckState,
    HostRepository,
    Ignored,
    Installation,
    Ping,
    PullAction,
    PullRequest,
    Push,
    RefDeleted,
    RepositoryChanged,
    ref_name,
)
from chalicelib.core.repositories import Host
from tests.recorded_deliveries import (
    NO_CASES,
    NO_EXAMPLES,
    SHA,
    ZEROS,
    Recorded,
    gitea,
    github,
    gitlab,
    merge_request,
    plain,
    signed,
)

SECRET = "whsecret"
GITEA = gitea()
GITHUB = github()
needs_cases = pytest.mark.skipif(not GITEA, reason=NO_CASES)
needs_examples = pytest.mark.skipif(not GITHUB, reason=NO_EXAMPLES)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)


def github_body(event: str, **fields: Any) -> tuple[dict[str, str], bytes]:
    return {"x-github-event": event}, json.dumps(fields).encode()


@needs_cases
@pytest.mark.parametrize("recorded", GITEA, ids=lambda one: one.name)
def test_gitea_is_believed_by_its_own_signature_and_by_nothing_less(recorded: Recorded) -> None:
    headers, body = recorded.headers, recorded.body

    assert is_signed(Host.GITEA, headers, body, SECRET)
    assert is_signed(Host.GITHUB, headers, body, SECRET)
    assert not is_signed(Host.GITEA, headers, body + b" ", SECRET)
    assert not is_signed(Host.GITEA, headers, body, "other")
    sha1 = {name: value for name, value in headers.items() if name not in ("x-gitea-signature", "x-hub-signature-256")}
    assert not is_signed(Host.GITEA, sha1, body, SECRET)


@needs_cases
def test_what_gitea_sent_is_decoded_as_what_happened() -> None:
    head = "22fe29e8a1e774252f8b421d3f276faaae5ff314"
    told = {one.name: decode(one.host, one.headers, one.body) for one in GITEA}

    assert told["push-first-1.push"] == Push("refs/heads/main", "", SHA)
    assert told["branch-create-1.push"] == Push("refs/heads/feature", "", head)
    assert told["branch-create-0.create"] == Ignored("create")
    assert told["branch-delete.delete"] == RefDeleted("refs/heads/feature")
    assert told["tag-push-0.push"] == Push("refs/tags/v1.0.0", "", "bab9f342fb8c6f5138145e20823cb3c44034a564")
    assert told["tag-delete-0.push"] == told["tag-delete-1.delete"] == RefDeleted("refs/tags/v1.0.0")
    opened = told["pr-opened.pull_request"]
    assert isinstance(opened, PullRequest)
    assert (opened.action, opened.number, opened.head_sha) == (PullAction.OPENED, 1, head)
    assert (opened.source_branch, opened.target_branch, opened.is_fork) == ("feature", "main", False)
    synced = told["pr-sync-1.pull_request_sync"]
    assert isinstance(synced, PullRequest)
    assert (synced.action, synced.head_sha) == (PullAction.UPDATED, "6a704da158cb3149454a29dfe60df925e51ece93")


@needs_examples
def test_every_example_of_github_is_decoded() -> None:
    told = [decode(one.host, one.headers, one.body) for one in GITHUB]

    assert len(told) > 300
    kinds = {type(event) for event in told}
    assert kinds == {Push, RefDeleted, PullRequest, Checks, Installation, RepositoryChanged, Ping, Ignored}


def test_gitlab_is_believed_by_its_token_alone() -> None:
    body = b"{}"

    assert is_signed(Host.GITLAB, {"x-gitlab-token": SECRET}, body, SECRET)
    assert not is_signed(Host.GITLAB, {"x-gitlab-token": SECRET + "x"}, body, SECRET)
    assert not is_signed(Host.GITLAB, {"x-gitlab-token": "\udce4"}, body, SECRET)
    assert not is_signed(Host.GITLAB, signed(Host.GITHUB, {}, body, SECRET), body, SECRET)
    assert not is_signed(Host.GITLAB, {"x-gitlab-token": ""}, body, "")


@pytest.mark.parametrize("host", [Host.GITHUB, Host.GITEA, Host.GIT])
def test_no_empty_wrong_or_foreign_signature_is_believed(host: Host) -> None:
    body = b'{"a": 1}'
    good = signed(host, {}, body, SECRET)

    assert is_signed(host, good, body, SECRET)
    assert not is_signed(host, {}, body, SECRET)
    assert not is_signed(host, dict.fromkeys(good, ""), body, SECRET)
    assert not is_signed(host, dict.fromkeys(good, "sha256="), body, SECRET)
    assert not is_signed(host, signed(host, {}, body, ""), body, "")
    assert not is_signed(host, {"x-gitlab-token": SECRET}, body, SECRET)


def test_what_gitlab_sends_is_decoded_as_what_happened() -> None:
    told = {one.name: decode(one.host, one.headers, one.body) for one in gitlab()}
    opened = PullRequest(PullAction.OPENED, 3, SHA, "feature", "main", is_fork=False, by="jane")

    assert told["push"] == Push("refs/heads/main", "", SHA)
    assert told["tag"] == Push("refs/tags/v1.0.0", "", SHA)
    assert told["gone"] == RefDeleted("refs/heads/feature")
    assert told["opened"] == opened
    assert isinstance(told["merged"], PullRequest)
    assert told["merged"].action is PullAction.CLOSED
    assert isinstance(told["updated"], PullRequest)
    assert told["updated"].action is PullAction.UPDATED
    assert isinstance(told["labelled"], PullRequest)
    assert (told["labelled"].action, told["labelled"].labels) == (PullAction.LABELLED, ("preview",))
    assert told["pipeline"] == Checks(SHA, "pipeline", CheckState.PASSED)
    assert told["job"] == Checks(SHA, "test", CheckState.WAITING)
    assert told["note"] == Ignored("Note Hook")


def test_a_merge_request_of_another_project_is_a_forks() -> None:
    body = json.dumps(merge_request("open", fork=True)).encode()

    event = decode(Host.GITLAB, {"x-gitlab-event": "Merge Request Hook"}, body)

    assert isinstance(event, PullRequest)
    assert event.is_fork


def test_a_pull_request_whose_fork_is_gone_counts_as_a_forks() -> None:
    side = {"ref": "main", "sha": SHA, "repo": {"id": 7}}
    pull = {"number": 1, "head": {**side, "repo": None}, "base": side}

    event = decode(Host.GITHUB, *github_body("pull_request", action="opened", pull_request=pull))

    assert isinstance(event, PullRequest)
    assert event.is_fork


def test_a_plain_push_hook_needs_no_event_header() -> None:
    told = [decode(one.host, one.headers, one.body) for one in plain()]

    assert told == [Push("refs/heads/main", "", SHA), RefDeleted("refs/heads/feature")]


def test_installations_and_renames_are_known_by_the_hosts_ids() -> None:
    repository = {"id": 7, "full_name": "acme/shop", "default_branch": "trunk"}
    installed = {"id": 9, "account": {"login": "acme"}}

    added = decode(Host.GITHUB, *github_body("installation", action="created", installation=installed,
                                             repositories=[repository]))  # fmt: skip
    renamed = decode(Host.GITHUB, *github_body("repository", action="renamed", repository=repository))

    shop = HostRepository("7", "acme/shop")
    assert added == Installation("created", "9", "acme", (shop,))
    assert renamed == RepositoryChanged("changed", shop, "trunk")


@pytest.mark.parametrize(
    ("host", "headers", "id"),
    [
        (Host.GITHUB, {"x-github-delivery": "a"}, "a"),
        (Host.GITEA, {"x-gitea-delivery": "b", "x-github-delivery": "a"}, "b"),
        (Host.GITLAB, {"idempotency-key": "c", "x-github-delivery": "a"}, "c"),
        (Host.GIT, {}, ""),
    ],
)
def test_a_delivery_has_the_id_that_its_host_gave(host: Host, headers: dict[str, str], id: str) -> None:
    assert delivery_id(host, headers) == id


@pytest.mark.parametrize(
    "name",
    ["", "refs/heads/*", "refs/heads/a b", "refs/heads/..", "-x", "refs/heads/a\x00", "refs/heads/.a", "refs//heads",
     "refs/heads/a.lock", "refs/heads/a/", "refs/heads/@{1}", "refs/heads/a\n", "refs/heads/" + "é" * 300],
)  # fmt: skip
def test_a_name_that_git_would_refuse_is_refused(name: str) -> None:
    with pytest.raises(Rejected, match="no name"):
        ref_name(name)


def test_a_push_to_neither_branch_nor_tag_changes_nothing() -> None:
    body = json.dumps({"ref": "refs/notes/x", "before": ZEROS, "after": SHA}).encode()

    assert decode(Host.GIT, {}, body) == Ignored("push to refs/notes/x")


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[" * 100_000, b'{"ref": "\\ud800", "before": "", "after": ""}', b"1e999", b"{}"]
)
def test_a_body_that_is_no_event_is_refused_with_a_sentence(body: bytes) -> None:
    with pytest.raises(Rejected, match="this is no push event"):
        decode(Host.GIT, {}, body)


@given(
    host=st.sampled_from(list(Host)),
    event=st.sampled_from(["push", "delete", "pull_request", "check_run", "status", "installation", "repository",
                           "Push Hook", "Merge Request Hook", "Pipeline Hook", "Job Hook"]),
    body=st.one_of(json_values.map(lambda value: json.dumps(value).encode()), st.binary(max_size=60)),
)  # fmt: skip
def test_no_body_makes_decoding_crash(host: Host, event: str, body: bytes) -> None:
    headers = dict.fromkeys(("x-github-event", "x-gitlab-event"), event)

    with contextlib.suppress(Rejected):
        decode(host, headers, body)

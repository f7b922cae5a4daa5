"""Previews: their names, their hosts, and when they are made; and image strategies beside them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.images import image_strategy
from chalicelib.core.manifests import APP_NAME, Manifest
from chalicelib.core.policies import DeployPolicy, Event, Version
from chalicelib.core.previews import decide_manifest, preview_app, sanitize_dns_name, with_preview_host


@given(st.text(max_size=80))
def test_a_sanitized_name_is_a_dns_name_or_nothing(text: str) -> None:
    assert re.fullmatch(r"([0-9a-z]([0-9a-z-]{0,51}[0-9a-z])?)?", sanitize_dns_name(text))


@given(st.text(min_size=1, max_size=80), st.integers(min_value=0, max_value=40))
def test_a_preview_always_has_a_valid_app_name(branch: str, extra: int) -> None:
    assert APP_NAME.fullmatch(preview_app("shop" + "x" * extra, branch))


def test_a_preview_is_named_after_its_branch() -> None:
    assert preview_app("shop-preview", "feature/Login_2") == "shop-feature-login-2"
    assert re.fullmatch(r"shop-fix-[0-9a-f]{6}", preview_app("shop", "fix", taken={"shop-fix"}))
    assert len(preview_app("shop", "b" * 80)) == 53
    assert preview_app("shop", "b" * 80) != preview_app("shop", "b" * 81)


@pytest.mark.parametrize(
    ("values", "suffix", "host"),
    [
        ({"ingress": {"host": "shop.example.com"}}, "", "p.example.com"),
        ({"ingress": {"host": "shop.example.com"}}, ".preview.io", "p.preview.io"),
        ({}, "-x.preview.io", "p-x.preview.io"),
        ({}, "", None),
    ],
)
def test_a_preview_has_a_host_of_its_own(values: dict[str, object], suffix: str, host: str | None) -> None:
    tree = with_preview_host({"values": values}, "p", suffix)  # type: ignore[dict-item]  # plain literals

    found = tree["values"]
    assert isinstance(found, dict)
    ingress = found.get("ingress")
    assert (ingress["host"] if isinstance(ingress, dict) else None) == host


@pytest.mark.parametrize(
    ("policy", "version", "deploy"),
    [
        (None, Version(branch="fix"), True),
        (None, Version(branch="main"), False),
        (None, Version(Event.PR, branch="main"), False),
        (DeployPolicy("feature/*", event=Event.PUSH), Version(branch="fix"), False),
        (DeployPolicy("feature/*", event=Event.PUSH), Version(branch="feature/a"), True),
    ],
)
def test_a_preview_follows_pushes_to_other_branches_than_the_default(
    policy: DeployPolicy | None, version: Version, deploy: bool
) -> None:
    manifest = Manifest("shop", "staging", "team", preview=True, deploy=policy)

    assert decide_manifest(manifest, version, default_branch="main").deploy is deploy


@pytest.mark.parametrize(
    ("image", "strategy"),
    [
        (None, "dynamic"),
        ({"repository": "nginx", "tag": "{{ .SHA }}"}, "dynamic"),
        ({"repository": "nginx", "tag": "1.19"}, "static"),
        ({"repository": "nginx", "strategy": "buildpacks"}, "buildpacks"),
    ],
)
def test_the_image_says_how_it_is_made(image: dict[str, str] | None, strategy: str) -> None:
    manifest = Manifest("shop", "staging", "team", values={"image": image} if image else {})  # type: ignore[dict-item]

    assert image_strategy(manifest) == strategy


def test_an_image_that_nobody_built_is_never_deployed_unasked() -> None:
    policy = DeployPolicy("main", event=Event.PUSH)
    manifest = Manifest("shop", "staging", "team", deploy=policy, values={"image": {"strategy": "dockerfile"}})

    decision = decide_manifest(manifest, Version(branch="main"))

    assert not decision.deploy
    assert decision.reason == (
        "the image is built by strategy dockerfile, which is not supported yet: "
        "ship an artifact from CI or set `dynamic`"
    )

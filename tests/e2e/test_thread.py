"""The thread, end to end: push and see it live, push a broken version and read why, roll back and see it live again."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.request import Request

import pytest
from playwright.sync_api import expect

from infra.testbed import parts
from tests.e2e.demo import TOKEN, Demo
from tests.e2e.page import AppsScreen, chromium
from tests.road.world import Checkout, git, send

REAL_MISSING = parts.missing(parts.CONTROL_PLANE + parts.FLUX)
LIVE_SECONDS = 90
STAGING = ".gimlet/staging.yaml"

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(600)]
CLUSTERS = [
    pytest.param("demo", id="stand-in"),
    pytest.param(
        "real",
        id="real",
        marks=[
            pytest.mark.real,
            pytest.mark.skipif(bool(REAL_MISSING), reason="the end-to-end test on the real parts: run make testbed"),
        ],
    ),
]


def clone(demo: Demo, folder: Path) -> Checkout:
    """The demo application, cloned by the line that was printed."""
    git(folder, "clone", "-q", demo.clone_url, "shop")
    return Checkout(folder / "shop")


def edit(shop: Checkout, old: str, new: str) -> dict[str, str]:
    """The staging manifest with one thing changed."""
    text = (shop.folder / STAGING).read_text()
    assert old in text
    return {STAGING: text.replace(old, new)}


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_push_is_seen_live_a_broken_one_is_explained_and_a_rollback_heals(cluster: str, tmp_path: Path) -> None:
    with Demo(tmp_path / "state", cluster=cluster) as demo, chromium(cluster) as screen:
        shop = clone(demo, tmp_path)
        first = git(shop.folder, "rev-parse", "HEAD").strip()
        screen.open(demo.link)
        expect(screen.page.get_by_test_id("notice")).to_contain_text("demo cluster")
        assert "code=" not in screen.page.url
        screen.expect_live("shop", "staging", first, LIVE_SECONDS)
        screen.expect_live("shop", "production", first, LIVE_SECONDS)

        good = shop.push("Greet better", edit(shop, "GREETING: hello from staging", "GREETING: good morning"))

        screen.expect_live("shop", "staging", good, LIVE_SECONDS)
        screen.expect_live("shop", "production", first, LIVE_SECONDS)
        screen.shoot("live")
        broken_is_explained(screen, demo, shop)
        roll_back(screen, demo, good)
        one_story(demo, good)
        assert screen.violations == []


def broken_is_explained(screen: AppsScreen, demo: Demo, shop: Checkout) -> None:
    """A version whose image is not there: the page names the hop and the cause."""
    shop.push("Break the image", edit(shop, "repository: registry.example/shop\n    tag: \"{{ .SHA }}\"",
                                      "repository: registry.example/shop\n    tag: does-not-exist"))  # fmt: skip
    reason = screen.cell("shop", "staging").get_by_test_id("reason").filter(has_text="ImagePull").first
    expect(reason).to_be_visible(timeout=LIVE_SECONDS * 1000)
    screen.shoot("broken")
    screen.cell("shop", "staging").get_by_role("link").click()
    healthy = screen.hop("healthy")
    expect(healthy).to_have_attribute("data-state", "failed", timeout=240_000)
    expect(healthy).to_contain_text("ImagePull")
    screen.shoot("explained")


def roll_back(screen: AppsScreen, demo: Demo, good: str) -> None:
    """Roll back to the good version by the page's own button."""
    row = screen.page.get_by_test_id("release-row").filter(has_text=good[:7]).first
    row.get_by_test_id("action-roll-back").click()
    screen.shoot("asks")
    screen.page.get_by_test_id("confirm").click()
    expect(screen.page.get_by_test_id("hold")).to_be_visible(timeout=LIVE_SECONDS * 1000)
    screen.open(demo.url)
    screen.expect_live("shop", "staging", good, LIVE_SECONDS)
    screen.shoot("healed")


def one_story(demo: Demo, good: str) -> None:
    """`/api` says what the page says."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    status = send(Request(f"{demo.url}/api/status?env=staging", headers=headers)).body["shop"]
    assert status["version"]["sha"] == good
    assert status["gitopsCommitStatus"] == "ReconciliationSucceeded", json.dumps(status)
    listed = send(Request(f"{demo.url}/api/releases?env=staging&app=shop", headers=headers)).body
    assert listed[0]["rolledBack"] is True

"""The page in a real Chromium, by what a person looks for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page, expect, sync_playwright

from infra.testbed.chromium import find_chromium

FLAGS = ("--no-sandbox", "--disable-dev-shm-usage")
SHOTS = Path(os.environ.get("SHOTS", "test-results/screenshots"))


class AppsScreen:
    """`/` and an app's own screen."""

    def __init__(self, page: Page, name: str) -> None:
        self.page = page
        self.name = name
        self.violations: list[str] = []
        page.on("console", self._note)

    def _note(self, message: object) -> None:
        text = str(getattr(message, "text", message))
        if "Content Security Policy" in text:
            self.violations.append(text)

    def open(self, url: str) -> None:
        """Go somewhere."""
        self.page.goto(url)

    def cell(self, app: str, environment: str) -> Locator:
        """One app in one environment."""
        return self.page.locator(f'[data-testid=cell][data-app="{app}"][data-environment="{environment}"]')

    def expect_live(self, app: str, environment: str, sha: str, seconds: float) -> None:
        """The cell shows this version, healthy, with nothing under way."""
        cell = self.cell(app, environment)
        expect(cell.get_by_test_id("version").first).to_have_text(sha[:7], timeout=seconds * 1000)
        expect(cell.get_by_test_id("health")).to_have_attribute("data-word", "Healthy", timeout=seconds * 1000)
        expect(cell.get_by_test_id("under-way")).to_have_count(0, timeout=seconds * 1000)

    def hop(self, name: str) -> Locator:
        """A hop of the timeline on the app's screen."""
        return self.page.locator(f'[data-testid=timeline] [data-testid=hop][data-hop="{name}"]')

    def shoot(self, what: str) -> None:
        """Keep a picture for people."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{self.name}-{what}.png", full_page=True)


@contextmanager
def chromium(name: str) -> Iterator[AppsScreen]:
    """A browser with one page."""
    path = find_chromium()
    assert path is not None, "there is no chromium: run python -m infra.testbed.chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(path), args=list(FLAGS))
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            yield AppsScreen(page, name)
        finally:
            browser.close()

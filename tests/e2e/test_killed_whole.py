"""`make run` killed whole loses at most its last second, and heals at the next start."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError
from urllib.request import Request

import pytest

from tests.e2e.demo import TOKEN, Demo
from tests.road.world import Checkout, Reply, git, send, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def desired(demo: Demo) -> str:
    """The version that staging is to run, as `/api` says; empty while nobody says."""
    try:
        reply = call(demo, "/api/status?env=staging")
    except (URLError, ConnectionError):
        return ""
    return str(reply.body["shop"]["version"]["sha"]) if reply.status == 200 and reply.body.get("shop") else ""


def call(demo: Demo, path: str) -> Reply:
    """Ask the API."""
    return send(Request(demo.url + path, headers={"Authorization": f"Bearer {TOKEN}"}))


def released_versions(demo: Demo) -> list[str]:
    """The versions of all releases of staging in Git, newest first."""
    listed = call(demo, "/api/releases?env=staging&app=shop&limit=-1").body
    return [one["version"]["sha"] for one in listed if one["gitopsRef"]]


def test_a_push_right_before_the_kill_is_released_once_after_the_next_start(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "state", cluster="demo").start()
    try:
        git(tmp_path, "clone", "-q", demo.clone_url, "shop")
        shop = Checkout(tmp_path / "shop")
        before = wait_until("first release", lambda: desired(demo), 60)
        sha = shop.push("Almost lost", {"greeting.txt": "hello again\n"})
        demo.kill()

        demo.start()

        wait_until("release of the push", lambda: desired(demo) == sha, 90)
        assert released_versions(demo) == [sha, before]
        subjects = git(tmp_path / "state" / "git" / "gitops.git", "log", "--format=%s", "main").splitlines()
        assert subjects.count("[Gimlet] staging/shop automated deploy") == 2
    finally:
        demo.stop()


def test_what_was_there_survives_a_kill_and_a_restart(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "state", cluster="demo").start()
    try:
        before = wait_until("first release", lambda: desired(demo), 60)
        wait_until("both releases live", lambda: all_live(demo), 60)
        demo.stop()
        demo.start()
        demo.kill()

        demo.start()

        assert desired(demo) == before
        assert call(demo, "/v1/environments").body["items"][0]["name"] == "staging"
        wait_until("agents back", lambda: agents(demo) == ["online", "online"], 60)
    finally:
        demo.stop()


def all_live(demo: Demo) -> bool:
    """Whether all that was released in both environments is live."""
    pages = [call(demo, f"/v1/apps/{env}/shop").body for env in ("staging", "production")]
    return all(page.get("releases") and page["releases"][0]["state"] == "live" for page in pages)


def agents(demo: Demo) -> list[str]:
    """What each environment says of its agent."""
    return [one.get("agent", {}).get("state", "never") for one in call(demo, "/v1/environments").body["items"]]

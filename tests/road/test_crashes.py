"""The process that runs the functions is killed at every call between webhook and commit: released once, none lost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.adapters.dynamodb import Table
from chalicelib.adapters.records_table import RecordsTable
from chalicelib.adapters.sources import now_us
from chalicelib.core.apps import App
from chalicelib.core.records import app_key
from chalicelib.usecases.environments import environment_id
from infra.local.bootstrap import ORGANIZATION_ID
from infra.local.resources import client
from tests.road.conftest import running_world
from tests.road.counting_proxy import CountingProxy, Point
from tests.road.test_push_to_commit import STAGING
from tests.road.world import Checkout, World, git, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1500)]
WRITES = ("DynamoDB.PutItem", "DynamoDB.TransactWriteItems", "SQS.SendMessage", "S3.PUT")
KINDS = (*WRITES, "DynamoDB.GetItem", "DynamoDB.Query", "S3.GET", "SSM.GetParameter")


class Crashes:
    """A world whose functions reach AWS through a proxy that kills them."""

    def __init__(self, world: World, proxy: CountingProxy) -> None:
        self.world = world
        self.proxy = proxy
        self.shop: Checkout = world.clone("acme/shop")
        dynamodb = client("dynamodb", world.system.aws_endpoint)
        names = (world.system.settings["RECORDS_TABLE"], world.system.settings["DOCUMENTS_TABLE"])
        tables = [Table(name, dynamodb) for name in names]
        self.records = RecordsTable(tables[0], tables[1], now_us)
        self.pushes = 0
        self.started_again = False

    def count_calls(self) -> dict[str, int]:
        """Calls of each kind for one push that nothing disturbs."""
        self.proxy.arm(None)
        sha = self.push()
        self.wait_for(sha)
        return {kind: count for kind, count in self.proxy.counts.items() if kind in KINDS}

    def crash_at(self, point: Point) -> bool:
        """Push, die at `point`, start again, deliver again; whether the point was reached."""
        print(point, flush=True)
        self.proxy.arm(point)
        sha = self.push()
        wait_until("crash or release", lambda: self.proxy.killed.is_set() or self.is_told(sha), 60)
        wait_until("redelivery", self.is_redelivered)
        self.wait_for(sha)
        assert self.commits_of(sha) == 1
        return self.proxy.killed.is_set()

    def start_again(self) -> None:
        """Start the functions again if they were killed."""
        if self.proxy.killed.is_set() and not self.started_again:
            self.world.system.kill_functions()  # it is dead: this only buries it
            self.world.system.start_functions()
            self.started_again = True

    def is_redelivered(self) -> bool:
        """Send the delivery again, as a host's person would, until it is taken."""
        self.start_again()
        return self.world.redeliver(-1).status in (200, 202)

    def push(self) -> str:
        """Push a change that is another release."""
        self.pushes += 1
        self.started_again = False
        text = STAGING.replace("replicas: 2", f"replicas: {1 + self.pushes % 9}")
        return self.shop.push(f"change {self.pushes}", {".gimlet/staging.yaml": text})

    def wait_for(self, sha: str) -> None:
        """Until the commit is there and the index says so."""

        def told() -> bool:
            self.start_again()
            return self.is_told(sha)

        wait_until(f"release of {sha[:10]} at {self.proxy.counts}", told, 60)

    def is_told(self, sha: str) -> bool:
        """Whether the index says that this version is desired; looked up past the proxy, so that it is not counted."""
        row = self.records.get(App, app_key(ORGANIZATION_ID, environment_id(ORGANIZATION_ID, "staging"), "shop"))
        return row is not None and row.desired is not None and row.desired.sha == sha

    def commits_of(self, sha: str) -> int:
        """How many commits of the GitOps repository release this version."""
        bare = self.world.system.git.path_of("acme/gitops")
        if not (bare / "refs/heads/main").exists():
            return 0
        found = git(bare, "log", "--format=%H", f"-S{sha}", "main", "--", "staging/shop/release.json").split()
        return sum(1 for one in found if sha in git(bare, "show", f"{one}:staging/shop/release.json"))


@pytest.fixture
def crashes(tmp_path: Path) -> Iterator[Crashes]:
    proxy = CountingProxy()
    with running_world(tmp_path, functions_aws_endpoint=proxy.url, proxy=proxy) as world:
        gitops = world.import_repository("acme/gitops", "gitops")
        world.import_repository("acme/shop", "application")
        world.make_environment("staging", gitops)
        yield Crashes(world, proxy)
    proxy.stop()


def test_a_crash_at_any_call_loses_nothing_and_releases_once(crashes: Crashes) -> None:
    crashes.count_calls()
    calls = crashes.count_calls()
    every = os.environ.get("CRASH_POINTS", "all") == "all"
    points = [
        Point(kind, number, passed_on)
        for kind, count in sorted(calls.items())
        for number in range(1, count + 1)
        for passed_on in ((False, True) if kind in WRITES else (False,))
    ]

    reached = [point for point in (points if every else points[::5]) if crashes.crash_at(point)]

    print(f"calls {calls}, crashes {len(reached)} of {len(points)}")
    assert len(reached) >= len(points if every else points[::5]) * 0.8
    subjects = crashes.world.gitops_log("acme/gitops")
    assert len(subjects) == crashes.pushes
    releases = crashes.world.call("GET", "/api/releases?env=staging&limit=-1").body
    assert len({one["gitopsRef"] for one in releases}) == crashes.pushes

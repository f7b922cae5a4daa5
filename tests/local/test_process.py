"""The product's own functions in a process of their own: a push is released once, also when they are killed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.local.bootstrap import Outcome, Wish, bootstrap_in_child
from infra.local.git_push import RefChange
from infra.local.seed import GITOPS, SHOP, Api, Memory, Seed
from infra.local.system import LocalSystem
from infra.local.webhooks import deliver, push_payload
from tests.local.tiny import wait_for

pytestmark = pytest.mark.integration


@dataclass
class Shop:
    """A seeded system whose pushes are delivered by the test itself."""

    system: LocalSystem
    seed: Seed
    pushes: list[RefChange]
    api: Api

    def releases(self) -> list[str]:
        """The subjects of staging's releases in the GitOps repository, oldest first."""
        shown = subprocess.run(
            ["git", f"--git-dir={self.system.git.path_of(GITOPS)}", "log", "--reverse", "--format=%s", "main", "--",
             "staging/shop"], capture_output=True, text=True, check=True, timeout=20,
        )  # fmt: skip
        return shown.stdout.splitlines()

    def deliver(self, delivery_id: str) -> None:
        """Post the newest push of a branch, as GitHub would."""
        hook, change = self.seed.hook(), [it for it in self.pushes if it.ref.startswith("refs/heads/")][-1]
        assert hook is not None
        deliver(hook, push_payload(self.seed.hosted(), change), delivery_id=delivery_id)


@contextmanager
def seeded(folder: Path, moved_from: str = "") -> Iterator[Shop]:
    pushes: list[RefChange] = []
    outcomes: list[Outcome] = []

    def prepare(system: LocalSystem) -> None:
        wish = Wish(moved_from=moved_from, moved_to=system.url, sign_in=False)
        outcomes.append(bootstrap_in_child(wish, system.settings))

    def pushed(repository: str, changes: list[RefChange]) -> None:
        if repository == SHOP:
            pushes.extend(changes)

    with LocalSystem(folder / "state", prepare=prepare, on_push=pushed) as system:
        seed = Seed(system.git, system.url, Memory(folder / "demo.json"))
        seed.prepare()
        api = Api(system.url, outcomes[0].token)
        seed.seed(api)
        seed.push_first()
        yield Shop(system, seed, pushes, api)


def test_a_push_is_released_once_though_the_functions_are_killed_and_the_delivery_comes_twice(tmp_path: Path) -> None:
    with seeded(tmp_path) as shop:
        shop.deliver("one")
        clones = Path(shop.system.settings["CLONE_DIR"])
        wait_for(lambda: os.listdir(clones), 30)  # a worker is busy with it
        shop.system.kill_functions()
        shop.system.start_functions()
        shop.deliver("one")

        wait_for(shop.releases, 60)

        shop.deliver("again")
        wait_for(lambda: settled(shop), 60)
        assert shop.releases() == ["[Gimlet] staging/shop automated deploy"]


def test_repositories_that_we_host_follow_us_to_another_port(tmp_path: Path) -> None:
    with seeded(tmp_path) as shop:
        before = shop.system.url

    with seeded(tmp_path, moved_from=before) as shop:
        urls = {item["path"]: item["url"] for item in shop.api.get("/v1/repositories")["items"]}
        assert shop.system.url != before
        assert urls == {f"demo/{name}": shop.system.git_url(name) for name in (GITOPS, SHOP)}


def settled(shop: Shop) -> bool:
    """Whether no queue holds a message."""
    from tests.local.tiny import Tiny, waiting

    tiny = Tiny(shop.system, Path())
    return not any(waiting(tiny, name) for name in ("intake", "render", "train.fifo"))

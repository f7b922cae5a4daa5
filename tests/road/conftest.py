"""The running world of the road tests: one system a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.bootstrap import Wish, bootstrap_in_child
from infra.local.system import LocalSystem
from tests.road.counting_proxy import CountingProxy
from tests.road.world import TOKEN, World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A system with one organisation, an admin's token, and nothing else."""
    folder = tmp_path_factory.mktemp("world")
    with running_world(folder) as made:
        yield made


class running_world:  # noqa: N801 - reads as a word where it is used
    """Start a system in `folder`, `with` it."""

    def __init__(self, folder: Path, *, proxy: CountingProxy | None = None, **options: object) -> None:
        self.folder = folder
        self.proxy = proxy
        self.options = options

    def __enter__(self) -> World:
        holder: list[World] = []
        options = {"settings": {"LOCAL": "1"}, "on_push": lambda name, changes: holder[0].on_push(name, changes)}
        system = LocalSystem(self.folder / "state", **(options | self.options))  # type: ignore[arg-type] # test options
        world = World(system, self.folder)
        holder.append(world)
        self.system = system
        if self.proxy is not None:
            self.proxy.target = system.aws_endpoint
            self.proxy.victim = lambda: system.functions_pid
        system.start()
        bootstrap_in_child(Wish(organization="Acme", token=TOKEN, gap=False, sign_in=False), self._settings(system))
        return world

    @staticmethod
    def _settings(system: LocalSystem) -> dict[str, str]:
        """The functions' settings, past any proxy: what is prepared is not what is measured."""
        return system.settings | {"AWS_ENDPOINT_URL": system.aws_endpoint}

    def __exit__(self, *_: object) -> None:
        self.system.stop()

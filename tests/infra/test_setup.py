"""Set-up: what is missing is said first and whole, what was done once is not done again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Thread

import pytest

from infra.setup.stamps import digest_of, run_once
from infra.setup.steps import StepFailed, _call
from infra.setup.system import Missing, Need, require

HERE = Need("here", "something", lambda: True, ("never-asked-for",))
GONE = Need("gone", "something", lambda: False, ("gone-package",))
TOO_OLD = Need("Tool 9 or newer", "something else", lambda: False, advice="install it from its site")


def test_a_step_runs_once_for_what_it_is_made_from(tmp_path: Path) -> None:
    runs: list[int] = []
    stamp, product = tmp_path / "stamps" / "step", tmp_path / "product"

    def step() -> None:
        runs.append(1)
        product.write_text("made")

    assert run_once(stamp, "a", product, step) is True
    assert run_once(stamp, "a", product, step) is False
    assert run_once(stamp, "b", product, step) is True
    product.unlink()
    assert run_once(stamp, "b", product, step) is True
    assert len(runs) == 3


def test_a_step_that_failed_runs_again(tmp_path: Path) -> None:
    stamp, product = tmp_path / "step", tmp_path / "product"
    product.write_text("half made")

    def fail() -> None:
        raise StepFailed("no network")

    with pytest.raises(StepFailed):
        run_once(stamp, "a", product, fail)

    assert run_once(stamp, "a", product, lambda: None) is True


def test_two_callers_at_once_do_a_step_once(tmp_path: Path) -> None:
    runs: list[int] = []
    product = tmp_path / "product"

    def step() -> None:
        runs.append(1)
        product.write_text("made")

    callers = [Thread(target=run_once, args=(tmp_path / "step", "a", product, step)) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert len(runs) == 1


def test_a_digest_changes_with_content_names_and_facts_only(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "file"
    file.parent.mkdir()
    file.write_text("one")
    before = digest_of([file.parent], "node 20")

    file.touch()
    assert digest_of([file.parent], "node 20") == before
    assert digest_of([file.parent], "node 22") != before
    file.write_text("two")
    assert digest_of([file.parent], "node 20") != before
    file.rename(file.with_name("other"))
    assert digest_of([file.parent], "node 20") != before


def test_a_missing_source_counts_until_it_is_there(tmp_path: Path) -> None:
    before = digest_of([tmp_path / "lock"])

    (tmp_path / "lock").write_text("")

    assert digest_of([tmp_path / "lock"]) != before


def test_everything_missing_is_named_at_once_with_how_to_get_it() -> None:
    with pytest.raises(Missing) as caught:
        require([HERE, GONE, TOO_OLD])

    assert str(caught.value).splitlines() == [
        "missing: gone (something); on Debian, as root: apt-get install gone-package",
        "missing: Tool 9 or newer (something else); install it from its site",
    ]


def test_where_it_may_it_installs_only_what_is_missing() -> None:
    installed: list[str] = []
    need = Need("soon", "something", lambda: "soon-package" in installed, ("soon-package",))

    def install(packages: Sequence[str]) -> None:
        installed.extend(packages)

    require([HERE, need], install=install)

    assert installed == ["soon-package"]


def test_a_failing_command_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=r"the lock file is stale"):
        _call("packages", ["sh", "-c", "echo the lock file is stale; exit 3"], tmp_path)

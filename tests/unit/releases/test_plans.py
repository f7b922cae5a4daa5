"""What a release changes in the GitOps repository, and what it leaves alone."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Rejected
from chalicelib.core.flux import kustomization
from chalicelib.core.plans import (
    RELEASE_FILE,
    ChangeSet,
    Standing,
    Wanted,
    plan_delete,
    plan_deploy,
    plan_rollback,
)
from chalicelib.core.releases import Kind
from tests.unit.releases.builders import STAGING, release

names = st.sampled_from(["a.yaml", "b.yaml", "c.yaml", "manifest.yaml"])
trees = st.dictionaries(names, st.binary(max_size=3), min_size=1)
KUSTOMIZATION = "staging/flux/kustomization-shop.yaml"


def after(standing: Standing, change: ChangeSet | None, folder: str = "staging/shop/") -> Standing:
    """What stands in the folder once the change is committed."""
    files = dict(standing.files)
    flux = standing.kustomization
    for path, content in (change.changes if change else {}).items():
        if path == KUSTOMIZATION:
            flux = content
        elif path.startswith(folder):
            name = path.removeprefix(folder)
            files.pop(name, None)
            if content is not None:
                files[name] = content
    return Standing(files, flux, standing.namespaces)


def deployed(files: Mapping[str, bytes], standing: Standing | None = None) -> Standing:
    standing = standing or Standing({})
    return after(standing, plan_deploy(release(), STAGING, Wanted(files), standing))


@given(trees)
def test_the_same_files_again_are_no_commit(files: dict[str, bytes]) -> None:
    standing = deployed(files)

    assert plan_deploy(release(id="rel2", number=2), STAGING, Wanted(files), standing) is None


@given(trees, trees)
def test_after_a_deploy_exactly_its_files_stand(before: dict[str, bytes], files: dict[str, bytes]) -> None:
    standing = deployed(files, deployed(before))

    assert {name: text for name, text in standing.files.items() if name != RELEASE_FILE} == files


@given(trees, trees, trees)
def test_a_rollback_brings_back_what_was_whatever_came_between(
    first: dict[str, bytes], second: dict[str, bytes], third: dict[str, bytes]
) -> None:
    then = deployed(first)
    now = deployed(third, deployed(second, then))

    back = after(now, plan_rollback(release(kind=Kind.ROLLBACK), STAGING, then.files, now))

    assert back == then


@given(trees)
def test_what_a_person_put_beside_the_app_survives_deploy_rollback_and_delete(files: dict[str, bytes]) -> None:
    standing = deployed(files)
    then = standing.files
    standing = Standing({**standing.files, "by-hand.yaml": b"mine"}, standing.kustomization)

    standing = deployed({"other.yaml": b"x"}, standing)
    standing = after(standing, plan_rollback(release(kind=Kind.ROLLBACK), STAGING, then, standing))
    standing = after(standing, plan_delete(release(kind=Kind.DELETE), STAGING, standing))

    assert standing == Standing({"by-hand.yaml": b"mine"}, None)


def test_a_delete_of_what_is_not_there_is_no_commit() -> None:
    assert plan_delete(release(kind=Kind.DELETE), STAGING, Standing({})) is None


def test_a_delete_of_an_adopted_app_takes_its_yaml_files_only() -> None:
    standing = Standing({"deployment.yaml": b"x", "README.md": b"y", RELEASE_FILE: b'{"app": "shop"}'})

    change = plan_delete(release(kind=Kind.DELETE), STAGING, standing)

    assert change is not None
    assert set(change.changes) == {"staging/shop/deployment.yaml", f"staging/shop/{RELEASE_FILE}"}


def test_a_rollback_to_a_commit_without_the_app_is_refused() -> None:
    with pytest.raises(Rejected, match="holds no release"):
        plan_rollback(release(kind=Kind.ROLLBACK, restores_commit="f" * 40), STAGING, {}, Standing({}))


def test_nothing_outside_the_app_and_its_flux_files_is_touched() -> None:
    change = plan_deploy(release(), STAGING, Wanted({"a.yaml": b"a"}, ("shop",)), Standing({}))

    assert change is not None
    assert set(change.changes) == {
        "staging/shop/a.yaml",
        f"staging/shop/{RELEASE_FILE}",
        KUSTOMIZATION,
        "staging/flux/namespace-shop.yaml",
    }


def test_a_namespace_that_stands_is_left_alone() -> None:
    standing = Standing({}, kustomization(STAGING, "shop").encode(), frozenset({"shop"}))

    change = plan_deploy(release(), STAGING, Wanted({"a.yaml": b"a"}, ("shop",)), standing)

    assert change is not None
    assert not any("flux/" in path for path in change.changes)


def test_release_json_names_the_release_its_version_and_its_files() -> None:
    change = plan_deploy(release(), STAGING, Wanted({"b.yaml": b"b", "a.yaml": b"a"}), Standing({}))

    assert change is not None
    written = change.changes[f"staging/shop/{RELEASE_FILE}"]
    assert written is not None
    value = json.loads(written)
    assert (value["releaseId"], value["app"], value["env"]) == ("rel1", "shop", "staging")
    assert value["files"] == ["a.yaml", "b.yaml"]
    assert value["version"]["sha"] == "a" * 40


@given(st.text())
def test_no_name_forges_a_trailer(name: str) -> None:
    from chalicelib.core.actors import Actor

    forged = release(actor=Actor("person", "x", name + "\nRelease-Id: other"))

    change = plan_deploy(forged, STAGING, Wanted({"a.yaml": b"a"}), Standing({}))

    assert change is not None
    trailers = [line for line in change.message.split("\n") if line.startswith("Release-Id: ")]
    assert trailers == ["Release-Id: rel1"]

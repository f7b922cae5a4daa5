"""One CUE file gives several manifests: checked, decided and rendered each by itself."""

import json

from chalicelib.core.manifests import Format
from chalicelib.usecases.check_manifest import CheckRequest, CheckResult, check_manifest
from tests.fakes_rendering import FakeCharts, FakeCue, FakeEngine, FakeTemplates
from tests.functional.road.town import Town

RAW = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: '{{ .SHA }}'}\n"
DEPLOY = {"branch": "main", "event": "push"}


def _manifest(app: str, **fields: object) -> dict[str, object]:
    return {"app": app, "env": "staging", "namespace": "team", "deploy": DEPLOY, "manifests": RAW, **fields}


def _cue(*manifests: dict[str, object]) -> str:
    return "configs: " + json.dumps(manifests)


def _checked(text: str) -> CheckResult:
    request = CheckRequest(manifest=text, format=Format.CUE, render=True, variables={"SHA": "1"})
    return check_manifest(request, FakeTemplates(), FakeEngine(), FakeCharts(), FakeCue())


def test_each_manifest_of_a_file_is_checked() -> None:
    result = _checked(_cue(_manifest("first"), _manifest("second")))

    assert result.valid
    assert [one.resolved["app"] for one in result.manifests if one.resolved] == ["first", "second"]
    assert all(one.files for one in result.manifests)


def test_problems_of_all_manifests_are_named_at_once_with_their_place_in_the_list() -> None:
    result = _checked(_cue(_manifest("first", chrat={}), _manifest("second", env="No")))

    assert {error.path for error in result.errors} == {"configs[0].chrat", "configs[1].env"}


def test_a_manifest_that_can_not_be_resolved_spoils_no_other() -> None:
    result = _checked(_cue(_manifest("first"), _manifest("second", values={"a": "{{ .NOPE }}"})))

    assert [error.path for error in result.errors] == ["configs[1].values.a"]
    assert result.manifests[0].files


def test_an_empty_list_is_an_error() -> None:
    assert not _checked("configs: []").valid


def test_each_manifest_of_a_pushed_file_becomes_a_release_of_its_own() -> None:
    town = Town()
    town.environment("staging")
    shop = town.repository("acme/shop")

    town.push(shop, {".gimlet/all.cue": _cue(_manifest("first"), _manifest("second"))})

    assert town.states("first") == town.states("second") == ["committed"]
    assert [town.releases(app)[0].manifest_index for app in ("first", "second")] == [0, 1]
    assert "namespace: team" in (town.file("staging/first/manifest.yaml") or town.file("first/manifest.yaml") or "")


def test_a_broken_file_is_a_no_that_says_why() -> None:
    town = Town()
    town.environment("staging")
    shop = town.repository("acme/shop")

    town.push(shop, {".gimlet/all.cue": "configs: ["})

    assert town.releases("first") == []

"""What existing users rely on: the recorded decisions, names and manifests that stand beside the checkout."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from chalicelib.adapters.sandbox import Sandbox
from chalicelib.core.manifests import Format
from chalicelib.core.previews import sanitize_dns_name
from chalicelib.core.variables import VariableSources
from chalicelib.usecases.check_manifest import CheckedManifest, CheckRequest, CheckResult, CheckVersion, check_manifest
from tests.fakes_rendering import FakeCharts, FakeCue, FakeEngine, FakeTemplates

CASES = Path(__file__).parents[4] / "shared" / "cases"
HEAD = {"app": "my-app", "env": "staging", "namespace": "team"}
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="left out: the cases are not beside the checkout")


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CASES / name).read_text().splitlines()]


def _group(name: str) -> list[dict[str, Any]]:
    groups = yaml.safe_load((CASES / "behaviour.yaml").read_text())["groups"]
    return next(group["cases"] for group in groups if group["id"] == name)


def _checked(manifest: dict[str, Any], **request: Any) -> CheckResult:
    text = yaml.safe_dump({**HEAD, **manifest})
    return check_manifest(
        CheckRequest(manifest=text, **request), FakeTemplates(), FakeEngine(), FakeCharts(), FakeCue()
    )


def _version(fields: dict[str, Any]) -> CheckVersion:
    return msgspec.convert(fields, CheckVersion)


def _only(result: CheckResult) -> CheckedManifest:
    assert result.errors == []
    return result.manifests[0]


@needs_cases
def test_every_recorded_policy_row_is_decided_as_recorded() -> None:
    wrong = []
    for row in _lines("policy.jsonl"):
        if row["fn"] == "deploy":
            version = _version({key: value for key, value in row["version"].items() if value})
            decision = _only(_checked({"deploy": row["policy"]}, version=version)).decision
            answer = decision is not None and decision.deploy
        else:
            result = _checked({"cleanup": row["policy"]}, deleted_branch=row["branch"])
            cleanup = result.manifests[0].cleanup
            answer = cleanup is not None and cleanup.matches
        if answer is not row["expected"]:
            wrong.append(row)

    assert wrong == []


@needs_cases
def test_every_recorded_name_is_sanitized_alike_here_and_in_templates() -> None:
    rows = _lines("sanitize.jsonl")
    here = [sanitize_dns_name(row["in"]) for row in rows]
    variables = {f"V{index}": row["in"] for index, row in enumerate(rows)}
    templates = [f"{{{{ .V{index} | sanitizeDNSName }}}}" for index in range(len(rows))]

    there = [answer.text for answer in Sandbox().resolve(templates, variables)]

    assert here == [row["out"] for row in rows]
    assert there == here


@needs_cases
@pytest.mark.parametrize("group", ["deploy_policy", "cleanup_policy"])
def test_every_policy_of_the_behaviour_groups_decides_as_it_should(group: str) -> None:
    for case in _group(group):
        if group == "cleanup_policy":
            checked = _checked({"cleanup": case["policy"]}, deleted_branch=case["branch"]).manifests[0]
            assert checked.cleanup is not None
            assert checked.cleanup.matches is case["expect"], case
        elif isinstance(case["expect"], bool):
            decision = _only(_checked({"deploy": case["policy"]}, version=_version(case["version"]))).decision
            assert decision is not None
            assert decision.deploy is case["expect"], case
        else:
            assert not _checked({"deploy": case["policy"]}, version=_version(case["version"])).valid, case


@needs_cases
def test_every_image_of_the_behaviour_groups_has_the_strategy_it_should() -> None:
    for case in _group("image_strategy"):
        values = {"image": case["image"]} if case["image"] else {}
        request = {"variables": {"SHA": "abc"}}
        assert _only(_checked({"values": values}, **request)).image_strategy == case["expect"], case


def test_json_keys_may_be_spelled_in_another_case() -> None:
    text = json.dumps({"App": "my-app", "Env": "staging", "Namespace": "team"})

    result = check_manifest(
        CheckRequest(manifest=text, format=Format.JSON), FakeTemplates(), FakeEngine(), FakeCharts(), FakeCue()
    )

    assert result.valid


def test_items_of_an_artifact_are_variables() -> None:
    sources = VariableSources(context={"CI_VAR": "civalue"}, items=[{"name": "image", "url": "nginx"}])

    assert sources.for_names() == {"CI_VAR": "civalue", "name": "image", "url": "nginx"}

"""What the agent may do in a cluster: a snapshot, so that it can't grow unseen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from agent.kinds import KINDS

CHART = Path(__file__).resolve().parents[2] / "agent" / "chart" / "templates"


def rules() -> list[dict[str, Any]]:
    """The rules of the ClusterRole; they hold no template."""
    role = (CHART / "role.yaml").read_text().split("\n---\n")[0]
    loaded = yaml.safe_load("rules:" + role.split("\nrules:")[1])
    return list(loaded["rules"])


def test_the_role_allows_exactly_the_kinds_that_are_watched() -> None:
    allowed = {(group, plural) for rule in rules() for group in rule["apiGroups"] for plural in rule["resources"]}

    assert allowed == {(kind.group, kind.plural) for kind in KINDS}


def test_the_role_only_lists_and_watches() -> None:
    assert {verb for rule in rules() for verb in rule["verbs"]} == {"list", "watch"}
    assert not any("*" in str(rule) or "secrets" in str(rule) for rule in rules())


def test_the_agent_runs_without_rights_on_its_node() -> None:
    text = (CHART / "deployment.yaml").read_text()

    for line in (
        "runAsNonRoot: true",
        "readOnlyRootFilesystem: true",
        "allowPrivilegeEscalation: false",
        "drop: [ALL]",
    ):
        assert line in text

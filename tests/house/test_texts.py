"""What no tracked text may hold: secrets, and what is true of one machine only."""

from __future__ import annotations

import re

import pytest

from tests.house.sources import tracked_texts

SECRETS = {
    "a private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\n[A-Za-z0-9+/]{40}",
    "a key of AWS": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a token of GitHub": r"\b(?:ghp|gho|ghs|ghr)_[A-Za-z0-9]{36}\b|\bgithub_pat_[A-Za-z0-9_]{60,}",
    "a token of GitLab": r"\bglpat-[A-Za-z0-9_-]{20}\b",
    "a token of Slack": r"\bxox[abp]-[A-Za-z0-9-]{20,}",
    "a password in a URL": r"\bhttps?://[^\s/:@{}$<>\"'`]+:[^\s/@{}$<>\"'`]{8,}@",
}
MACHINES = {
    "a place on one machine": r"(?<![\w.$}])/(?:root|home/[a-z]+|work)/[A-Za-z.]",
    "a host of a package registry": r"\b(?:files\.pythonhosted|registry\.npmjs|proxy\.golang|registry-1\.docker)\.",
}
EXAMPLES = ("AKIAIOSFODNN7EXAMPLE",)  # AWS's own example


@pytest.mark.parametrize(("what", "pattern"), (SECRETS | MACHINES).items(), ids=(SECRETS | MACHINES).keys())
def test_no_tracked_text_holds(what: str, pattern: str) -> None:
    found = [
        f"{name}: {match.group()[:40]}"
        for name, text in tracked_texts().items()
        for match in re.finditer(pattern, text)
        if match.group() not in EXAMPLES and name != "tests/house/test_texts.py"
    ]

    assert found == [], f"{what}: {found[:10]}"


def test_a_todo_names_an_issue() -> None:
    found = [
        f"{name}: {line.strip()[:80]}"
        for name, text in tracked_texts().items()
        if name.endswith((".py", ".ts", ".tsx", ".go"))
        for line in text.splitlines()
        if re.search(r"\bTODO\b(?!.*#\d)", line) and name != "tests/house/test_texts.py"
    ]

    assert found == []

"""Recorded requests of the existing CLI (`requests.jsonl` beside this) and what its decoder needs of an answer.

Go's decoder refuses a number where a string is expected and the reverse; it takes a missing field for an empty one.
So an answer must have each field of the recorded one, of the same kind, and a list must not be null.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "requests.jsonl"
MAY_BE_EMPTY = {"results", "environments"}  # a list that had one entry in the recording


@dataclass(frozen=True, slots=True)
class CliRequest:
    """What one command of the CLI sends, and the answer it was seen to accept."""

    command: str
    method: str
    path: str
    authorization: str
    body: str
    status: int
    accepted: Any


@cache
def recorded() -> tuple[CliRequest, ...]:
    """All recorded requests."""
    return tuple(_request(json.loads(line)) for line in FILE.read_text().splitlines())


def _request(line: dict[str, Any]) -> CliRequest:
    answer = line.pop("an_answer_it_accepts")
    return CliRequest(**line, status=answer["status"], accepted=answer["body"])


def check_answer(one: CliRequest, status: int, body: Any) -> None:
    """Fails unless the answer has the recorded status, and all that was in the recorded body in the same kinds."""
    assert status == one.status, (one.command, status, body)
    if isinstance(one.accepted, dict) and set(one.accepted) == {"shop"}:  # a map of apps, whose names are data
        assert "shop" in body
    wanted = one.accepted
    if one.path.startswith("/api/eventArtifactTrack"):  # has no type, says the interface; the recording's stand-in had
        wanted = {name: value for name, value in wanted.items() if name != "type"}
    _same_kinds(wanted, body, one.command)


def _same_kinds(wanted: Any, given: Any, place: str) -> None:
    assert _kind(given) == _kind(wanted), f"{place}: {given!r} is not of the kind of {wanted!r}"
    if isinstance(wanted, dict):
        for name, value in wanted.items():
            assert name in given, f"{place}: {name} is missing in {given!r}"
            _same_kinds(value, given[name], f"{place}.{name}")
    elif isinstance(wanted, list):
        assert given or place.rsplit(".", 1)[-1] in MAY_BE_EMPTY, f"{place} is empty"
        for entry in given:
            _same_kinds(wanted[0], entry, f"{place}[]")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "whole number"
    return type(value).__name__

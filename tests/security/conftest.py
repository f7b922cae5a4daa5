"""The API over fakes, one a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.api.gate import Gate, open_gate


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """An API with one organisation, an admin's token and a GitOps repository."""
    with open_gate(monkeypatch) as made:
        yield made

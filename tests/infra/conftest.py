"""The package, made once a session from the checkout as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra.package.__main__ import package


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make package` would make."""
    folder = tmp_path_factory.mktemp("package") / "package"
    package(folder)
    return folder


@pytest.fixture(scope="session")
def template(packaged: Path) -> dict[str, Any]:
    """The template to deploy."""
    loaded: dict[str, Any] = json.loads((packaged / "template.json").read_text())
    return loaded


@pytest.fixture(scope="session")
def resources(template: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"]
    return found

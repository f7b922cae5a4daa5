"""Who imports whom, and what importing the map of functions loads."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

from tests.house.sources import ROOT, parsed

# Packages that no function may load before it has work for them, by what they are for.
SDKS = {"boto3", "botocore", "s3transfer", "urllib3", "requests", "aiohttp", "kubernetes", "awslambdaric"}
YAML_AND_TEMPLATES = {"yaml", "_yaml", "ruamel", "gotpl", "helm_sdk", "helmpy", "jinja2", "jsonpatch"}
MAY_BE_NAMED_BY_APP = ("chalicelib.routes", "chalicelib.workers", "chalicelib.core", "chalicelib.wire")
GIT_AND_FENCES = {"git", "gitdb", "pyseccomp"}


def test_importing_the_app_loads_no_sdk_no_yaml_no_git_and_no_helm() -> None:
    program = "import json, sys, app; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"

    loaded = set(json.loads(_run("-c", program)))

    assert loaded & (SDKS | YAML_AND_TEMPLATES | GIT_AND_FENCES) == set()
    assert "chalice" in loaded


def test_importing_the_app_needs_no_environment_and_opens_nothing() -> None:
    program = (
        "import sys; seen = []; sys.addaudithook(lambda event, _: seen.append(event) if event.startswith('socket.') or "
        "event in ('subprocess.Popen', 'os.system') else None); import app; print(seen)"
    )

    assert _run("-c", program).strip() == "[]"


def test_the_map_of_functions_names_routes_and_workers_only() -> None:
    reached = {
        name for name in _imported(ROOT / "app.py") if name.startswith(("chalicelib.", "infra", "agent", "tests"))
    }

    assert reached
    assert [name for name in sorted(reached) if not name.startswith(MAY_BE_NAMED_BY_APP)] == []


def test_layers_are_imported_downwards_only() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def _imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout

"""Copies what is packaged into a clean folder and has Chalice package it there.

Only tracked kinds of files are taken, so that no cache, state or secret of a checkout gets into a package.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
STAGE = "live"
TIMEOUT_SECONDS = 300
TEMPLATE, ZIP = "sam.json", "deployment.zip"
APPLICATION = ("app.py", "chalicelib")
ZIP_SOURCES = (*APPLICATION, "requirements.txt", ".chalice/config.json", "infra/policies", "infra/charts")
IMAGE_SOURCES = (
    *APPLICATION,
    "requirements.txt",
    "infra/worker/requirements.txt",
    "infra/worker/Dockerfile",
    "infra/charts",
)
_NEVER = shutil.ignore_patterns("__pycache__", "*.pyc", ".*_cache", ".DS_Store", "tests")


class CannotPackage(Exception):
    """Something is missing or Chalice failed; the message says what."""


def copy_sources(names: Iterable[str], target: Path, root: Path = ROOT) -> None:
    """Copy the files and folders `names` of the checkout to the same places below `target`.

    Raises:
        CannotPackage: one of them does not exist.
    """
    for name in names:
        source, copy = root / name, target / name
        if not source.exists():
            raise CannotPackage(f"{name} does not exist")
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=_NEVER)
        else:
            shutil.copyfile(source, copy)


def run_chalice(stage_folder: Path, output: Path) -> dict[str, Any]:
    """Package the application in `stage_folder`; the template as Chalice made it. `output` gets the zip.

    Raises:
        CannotPackage: Chalice or the download of a package failed.
    """
    program = "import sys; from chalice.cli import main; sys.argv[0] = 'chalice'; sys.exit(main())"
    command = [sys.executable, "-c", program, "package", "--stage", STAGE, str(output)]
    environment = _environment()
    done = subprocess.run(
        command, cwd=stage_folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    if done.returncode != 0:
        raise CannotPackage(f"chalice package ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")
    template: dict[str, Any] = json.loads((output / TEMPLATE).read_text())
    (output / TEMPLATE).unlink()
    return template


def _environment() -> dict[str, str]:
    """Ours without anything of AWS: packaging asks no account and must not depend on one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {"AWS_DEFAULT_REGION": "us-east-1", "PYTHONDONTWRITEBYTECODE": "1"}

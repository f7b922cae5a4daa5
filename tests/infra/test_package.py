"""What the package holds: a small zip that works without what Lambda does not bring, and the image's context."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from infra.functions import ZIP_FUNCTIONS
from infra.package.__main__ import package
from infra.package.contents import ZIP_BYTES, BadZip, check_zip, forbidden_in
from infra.package.staging import CannotPackage

TIMEOUT_SECONDS = 60


def test_the_zip_is_small_and_holds_nothing_of_the_image(packaged: Path) -> None:
    archive = packaged / "deployment.zip"

    with ZipFile(archive) as opened:
        tops = {name.split("/", 1)[0] for name in opened.namelist()}

    assert archive.stat().st_size < ZIP_BYTES
    assert {"app.py", "chalicelib", "chalice", "msgspec", "aws_lambda_powertools"} <= tops
    assert not {"yaml", "git", "helm_sdk", "gotpl", "kubernetes", "boto3", "botocore"} & tops


def test_the_app_in_the_zip_imports_with_nothing_beside_it(packaged: Path, tmp_path: Path) -> None:
    with ZipFile(packaged / "deployment.zip") as opened:
        opened.extractall(tmp_path)
    handlers = [function.entry.removeprefix("app.") for function in ZIP_FUNCTIONS]
    program = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); import app;"
        "print(json.dumps([[callable(getattr(app, name)) for name in sys.argv[2:]],"
        "sorted(str(getattr(m, '__file__', '')) for m in sys.modules.values())]))"
    )

    # -I and -S: no environment, no folder of the caller, no installed packages
    command = [sys.executable, "-I", "-S", "-c", program, str(tmp_path), *handlers]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, cwd=tmp_path, check=False)

    assert done.returncode == 0, done.stderr[-2000:]
    are_callable, files = json.loads(done.stdout)
    assert all(are_callable)
    assert not [file for file in files if "site-packages" in file]


def test_the_image_context_holds_what_its_dockerfile_copies(packaged: Path) -> None:
    context = packaged / "image"
    lines = (context / "infra/worker/Dockerfile").read_text().splitlines()
    copied = [line.split()[1] for line in lines if line.startswith("COPY ")]

    assert copied
    assert [name for name in copied if not (context / name).exists()] == []
    assert not list(context.rglob("*.pyc"))


def test_the_image_has_every_package_of_the_zip(packaged: Path) -> None:
    requirements = (packaged / "image/infra/worker/requirements.txt").read_text()

    assert "-r ../../requirements.txt" in requirements.splitlines()


def test_everything_that_is_required_is_pinned() -> None:
    root = Path(__file__).resolve().parents[2]
    files = [root / name for name in ("requirements.txt", "agent/requirements.txt", "infra/worker/requirements.txt")]
    files += sorted((root / "tests").glob("*.txt"))

    lines = [line.strip() for file in files for line in file.read_text().splitlines()]
    loose = [line for line in lines if line and not line.startswith(("#", "-r ")) and "==" not in line]

    assert loose == []


@pytest.mark.parametrize(
    "name",
    [
        "yaml/__init__.py",
        "_yaml/__init__.py",
        "git/cmd.py",
        "PyYAML-6.0.4.dist-info/METADATA",
        "helm_python_sdk-0.2.2.dist-info/RECORD",
        "gotpl.cpython-311-x86_64-linux-gnu.so",
        "kubernetes/client/__init__.py",
        "jinja2/__init__.py",
    ],
)
def test_a_zip_with_what_only_the_image_may_hold_is_refused(name: str, tmp_path: Path) -> None:
    archive = tmp_path / "bad.zip"
    with ZipFile(archive, "w") as opened:
        opened.writestr("app.py", "")
        opened.writestr(name, "")

    with pytest.raises(BadZip, match="holds"):
        check_zip(archive)


def test_our_own_modules_may_be_named_after_what_they_adapt() -> None:
    assert forbidden_in(["chalicelib/adapters/git_run.py", "chalicelib/core/charts.py", "app.py"]) == []


def test_a_zip_that_is_too_large_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "large.zip"
    with ZipFile(archive, "w") as opened:
        opened.writestr("app.py", "x" * ZIP_BYTES)

    with pytest.raises(BadZip, match="bytes"):
        check_zip(archive)


def test_packaging_never_empties_a_folder_that_is_no_package(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("keep me")

    with pytest.raises(CannotPackage, match="something else"):
        package(tmp_path)

    assert precious.read_text() == "keep me"

"""`python -m infra.package FOLDER`: makes `deployment.zip`, `template.json` and the image's context in `image/`.

It needs Python's package registry and nothing of AWS. The zip is held to its promises before anything is said done.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from infra.package.contents import BadZip, check_zip
from infra.package.staging import IMAGE_SOURCES, ZIP, ZIP_SOURCES, CannotPackage, copy_sources, run_chalice
from infra.package.template import UnexpectedTemplate, complete


def main(arguments: Sequence[str] | None = None) -> int:
    """Package into the folder that was named; 1 when it cannot be."""
    parser = argparse.ArgumentParser(prog="python -m infra.package", description=__doc__)
    parser.add_argument("folder", type=Path, help="is emptied first; must be missing or hold an earlier package")
    options = parser.parse_args(arguments)
    try:
        package(options.folder)
    except (CannotPackage, BadZip, UnexpectedTemplate) as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    size = (options.folder / ZIP).stat().st_size
    print(f"package: {options.folder}: {ZIP} has {size / 1024 / 1024:.1f} MB; template.json and image/ are beside it")
    return 0


def package(folder: Path) -> None:
    """Make the package in `folder`.

    Raises:
        CannotPackage: something is missing, `folder` holds something else, or Chalice failed.
        BadZip: the zip is too large or holds what it must not.
        UnexpectedTemplate: `app.py` and what we know of its functions differ.
    """
    _empty(folder)
    with tempfile.TemporaryDirectory(prefix="gimlet-package-") as stage:
        copy_sources(ZIP_SOURCES, Path(stage))
        template = complete(run_chalice(Path(stage), folder.resolve()))
    check_zip(folder / ZIP)
    copy_sources(IMAGE_SOURCES, folder / "image")
    (folder / "template.json").write_text(json.dumps(template, indent=2) + "\n")


def _empty(folder: Path) -> None:
    """Remove an earlier package, and nothing else."""
    if folder.exists():
        if any(folder.iterdir()) and not (folder / ZIP).exists():
            raise CannotPackage(f"{folder} holds something else than a package; name another folder")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


if __name__ == "__main__":
    sys.exit(main())

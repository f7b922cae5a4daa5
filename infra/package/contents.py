"""Holds the zip to what it promises: small, and without what only the image may carry."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from zipfile import ZipFile

ZIP_BYTES = 15 * 1024 * 1024
# A folder or module at the top of the zip by one of these names is a template engine, git, Helm, Kubernetes, YAML or
# an SDK that Lambda brings.
TEMPLATE_ENGINES = ("gotpl", "helm", "helm_sdk", "helmpy", "helm_python_sdk", "jinja2", "Jinja2", "mako", "Mako")
GIT = ("git", "gitdb", "GitPython", "pygit2", "dulwich")
OTHERS = ("kubernetes", "yaml", "PyYAML", "ruamel", "boto3", "botocore", "jsonpatch")
FORBIDDEN = frozenset((*TEMPLATE_ENGINES, *GIT, *OTHERS))


class BadZip(Exception):
    """The zip breaks a promise; the message names it."""


def check_zip(path: Path) -> None:
    """Check the size and the contents of the zip at `path`.

    Raises:
        BadZip: it is too large, or holds what only the image may.
    """
    size = path.stat().st_size
    if size >= ZIP_BYTES:
        raise BadZip(f"the zip has {size:,} bytes; it must stay under {ZIP_BYTES:,}")
    with ZipFile(path) as archive:
        names = archive.namelist()
    if found := forbidden_in(names):
        raise BadZip(f"the zip holds {', '.join(found)}")
    if "app.py" not in names:
        raise BadZip("the zip holds no app.py")


def forbidden_in(names: Iterable[str]) -> list[str]:
    """Which forbidden packages the files `names` belong to."""
    tops = {_package(name.split("/", 1)[0]) for name in names}
    return sorted(tops & FORBIDDEN)


def _package(top: str) -> str:
    """`yaml` of `yaml`, `yaml.py`, `_yaml.cpython-311-….so`, and `PyYAML` of `PyYAML-6.0.dist-info`."""
    if top.endswith((".dist-info", ".data", ".egg-info")):
        return top.split("-", 1)[0]
    return top.split(".", 1)[0].lstrip("_")

"""Charts: ours by name, others from Helm repositories, always with the digest that pins them.

What is fetched is checked against the index's digest (an index without one is pinned by what came) and for what a
chart's archive may hold, before anyone reads it. OCI registries and git charts come later and are refused in words.
"""

import gzip
import hashlib
import io
import re
import tarfile
from collections.abc import Mapping, Set
from functools import cache
from pathlib import Path
from urllib.parse import urljoin

import msgspec
import yaml

from chalicelib.adapters.http import PublicHttp
from chalicelib.core.charts import MAX_ARCHIVE_BYTES, check_archive
from chalicelib.core.errors import Rejected
from chalicelib.core.manifests import ChartRef
from chalicelib.core.versions import newest
from chalicelib.ports.rendering import Chart

MAX_INDEX_BYTES = 10 * 1024**2
BUILT_IN = "webapp"
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")


class _Entry(msgspec.Struct):
    version: str = ""
    urls: list[str] = []
    digest: str = ""


class HelmCharts:
    """Implements `Charts`. `built_in_folder` holds our charts; `chart_hosts` is the setting of that name."""

    def __init__(self, built_in_folder: Path, chart_hosts: Set[str] = frozenset()) -> None:
        self._built_in_folder = built_in_folder
        self._http = PublicHttp(chart_hosts)

    def fetch(self, ref: ChartRef) -> Chart:
        """See `Charts.fetch`."""
        if ref.repository.startswith("oci://") or ref.name.startswith("oci://"):
            raise Rejected(f"chart {ref.name}: OCI registries are not supported yet: use an https Helm repository")
        if "://" in ref.name or ref.name.startswith("git@"):
            raise Rejected(f"chart {ref.name}: charts from git are not supported yet: use an https Helm repository")
        if not _NAME.fullmatch(ref.name) or ".." in ref.name:
            raise Rejected(f"{ref.name!r} is no chart name")
        return self._from_repository(ref) if ref.repository else self._built_in(ref)

    def _built_in(self, ref: ChartRef) -> Chart:
        if ref.name != BUILT_IN:
            raise Rejected(f"chart {ref.name}: name its repository; without one there is only our own, {BUILT_IN!r}")
        version, archive = _packaged(self._built_in_folder / BUILT_IN)
        if newest_or_refuse([version], ref) is None:
            raise Rejected(f"chart {BUILT_IN}: there is no version {ref.version!r}; this Gimlet has {version}")
        return Chart(BUILT_IN, version, "", f"sha256:{hashlib.sha256(archive).hexdigest()}", archive)

    def _from_repository(self, ref: ChartRef) -> Chart:
        base = ref.repository.rstrip("/") + "/"
        entries = _entries(self._http.get(urljoin(base, "index.yaml"), MAX_INDEX_BYTES), ref)
        version = newest_or_refuse([entry.version for entry in entries], ref)
        if version is None:
            asked = f"version {ref.version!r} of it" if ref.version and entries else "it"
            raise Rejected(f"chart {ref.name}: {ref.repository} does not have {asked}")
        entry = next(entry for entry in entries if entry.version == version)
        if not entry.urls:
            raise Rejected(f"chart {ref.name} {version}: the index of {ref.repository} has no URL for it")
        archive = self._http.get(urljoin(base, entry.urls[0]), MAX_ARCHIVE_BYTES)
        digest = hashlib.sha256(archive).hexdigest()
        if entry.digest and digest != entry.digest.removeprefix("sha256:").lower():
            raise Rejected(f"chart {ref.name} {version}: what was fetched is not what the index's digest says")
        check_archive(archive, ref.name)
        return Chart(ref.name, version, ref.repository, f"sha256:{digest}", archive)


def newest_or_refuse(versions: list[str], ref: ChartRef) -> str | None:
    """The version that `ref` asks for; a range that is none is the caller's mistake."""
    try:
        return newest(versions, ref.version)
    except ValueError as error:
        raise Rejected(f"chart {ref.name}: {ref.version!r} is no version and no range of versions") from error


def _entries(index: bytes, ref: ChartRef) -> list[_Entry]:
    try:
        content = yaml.load(index, Loader=yaml.CBaseLoader)  # noqa: S506 - the base loader makes text only
        entries = content["entries"].get(ref.name, []) if isinstance(content, Mapping) else []
        return msgspec.convert(entries, list[_Entry])
    except (yaml.YAMLError, KeyError, AttributeError, msgspec.ValidationError, RecursionError) as error:
        raise Rejected(f"{ref.repository} has an index.yaml that can't be read") from error


@cache
def _packaged(folder: Path) -> tuple[str, bytes]:
    """The chart's version and archive; the same files are the same bytes."""
    metadata = yaml.load((folder / "Chart.yaml").read_text(), Loader=yaml.CBaseLoader)  # noqa: S506 - text only
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            member = tarfile.TarInfo(f"{folder.name}/{path.relative_to(folder).as_posix()}")
            content = path.read_bytes()
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return metadata["version"], gzip.compress(plain.getvalue(), mtime=0)

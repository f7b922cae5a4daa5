"""Charts: ours by name, others from Helm repositories, OCI registries and Git, always with the digest that pins them.

What is fetched is checked against the index's digest (an index without one is pinned by what came) and for what a
chart's archive may hold, before anyone reads it. A chart from Git is pinned by its commit and packed here. What has a
digest or a commit is fetched once, and hashed again when it comes out of the cache.
"""

import hashlib
from collections.abc import Callable, Mapping, Set
from functools import cache
from pathlib import Path
from urllib.parse import urljoin

import msgspec
import yaml

from chalicelib.adapters.charts_git import GitCharts
from chalicelib.adapters.charts_oci import OciChart
from chalicelib.adapters.http import PublicHttp
from chalicelib.core.chart_refs import GitChartRef, check_name, git_chart, is_git, is_oci, oci_chart
from chalicelib.core.charts import MAX_ARCHIVE_BYTES, check_archive, file_in, pack_archive
from chalicelib.core.errors import Rejected
from chalicelib.core.helm_ignore import NAME as IGNORE_FILE
from chalicelib.core.helm_ignore import kept_files
from chalicelib.core.manifests import ChartRef
from chalicelib.core.versions import newest, parse_version
from chalicelib.ports.rendering import Chart, ChartCache, ChartCredentials

MAX_INDEX_BYTES = 10 * 1024**2
BUILT_IN = "webapp"
MAX_METADATA_BYTES = 1024**2


class _Entry(msgspec.Struct):
    version: str = ""
    urls: list[str] = []
    digest: str = ""


class _Metadata(msgspec.Struct):
    name: str
    version: str


class HelmCharts:
    """Implements `Charts` for one organisation, whose credentials and cache these are.

    `built_in_folder` holds our charts; `chart_hosts` is the setting of that name.
    """

    def __init__(
        self,
        built_in_folder: Path,
        chart_hosts: Set[str] = frozenset(),
        *,
        credentials: ChartCredentials = lambda _: None,
        cache: ChartCache | None = None,
    ) -> None:
        self._built_in_folder = built_in_folder
        self._http = PublicHttp(chart_hosts, credentials=credentials)
        self._cache = cache
        self._git = GitCharts(self._http)

    def fetch(self, ref: ChartRef) -> Chart:
        """See `Charts.fetch`."""
        if is_oci(ref):
            return self._from_registry(ref)
        if is_git(ref):
            return self._from_git(ref)
        check_name(ref.name)
        return self._from_repository(ref) if ref.repository else self._built_in(ref)

    def _from_git(self, ref: ChartRef) -> Chart:
        place = git_chart(ref)
        commit = self._git.commit(place)
        pin = place.pinned(commit)
        known = self._cache.digest_of(pin) if self._cache else None
        archive = self._cached(known) if known else None
        if archive is None:
            archive = self._packed(place, commit)
            if self._cache:
                self._cache.put(_digest(archive), archive)
                self._cache.keep_pin(pin, _digest(archive))
        metadata = _metadata(file_in(archive, "Chart.yaml"), place.url, place.path)
        if newest_or_refuse([metadata.version], ref) is None:
            raise Rejected(f"chart {place.url}: it is version {metadata.version}, and {ref.version!r} is asked for")
        return Chart(metadata.name, metadata.version, pin, _digest(archive), archive)

    def _packed(self, place: GitChartRef, commit: str) -> bytes:
        files = self._git.files(place, commit)
        name = _metadata(files.get("Chart.yaml"), place.url, place.path).name
        kept = kept_files(files, files.get(IGNORE_FILE, b"").decode("utf-8", "replace"))
        archive = pack_archive(name, {path: files[path] for path in kept})
        check_archive(archive, name)
        return archive

    def _cached(self, digest: str) -> bytes | None:
        archive = self._cache.get(digest) if self._cache else None
        return archive if archive is not None and _digest(archive) == digest else None

    def _once(self, digest: str, fetch: Callable[[], bytes]) -> bytes:
        """The archive with this digest, fetched when it is not in the cache; an unknown digest is always fetched."""
        archive = self._cached(digest) if digest else None
        if archive is None:
            archive = fetch()
            if self._cache:
                self._cache.put(_digest(archive), archive)
        return archive

    def _from_registry(self, ref: ChartRef) -> Chart:
        place = oci_chart(ref)
        name = place.path.rpartition("/")[2]
        chart = OciChart(place, self._http)
        version = ref.version
        if not _is_exact(version):
            found = newest_or_refuse(chart.versions(), ref)
            if found is None:
                raise Rejected(f"chart {ref.name}: the registry has no version {version!r} of it".replace(" ''", ""))
            version = found
        layer = chart.layer(version)
        archive = self._once(layer.digest, lambda: _checked(chart.archive(layer), name))
        return Chart(name, version, f"oci://{place.host}/{place.path.rpartition('/')[0]}", _digest(archive), archive)

    def _built_in(self, ref: ChartRef) -> Chart:
        if ref.name != BUILT_IN:
            raise Rejected(f"chart {ref.name}: name its repository; without one there is only our own, {BUILT_IN!r}")
        version, archive = _packaged(self._built_in_folder / BUILT_IN)
        if newest_or_refuse([version], ref) is None:
            raise Rejected(f"chart {BUILT_IN}: there is no version {ref.version!r}; this Gimlet has {version}")
        return Chart(BUILT_IN, version, "", _digest(archive), archive)

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
        wanted = f"sha256:{entry.digest.removeprefix('sha256:').lower()}" if entry.digest else ""
        archive = self._once(wanted, lambda: self._downloaded(urljoin(base, entry.urls[0]), wanted, ref.name))
        return Chart(ref.name, version, ref.repository, _digest(archive), archive)

    def _downloaded(self, url: str, wanted: str, name: str) -> bytes:
        archive = self._http.get(url, MAX_ARCHIVE_BYTES)
        if wanted and _digest(archive) != wanted:
            raise Rejected(f"chart {name}: what was fetched is not what the index's digest says")
        return _checked(archive, name)


def newest_or_refuse(versions: list[str], ref: ChartRef) -> str | None:
    """The version that `ref` asks for; a range that is none is the caller's mistake."""
    try:
        return newest(versions, ref.version)
    except ValueError as error:
        raise Rejected(f"chart {ref.name}: {ref.version!r} is no version and no range of versions") from error


def _is_exact(version: str) -> bool:
    """Whether this is one whole version, which needs no list to choose from."""
    return version.count(".") >= 2 and parse_version(version) is not None


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
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return metadata["version"], pack_archive(folder.name, files)


def _metadata(content: bytes | None, url: str, path: str) -> _Metadata:
    """Name and version out of a `Chart.yaml`. The base loader copies nothing for an alias, so none can grow."""
    where = f"chart {url}: {path or 'its root'}"
    if content is None:
        raise Rejected(f"{where} has no Chart.yaml, so it is no chart: give its folder as path=")
    try:
        if len(content) > MAX_METADATA_BYTES:
            raise ValueError("too large")
        metadata = msgspec.convert(yaml.load(content, Loader=yaml.CBaseLoader), _Metadata)  # noqa: S506 - text only
    except (yaml.YAMLError, msgspec.ValidationError, ValueError, RecursionError) as error:
        raise Rejected(f"{where} has a Chart.yaml without name and version, or one that can't be read") from error
    check_name(metadata.name)
    return metadata


def _checked(archive: bytes, name: str) -> bytes:
    check_archive(archive, name)
    return archive


def _digest(archive: bytes) -> str:
    return f"sha256:{hashlib.sha256(archive).hexdigest()}"

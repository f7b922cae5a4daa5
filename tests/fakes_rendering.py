"""Fakes of the rendering ports, and a chart repository on loopback for the real ones."""

import gzip
import hashlib
import io
import json
import re
import tarfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import yaml

from chalicelib.adapters.cue import on_the_path
from chalicelib.core.errors import InvalidManifest, Problem, Rejected
from chalicelib.core.manifests import ChartRef
from chalicelib.core.previews import sanitize_dns_name
from chalicelib.core.scalars import Value
from chalicelib.ports.rendering import Chart, ChartOutput, Resolved
from infra.testbed import parts

_ACTION = re.compile(r"\{\{-?\s*\.([A-Za-z_][A-Za-z0-9_]*)\s*(\|\s*sanitizeDNSName\s*)?-?\}\}")


class FakeTemplates:
    """Knows `{{ .NAME }}` and `{{ .NAME | sanitizeDNSName }}`; anything else is an error, as in the real one."""

    def resolve(self, strings: Sequence[str], variables: Mapping[str, str]) -> list[Resolved]:
        """See `Templates.resolve`."""
        return [self._one(text, variables) for text in strings]

    def _one(self, text: str, variables: Mapping[str, str]) -> Resolved:
        missing = [name for name, _ in _ACTION.findall(text) if name not in variables]
        if missing:
            return Resolved(error=f"the variable {missing[0]} is not set")
        resolved = _ACTION.sub(
            lambda found: sanitize_dns_name(variables[found[1]]) if found[2] else variables[found[1]], text
        )
        return (
            Resolved(error="a template that the fake does not know")
            if "{{" in _ACTION.sub("", text)
            else Resolved(resolved)
        )


class FakeCue:
    """Knows one CUE file, whose `configs` are JSON already: `configs: [...]`."""

    def evaluate(self, text: str, file: str) -> list[Value]:
        """See `Cue.evaluate`."""
        try:
            value: Value = json.loads(text.removeprefix("configs:"))
        except json.JSONDecodeError as error:
            raise InvalidManifest((Problem("", error.msg, "", error.lineno, error.colno, file),)) from error
        if not isinstance(value, list):
            raise InvalidManifest((Problem("configs", "`configs` must be a list of manifests", file=file),))
        return value


class FakeEngine:
    """Renders a chart whose archive is a tar of ready files, with `RELEASE` and `NAMESPACE` replaced."""

    def render(self, chart: Chart, values: Mapping[str, Value], release: str, namespace: str) -> ChartOutput:
        """See `Engine.render`. `values.fail` makes it refuse, as a chart's `fail` does."""
        if "fail" in values:
            raise Rejected(f"chart {chart.name}: {values['fail']}")
        files, crds = {}, []
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(chart.archive))) as tar:
            for member in tar:
                content = tar.extractfile(member)
                text = content.read().decode() if content else ""
                if "/templates/" in member.name:
                    files[member.name] = text.replace("RELEASE", release).replace("NAMESPACE", namespace)
                if "/crds/" in member.name:
                    crds.append(member.name)
        return ChartOutput(files, tuple(crds))


class FakeCharts:
    """Charts by name, from memory."""

    def __init__(self, charts: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self._charts = dict(charts or {})

    def fetch(self, ref: ChartRef) -> Chart:
        """See `Charts.fetch`."""
        if ref.name not in self._charts:
            raise Rejected(f"chart {ref.name}: there is no such chart")
        archive = chart_archive(ref.name, self._charts[ref.name])
        return Chart(ref.name, "1.0.0", ref.repository, f"sha256:{hashlib.sha256(archive).hexdigest()}", archive)


def cue_command() -> str | None:
    """The `cue` command of the test bed, or of the PATH."""
    part = parts.BY_NAME["cue"]
    return str(parts.binary("cue")) if parts.is_built(part) else on_the_path()


def chart_archive(name: str, files: Mapping[str, str]) -> bytes:
    """A chart's `.tgz` of `files` by their path within the chart."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(plain.getvalue(), mtime=0)


def chart_index(charts: Mapping[str, tuple[str, bytes]]) -> bytes:
    """The `index.yaml` of a repository that has `charts`: version and archive by name."""
    entries = {
        name: [{"name": name, "version": version, "urls": [f"{name}-{version}.tgz"], "digest": _digest(archive)}]
        for name, (version, archive) in charts.items()
    }
    return yaml.safe_dump({"apiVersion": "v1", "entries": entries}).encode()


def chart_pages(charts: Mapping[str, tuple[str, bytes]]) -> dict[str, bytes]:
    """All pages of a repository that has `charts`."""
    archives = {f"/{name}-{version}.tgz": archive for name, (version, archive) in charts.items()}
    return {"/index.yaml": chart_index(charts), **archives}


@contextmanager
def http_pages(pages: Mapping[str, bytes | str]) -> Iterator[str]:
    """Serve `pages` by path on loopback and yield `host:port`; a text is a redirect to it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path)
            self.send_response(404 if page is None else 302 if isinstance(page, str) else 200)
            if isinstance(page, str):
                self.send_header("Location", page)
            self.end_headers()
            if isinstance(page, bytes):
                self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _digest(archive: bytes) -> str:
    return hashlib.sha256(archive).hexdigest()


class FakeChartCache:
    """A cache in memory; `charts` and `pins` may be spoiled by a test."""

    def __init__(self) -> None:
        self.charts: dict[str, bytes] = {}
        self.pins: dict[str, str] = {}

    def get(self, digest: str) -> bytes | None:
        """See `ChartCache.get`."""
        return self.charts.get(digest)

    def put(self, digest: str, archive: bytes) -> None:
        """See `ChartCache.put`."""
        self.charts[digest] = archive

    def digest_of(self, pin: str) -> str | None:
        """See `ChartCache.digest_of`."""
        return self.pins.get(pin)

    def keep_pin(self, pin: str, digest: str) -> None:
        """See `ChartCache.keep_pin`."""
        self.pins[pin] = digest

"""Hostile charts through the whole check: each gets a sentence in time, and nothing of ours gets out.

Beside each runs a listener on loopback that must see nobody, a canary file and a canary variable whose text must be
nowhere; after each an honest manifest still renders.
"""

import gzip
import io
import json
import socket
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from chalicelib.adapters.charts import HelmCharts
from chalicelib.adapters.sandbox import Sandbox
from chalicelib.core.errors import Unavailable
from chalicelib.usecases.check_manifest import CheckRequest, CheckResult, check_manifest
from tests.fakes_rendering import FakeCue, chart_archive, chart_pages, http_pages

BUILT_IN = Path(__file__).parents[2] / "infra" / "charts"
SECONDS = 15
CANARY = "canary-2b6ce1"
CHART_YAML = "apiVersion: v2\nname: web\nversion: 1.0.0\n"
HEAD = "app: shop\nenv: staging\nnamespace: team\n"
RECURSION = '{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}'


class Listener:
    """Takes connections on loopback and counts them."""

    def __init__(self) -> None:
        self.seen = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.seen += 1
            connection.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    monkeypatch.setenv("CANARY", CANARY)
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture
def canary_file(tmp_path: Path) -> Path:
    path = tmp_path / "canary"
    path.write_text(CANARY)
    return path


def _checked(manifest: str, *hosts: str) -> CheckResult:
    sandbox = Sandbox()
    request = CheckRequest(manifest=manifest, render=True)
    return check_manifest(request, sandbox, sandbox, HelmCharts(BUILT_IN, set(hosts)), FakeCue())


def _refused(manifest: str, *hosts: str) -> str:
    """The sentence that a hostile manifest gets; in time, without a canary, and the next one renders."""
    started = time.monotonic()
    result = _checked(manifest, *hosts)
    taken = time.monotonic() - started

    assert taken < SECONDS
    assert CANARY not in msgspec.json.encode(result).decode()
    honest = _checked(HEAD + "chart: {name: webapp}\nvalues: {image: {repository: a/b, tag: c}}\n")
    assert honest.valid, honest.errors
    return "; ".join(error.message for error in result.errors)


def _chart(archive: bytes) -> Iterator[tuple[str, str]]:
    with http_pages(chart_pages({"web": ("1.0.0", archive)})) as host:
        yield host, HEAD + f"chart: {{name: web, repository: 'http://{host}'}}\n"


def _said_of(archive: bytes) -> str:
    for host, manifest in _chart(archive):
        return _refused(manifest, host)
    raise AssertionError("a chart has one repository")


@pytest.mark.parametrize(
    "template",
    [
        "{{ range until 1000000000 }}x{{ end }}",
        RECURSION,
        '{{ repeat 1000000000 "x" }}',
        '{{ env "CANARY" }}',
        '{{ expandenv "$CANARY" }}',
        '{{ tpl "{{ env "CANARY" }}" . }}',
        "a: &a [x,x,x,x,x,x,x,x]\n"
        + "".join(f"{y}: &{y} [{','.join(['*' + x] * 8)}]\n" for x, y in zip("abcdefgh", "bcdefghi", strict=True)),
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ../../etc/passwd, namespace: ../x}\nno: [",
    ],
    ids=["until", "include", "repeat", "env", "expandenv", "tpl", "aliases", "broken"],
)
def test_defence_9_a_hostile_template_gets_a_sentence(template: str, listener: Listener) -> None:
    said = _said_of(chart_archive("web", {"Chart.yaml": CHART_YAML, "templates/a.yaml": template}))

    assert said
    assert listener.seen == 0


def test_defence_10_what_reaches_outside_finds_nothing(listener: Listener, canary_file: Path) -> None:
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n"
        f'  file: {{{{ .Files.Get "{canary_file}" | quote }}}}\n'
        f'  above: {{{{ .Files.Get "../../../../../..{canary_file}" | quote }}}}\n'
        '  glob: {{ (.Files.Glob "/**").AsConfig | quote }}\n'
        f'  name: {{{{ getHostByName "127.0.0.1:{listener.port}" | quote }}}}\n'
        '  lookup: {{ lookup "v1" "Secret" "team" "x" | toJson | quote }}\n'
    )
    archive = chart_archive("web", {"Chart.yaml": CHART_YAML, "templates/a.yaml": template})
    for host, manifest in _chart(archive):
        result = _checked(manifest, host)
        text = json.dumps(msgspec.to_builtins(result))

        assert result.valid
        assert CANARY not in text
    assert listener.seen == 0


def _member(name: str, **kind: object) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for path, text in (("web/Chart.yaml", CHART_YAML), (name, CANARY)):
            member = tarfile.TarInfo(path)
            member.size = len(text)
            if path == name:
                for key, value in kind.items():
                    setattr(member, key, value)
            tar.addfile(member, io.BytesIO(text.encode()) if member.isfile() else None)
    return gzip.compress(plain.getvalue(), mtime=0)


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (_member("web/../../../tmp/x"), "no plain name"),
        (_member("/etc/cron.d/x"), "no plain name"),
        (_member("web/templates/a\\b.yaml"), "no plain name"),
        (_member("web/templates/a.yaml", type=tarfile.SYMTYPE, linkname="/etc/passwd", size=0), "link"),
        (_member("web/templates/a.yaml", type=tarfile.LNKTYPE, linkname="/etc/passwd", size=0), "link"),
        (_member("web/templates/a.yaml", type=tarfile.CHRTYPE, size=0), "neither a file nor a folder"),
        (gzip.compress(b"\0" * (200 * 1024**2), compresslevel=6), "unpacks to more"),
        (b"no archive", "can't be read"),
    ],
    ids=["parents", "absolute", "backslash", "symlink", "hardlink", "device", "bomb", "garbage"],
)
def test_a_hostile_archive_is_refused(archive: bytes, words: str, listener: Listener) -> None:
    assert words in _said_of(archive)
    assert listener.seen == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("target", ["127.0.0.1", "localhost", "169.254.169.254", "[::1]", "0.0.0.0"])  # noqa: S104
def test_defence_10_a_redirect_inwards_is_refused(scheme: str, target: str, listener: Listener) -> None:
    with http_pages({"/index.yaml": f"{scheme}://{target}:{listener.port}/index.yaml"}) as host:
        said = _refused(HEAD + f"chart: {{name: web, repository: 'http://{host}'}}\n", host)

    assert "only https" in said or "not public" in said
    assert listener.seen == 0


@pytest.mark.parametrize(
    "chart",
    [
        "{{name: web, repository: 'https://rebinds.example.com:{port}'}}",
        "{{name: web, repository: 'oci://rebinds.example.com:{port}/acme'}}",
        "{{name: 'https://rebinds.example.com:{port}/a.git?branch=main'}}",
    ],
)
def test_defence_10_a_dns_answer_that_changes_leads_nowhere(
    chart: str, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["192.0.2.1", *["127.0.0.1"] * 20])
    monkeypatch.setattr("chalicelib.adapters.http._is_public", lambda text: text != "127.0.0.1")

    def changing(host: str, port: int, *_: object, **__: object) -> object:
        ip = next(answers) if host == "rebinds.example.com" else host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))]

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    started = time.monotonic()
    with suppress(Unavailable):  # an address that does not answer is waited for
        assert not _checked(HEAD + "chart: " + chart.format(port=listener.port) + "\n").valid

    assert time.monotonic() - started < SECONDS
    assert listener.seen == 0


@pytest.mark.parametrize(
    "name", ["../webapp", "/etc/passwd", "web/../../x", "..", "web\\x", "file:///etc/passwd", "-x", "a b", "web%2f.."]
)
def test_a_name_that_is_a_path_is_refused(name: str, listener: Listener) -> None:
    assert _refused(HEAD + f"chart: {{name: '{name}'}}\n")
    assert _refused(HEAD + f"chart: {{name: '{name}', repository: 'https://127.0.0.1:{listener.port}'}}\n")
    assert listener.seen == 0


def test_aliases_that_grow_are_refused_in_the_manifest_itself(listener: Listener) -> None:
    lines = "".join(f"  {y}: &{y} [{','.join(['*' + x] * 9)}]\n" for x, y in zip("abcdefgh", "bcdefghi", strict=True))

    assert "alias" in _refused(HEAD + "values:\n  a: &a [x,x,x,x,x,x,x,x,x]\n" + lines)
    assert listener.seen == 0

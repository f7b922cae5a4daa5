"""Credentials for charts: to the host that they are stored for, and into nothing else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from chalicelib.adapters.charts import HelmCharts
from chalicelib.core.chart_refs import authorization_in, credential_reference
from chalicelib.core.errors import Rejected
from chalicelib.core.manifests import ChartRef
from infra.local.git_server import GitServer
from tests.fakes_registry import TOKEN, basic, registry
from tests.fakes_rendering import chart_archive, chart_pages
from tests.real_git import commit_on_host

BUILT_IN = Path(__file__).parents[3] / "infra" / "charts"
CANARY = "canary-51c09"
ARCHIVE = chart_archive("web", {"Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n"})


@contextmanager
def private_pages(pages: dict[str, bytes | str], password: str) -> Iterator[tuple[str, list[str]]]:
    """Pages for whoever has the password (none: for all); yields the host and what `Authorization` was sent."""
    sent: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent.append(self.headers.get("Authorization", ""))
            page = pages.get(self.path)
            allowed = not password or sent[-1] == basic(password)
            self.send_response(401 if not allowed else 404 if page is None else 302 if isinstance(page, str) else 200)
            if isinstance(page, str):
                self.send_header("Location", page)
            self.end_headers()
            if allowed and isinstance(page, bytes):
                self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", sent
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _charts(private: str, *others: str) -> HelmCharts:
    stored = {private: basic(CANARY)}
    return HelmCharts(BUILT_IN, {private, *others}, credentials=lambda name: stored.get(name))


def test_a_private_repository_gives_its_chart_to_whoever_stored_its_credential() -> None:
    with private_pages(dict(chart_pages({"web": ("1.0.0", ARCHIVE)})), CANARY) as (host, _):
        assert _charts(host).fetch(ChartRef("web", f"http://{host}")).archive == ARCHIVE
        with pytest.raises(Rejected, match="401"):
            HelmCharts(BUILT_IN, {host}).fetch(ChartRef("web", f"http://{host}"))


def test_defence_10_a_redirect_to_another_host_carries_no_credential() -> None:
    pages: dict[str, bytes | str] = dict(chart_pages({"web": ("1.0.0", ARCHIVE)}))
    with private_pages(dict(pages), "") as (elsewhere, sent):
        pages["/web-1.0.0.tgz"] = f"http://{elsewhere}/web-1.0.0.tgz"
        with private_pages(pages, CANARY) as (host, _):
            chart = _charts(host, elsewhere).fetch(ChartRef("web", f"http://{host}"))

    assert chart.archive == ARCHIVE
    assert sent == [""]


def test_an_index_that_names_another_host_sends_it_no_credential() -> None:
    pages: dict[str, bytes | str] = dict(chart_pages({"web": ("1.0.0", ARCHIVE)}))
    with private_pages(dict(pages), "") as (elsewhere, sent):
        index = pages["/index.yaml"]
        assert isinstance(index, bytes)
        pages["/index.yaml"] = index.replace(b"web-1.0.0.tgz", f"http://{elsewhere}/web-1.0.0.tgz".encode())
        with private_pages(pages, CANARY) as (host, _):
            _charts(host, elsewhere).fetch(ChartRef("web", f"http://{host}"))

    assert sent == [""]


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_a_private_registry_gives_its_chart(auth: str) -> None:
    with registry(charts={"acme/web": {"1.0.0": ARCHIVE}}, auth=auth, password=CANARY) as served:
        chart = _charts(served.host).fetch(ChartRef("web", f"oci://{served.host}/acme", "1.0.0"))

    assert chart.archive == ARCHIVE
    if auth == "bearer":
        assert {sent for path, sent in served.seen if not path.startswith("/token")} == {"", f"Bearer {TOKEN}"}


def test_a_token_endpoint_on_another_host_gets_no_credential_of_the_registry() -> None:
    with registry() as tokens, registry(charts={"acme/web": {"1.0.0": ARCHIVE}}, auth="bearer") as served:
        served.realm = f"http://{tokens.host}/token"
        _charts(served.host, tokens.host).fetch(ChartRef("web", f"oci://{served.host}/acme", "1.0.0"))

    assert [sent for path, sent in tokens.seen if path.startswith("/token")] == [""]


def test_a_private_git_host_gives_its_chart_and_its_credential_is_in_no_message(tmp_path: Path) -> None:
    with GitServer(tmp_path / "host", password=CANARY) as server:
        commit_on_host(server.create("acme/charts"), "refs/heads/main", {"Chart.yaml": b"name: web\nversion: 1.0.0\n"})
        host = f"127.0.0.1:{server.port}"
        ref = ChartRef(f"{server.url_of('acme/charts')}?branch=main")

        assert _charts(host).fetch(ref).version == "1.0.0"
        wrong = HelmCharts(BUILT_IN, {host}, credentials=lambda _: basic("wrong-" + CANARY))
        with pytest.raises(Rejected, match="401") as caught:
            wrong.fetch(ref)
    assert CANARY not in caught.value.message
    assert basic("wrong-" + CANARY).split()[1] not in caught.value.message


def test_a_secret_is_found_by_organisation_and_host() -> None:
    assert credential_reference("acme", "charts.example.com") == "acme/charts/charts.example.com"
    assert credential_reference("acme", "charts.example.com:8443") == "acme/charts/charts.example.com_8443"
    assert credential_reference("acme", "[::1]:80") == "acme/charts/___1__80"


def test_a_stored_header_line_is_its_value_and_nothing_else_is_sent() -> None:
    assert authorization_in("Authorization: Basic abc", "h") == "Basic abc"
    assert authorization_in("Bearer abc", "h") == "Bearer abc"
    for line in ("", "Authorization:", "Basic a\r\nX: y", "Basic \u00e4"):
        with pytest.raises(Rejected, match="credential for h") as caught:
            authorization_in(line, "h")
        assert "Basic" not in caught.value.message

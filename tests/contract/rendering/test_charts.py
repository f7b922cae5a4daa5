"""Where charts come from: what every `Charts` does, and what the real one refuses to fetch."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from chalicelib.adapters.charts import HelmCharts
from chalicelib.adapters.http import PublicHttp
from chalicelib.core.errors import Rejected, Unavailable
from chalicelib.core.manifests import ChartRef
from chalicelib.ports.rendering import Charts
from tests.fakes_rendering import FakeCharts, chart_archive, chart_index, chart_pages, http_pages

BUILT_IN = Path(__file__).parents[3] / "infra" / "charts"
FILES = {"Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n"}
ARCHIVE = chart_archive("web", FILES)


@pytest.fixture(params=["fake", "real"])
def charts(request: pytest.FixtureRequest) -> Iterator[tuple[Charts, str]]:
    if request.param == "fake":
        yield FakeCharts({"web": FILES}), "https://charts.example.com"
        return
    with http_pages(chart_pages({"web": ("1.0.0", ARCHIVE)})) as host:
        yield HelmCharts(BUILT_IN, {host}), f"http://{host}"


def test_a_chart_comes_with_the_pin_that_a_release_records(charts: tuple[Charts, str]) -> None:
    port, repository = charts

    chart = port.fetch(ChartRef("web", repository, "^1"))

    assert (chart.name, chart.version, chart.repository) == ("web", "1.0.0", repository)
    assert chart.digest.startswith("sha256:")
    assert port.fetch(ChartRef("web", repository)).digest == chart.digest


def test_a_chart_that_is_not_there_is_refused(charts: tuple[Charts, str]) -> None:
    port, repository = charts

    with pytest.raises(Rejected, match="nope"):
        port.fetch(ChartRef("nope", repository))


def test_our_own_chart_needs_no_repository_and_is_the_same_bytes_each_time() -> None:
    first, second = (HelmCharts(BUILT_IN).fetch(ChartRef("webapp")) for _ in range(2))

    assert first == second
    assert first.repository == ""


@pytest.mark.parametrize(
    "ref",
    [
        ChartRef("web", "oci://127.0.0.1/acme"),
        ChartRef("Web", "oci://ghcr.io/acme"),
        ChartRef("web", "oci://jane:hunter2@ghcr.io/acme"),
        ChartRef("web", "oci://ghcr.io/acme?x=1"),
        ChartRef("oci://ghcr.io/acme/web", "https://charts.example.com"),
        ChartRef("https://github.com/acme/charts.git?sha=1&path=web"),
        ChartRef("onechart"),
        ChartRef("../webapp"),
        ChartRef("a/b", "https://example.com"),
        ChartRef("webapp", version="99.0.0"),
        ChartRef("webapp", version="newest"),
    ],
)
def test_what_can_not_be_fetched_is_refused_in_words(ref: ChartRef) -> None:
    with pytest.raises(Rejected, match=r"chart|name"):
        HelmCharts(BUILT_IN).fetch(ref)


def test_an_archive_that_is_not_what_the_index_says_is_refused() -> None:
    pages = {"/index.yaml": chart_index({"web": ("1.0.0", ARCHIVE)}), "/web-1.0.0.tgz": ARCHIVE + b"x"}

    with http_pages(pages) as host, pytest.raises(Rejected, match="digest"):
        HelmCharts(BUILT_IN, {host}).fetch(ChartRef("web", f"http://{host}"))


@pytest.mark.parametrize(
    "index", [b"a: [", b"[]", b"entries: 1", yaml.safe_dump({"entries": {"web": "x"}}).encode(), b"\xff\xfe"]
)
def test_an_index_that_can_not_be_read_is_refused(index: bytes) -> None:
    with http_pages({"/index.yaml": index}) as host, pytest.raises(Rejected, match=r"index|have"):
        HelmCharts(BUILT_IN, {host}).fetch(ChartRef("web", f"http://{host}"))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/index.yaml",
        "file:///etc/passwd",
        "ftp://example.com/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://0.0.0.0/",
        "https://2130706433/",
        "https://localhost/",
        "https://user:secret@127.0.0.1/",
        "https:///x",
        "https://example.com:99999/",
    ],
)
def test_defence_10_only_https_and_public_addresses_are_fetched(url: str) -> None:
    with pytest.raises((Rejected, Unavailable)) as caught:
        PublicHttp().get(url, 1024)

    assert isinstance(caught.value, Rejected)
    assert "secret" not in str(caught.value)


def test_defence_10_a_redirect_passes_the_same_gate() -> None:
    with http_pages({"/x": b"secret"}) as inside, http_pages({"/": f"http://{inside}/x"}) as outside:
        with pytest.raises(Rejected, match="only https"):
            PublicHttp({outside}).get(f"http://{outside}/", 1024)
        assert PublicHttp({outside, inside}).get(f"http://{outside}/", 1024) == b"secret"


def test_defence_10_a_name_with_one_private_address_among_its_answers_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("93.184.215.14", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)

    with pytest.raises(Rejected, match="not public"):
        PublicHttp().get("https://charts.example.com/", 1024)


def test_defence_10_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    lookup = socket.getaddrinfo

    def once(host: str, *arguments: object, **options: object) -> object:
        asked.append(host)
        assert asked.count("rebinds.example.com") == 1, "the name was looked up a second time"
        address = "127.0.0.1" if host == "rebinds.example.com" else host
        return lookup(address, *arguments, **options)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(socket, "getaddrinfo", once)
    with http_pages({"/": b"ok"}) as host:
        port = host.rpartition(":")[2]

        assert PublicHttp({"rebinds.example.com"}).get(f"http://rebinds.example.com:{port}/", 10) == b"ok"


def test_what_is_too_large_is_refused_and_an_endless_redirect_ends() -> None:
    with http_pages({"/big": b"x" * 2048, "/loop": "/loop"}) as host:
        with pytest.raises(Rejected, match="larger"):
            PublicHttp({host}).get(f"http://{host}/big", 1024)
        with pytest.raises(Rejected, match="redirects more"):
            PublicHttp({host}).get(f"http://{host}/loop", 1024)


def test_a_repository_that_does_not_answer_is_waited_for() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{bound.getsockname()[1]}"

        with pytest.raises(Unavailable):
            HelmCharts(BUILT_IN, {host}).fetch(ChartRef("web", f"http://{host}"))

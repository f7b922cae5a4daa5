"""Charts that were fetched before: what every `ChartCache` does, and that what comes out of one is hashed again."""

from pathlib import Path

import pytest

from chalicelib.adapters.charts import HelmCharts
from chalicelib.adapters.s3_charts import S3Charts
from chalicelib.core.manifests import ChartRef
from chalicelib.ports.rendering import ChartCache
from infra.local.git_server import GitServer
from tests.fakes_registry import digest, registry
from tests.fakes_rendering import FakeChartCache, chart_archive, chart_pages, http_pages
from tests.ministack_fixture import Aws
from tests.real_git import commit_on_host

BUILT_IN = Path(__file__).parents[3] / "infra" / "charts"
ARCHIVE = chart_archive("web", {"Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n"})


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.integration)])
def cache(request: pytest.FixtureRequest) -> ChartCache:
    if request.param == "fake":
        return FakeChartCache()
    aws: Aws = request.getfixturevalue("aws")
    return S3Charts(aws.bucket, "acme", aws.s3)


def test_what_was_kept_comes_back_and_nothing_else_does(cache: ChartCache) -> None:
    cache.put(digest(ARCHIVE), ARCHIVE)
    cache.keep_pin("https://git.example.com/a?sha=1", digest(ARCHIVE))

    assert cache.get(digest(ARCHIVE)) == ARCHIVE
    assert cache.get(digest(b"other")) is None
    assert cache.digest_of("https://git.example.com/a?sha=1") == digest(ARCHIVE)
    assert cache.digest_of("https://git.example.com/a?sha=2") is None


@pytest.mark.integration
def test_the_charts_of_another_organisation_are_not_seen(aws: Aws) -> None:
    S3Charts(aws.bucket, "acme", aws.s3).put(digest(ARCHIVE), ARCHIVE)

    assert S3Charts(aws.bucket, "other", aws.s3).get(digest(ARCHIVE)) is None


@pytest.mark.integration
def test_a_store_that_does_not_answer_is_an_empty_cache(aws: Aws) -> None:
    cache = S3Charts("no-such-bucket", "acme", aws.s3)

    cache.put(digest(ARCHIVE), ARCHIVE)

    assert cache.get(digest(ARCHIVE)) is None


def test_an_archive_of_a_repository_is_fetched_once() -> None:
    cache = FakeChartCache()
    pages = chart_pages({"web": ("1.0.0", ARCHIVE)})
    with http_pages(pages) as host:
        charts = HelmCharts(BUILT_IN, {host}, cache=cache)
        first = charts.fetch(ChartRef("web", f"http://{host}"))
        del pages["/web-1.0.0.tgz"]

        assert charts.fetch(ChartRef("web", f"http://{host}")) == first


def test_a_layer_of_a_registry_is_fetched_once() -> None:
    with registry(charts={"acme/web": {"1.0.0": ARCHIVE}}) as served:
        charts = HelmCharts(BUILT_IN, {served.host}, cache=FakeChartCache())
        found = [charts.fetch(ChartRef("web", f"oci://{served.host}/acme", "1.0.0")) for _ in range(2)]

    assert found[0] == found[1]
    assert sum("/blobs/" in path for path, _ in served.seen) == 1


def test_a_commit_is_cloned_once(tmp_path: Path) -> None:
    with GitServer(tmp_path / "host") as server:
        path = server.create("acme/charts")
        sha = commit_on_host(path, "refs/heads/main", {"Chart.yaml": b"name: web\nversion: 1.0.0\n"})
        charts = HelmCharts(BUILT_IN, {f"127.0.0.1:{server.port}"}, cache=FakeChartCache())
        ref = ChartRef(f"{server.url_of('acme/charts')}?sha={sha}")
        first = charts.fetch(ref)

    assert charts.fetch(ref) == first  # the host is gone


@pytest.mark.parametrize("spoiled", [b"", b"other", ARCHIVE + b"x"])
def test_what_is_not_what_was_kept_is_fetched_again(spoiled: bytes) -> None:
    cache = FakeChartCache()
    cache.charts[digest(ARCHIVE)] = spoiled
    with http_pages(chart_pages({"web": ("1.0.0", ARCHIVE)})) as host:
        chart = HelmCharts(BUILT_IN, {host}, cache=cache).fetch(ChartRef("web", f"http://{host}"))

    assert chart.archive == ARCHIVE
    assert cache.charts[digest(ARCHIVE)] == ARCHIVE

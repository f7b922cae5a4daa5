"""Charts from an OCI registry: versions, digests, tokens, and what is refused."""

from pathlib import Path

import pytest

from chalicelib.adapters.charts import HelmCharts
from chalicelib.core.errors import Rejected
from chalicelib.core.manifests import ChartRef
from tests.fakes_registry import TOKEN, Registry, digest, registry
from tests.fakes_rendering import chart_archive, http_pages

BUILT_IN = Path(__file__).parents[3] / "infra" / "charts"


def _archive(version: str) -> bytes:
    return chart_archive("web", {"Chart.yaml": f"apiVersion: v2\nname: web\nversion: {version}\n"})


ARCHIVES = {tag: _archive(tag) for tag in ("1.0.0", "1.2.0", "1.10.0", "2.0.0-rc.1", "1.3.0_build.5", "latest")}
CHARTS = {"acme/web": ARCHIVES}


def _charts(*served: Registry) -> HelmCharts:
    return HelmCharts(BUILT_IN, {one.host for one in served})


@pytest.mark.parametrize("auth", ["", "bearer"])
@pytest.mark.parametrize(
    ("wanted", "found"),
    [("", "1.10.0"), ("^1.0", "1.10.0"), ("~1.2", "1.2.0"), ("1.0.0", "1.0.0"), ("2.0.0-rc.1", "2.0.0-rc.1")],
)
def test_a_version_or_a_range_is_resolved_with_or_without_a_token(auth: str, wanted: str, found: str) -> None:
    with registry(charts=CHARTS, auth=auth) as served:
        chart = _charts(served).fetch(ChartRef("web", f"oci://{served.host}/acme", wanted))

    assert (chart.name, chart.version, chart.repository) == ("web", found, f"oci://{served.host}/acme")
    assert chart.digest == digest(ARCHIVES[found])


def test_a_build_in_a_version_is_an_underscore_in_its_tag() -> None:
    with registry(charts=CHARTS) as served:
        chart = _charts(served).fetch(ChartRef("web", f"oci://{served.host}/acme", "1.3.0+build.5"))

    assert chart.digest == digest(ARCHIVES["1.3.0_build.5"])


def test_the_whole_address_may_be_the_name() -> None:
    with registry(charts=CHARTS) as served:
        assert _charts(served).fetch(ChartRef(f"oci://{served.host}/acme/web")).version == "1.10.0"


def test_tags_come_in_pages() -> None:
    with registry(charts=CHARTS, page=2) as served:
        assert _charts(served).fetch(ChartRef("web", f"oci://{served.host}/acme", "^1")).version == "1.10.0"

    assert sum("/tags/list" in path for path, _ in served.seen) == 3


def test_an_exact_version_needs_no_list_of_tags() -> None:
    with registry(charts=CHARTS) as served:
        _charts(served).fetch(ChartRef("web", f"oci://{served.host}/acme", "1.2.0"))

    assert not any("/tags/list" in path for path, _ in served.seen)


@pytest.mark.parametrize(
    ("options", "ref", "words"),
    [
        ({}, ("nope", "1.0.0"), "does not have it"),
        ({}, ("nope", ""), "does not have it"),
        ({}, ("web", "9.9.9"), "does not have it"),
        ({}, ("web", "^9"), "no version '\\^9'"),
        ({}, ("web", "newest"), "no version and no range"),
        ({"layer_type": "application/vnd.oci.image.layer.v1.tar+gzip"}, ("web", "1.0.0"), "no Helm chart"),
        ({"blobs": {digest(ARCHIVES["1.0.0"]): b"other"}}, ("web", "1.0.0"), "not what the digest"),
        ({"auth": "basic", "password": "x"}, ("web", "1.0.0"), "none is stored"),
        ({"auth": "bearer", "password": "x"}, ("web", "1.0.0"), "401"),
    ],
)
def test_what_can_not_be_had_is_refused_in_words(options: dict[str, object], ref: tuple[str, str], words: str) -> None:
    with registry(charts=CHARTS, **options) as served, pytest.raises(Rejected, match=words):
        _charts(served).fetch(ChartRef(ref[0], f"oci://{served.host}/acme", ref[1]))


def test_a_token_stays_behind_when_blobs_are_elsewhere() -> None:
    with registry(charts={"blob": {}}) as elsewhere, registry(charts=CHARTS, auth="bearer") as served:
        elsewhere.charts["x"] = {}
        elsewhere.blobs = {digest(ARCHIVES["1.0.0"]): ARCHIVES["1.0.0"]}
        served.blobs_at = f"http://{elsewhere.host}/v2/x/blobs"

        chart = _charts(served, elsewhere).fetch(ChartRef("web", f"oci://{served.host}/acme", "1.0.0"))

    assert chart.digest == digest(ARCHIVES["1.0.0"])
    assert (f"/v2/acme/web/blobs/{chart.digest}", f"Bearer {TOKEN}") in served.seen
    assert [authorization for _, authorization in elsewhere.seen] == [""]


@pytest.mark.parametrize("option", ["realm", "blobs_at"])
def test_defence_10_tokens_and_blobs_pass_the_same_gate(option: str) -> None:
    with http_pages({"/token": b"{}"}) as inside, registry(charts=CHARTS) as served:
        setattr(served, option, f"http://{inside}/token")
        served.auth = "bearer" if option == "realm" else ""

        with pytest.raises(Rejected, match="only https"):
            _charts(served).fetch(ChartRef("web", f"oci://{served.host}/acme", "1.0.0"))

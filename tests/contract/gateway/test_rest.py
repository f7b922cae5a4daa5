"""REST behaves as API Gateway with the Lambda proxy integration does, limits included."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from infra.local.gateway import is_api
from infra.local.gateway_rest import Routes
from tests.local.tiny import Tiny, ask, running

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiny]:
    folder = tmp_path_factory.mktemp("rest")
    (folder / "site" / "assets").mkdir(parents=True)
    (folder / "site" / "index.html").write_text("<title>page</title>")
    (folder / "site" / "assets" / "a-1234.js").write_text("1")
    (folder / "secret").write_text("canary")
    with running(folder) as tiny:
        yield tiny


def test_an_answer_keeps_its_headers_and_repeats_what_repeats(tiny: Tiny) -> None:
    status, headers, body = ask(tiny, "/v1/echo/a")

    assert status == 200
    assert headers["X-One"] == "1"
    assert headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert json.loads(body)["name"] == "a"


@pytest.mark.parametrize("path", ["/v1/none", "/v1/echo/a/b", "/api/none"])
def test_an_address_without_a_route_is_404_and_says_so_in_both_families_words(tiny: Tiny, path: str) -> None:
    status, headers, text = ask(tiny, path)

    body = json.loads(text)
    assert (status, headers["Content-Type"].split(";")[0]) == (404, "application/json")
    assert body["error"] == body["detail"] == "there is no such route"
    assert body["status"] == 404


def test_a_method_without_a_view_is_405(tiny: Tiny) -> None:
    assert ask(tiny, "/v1/bytes", b"{}")[0] == 405


def test_a_body_arrives_byte_for_byte(tiny: Tiny) -> None:
    sent = '{"ü": "→",  "n" :1}'.encode()

    assert json.loads(ask(tiny, "/hook/x", sent)[2])["raw"].encode() == sent


def test_bytes_come_back_as_bytes(tiny: Tiny) -> None:
    assert ask(tiny, "/v1/bytes", Accept="application/octet-stream")[2] == b"\x00\xff"


def test_what_is_larger_than_the_function_takes_is_413(tiny: Tiny) -> None:
    assert ask(tiny, "/v1/echo/x", b" " * (5 * 1024 * 1024))[0] == 200
    assert ask(tiny, "/v1/echo/x", b" " * (7 * 1024 * 1024))[0] == 413


def test_what_is_larger_than_the_gateway_takes_is_413(tiny: Tiny) -> None:
    with socket.create_connection(("127.0.0.1", int(tiny.system.url.rpartition(":")[2])), timeout=10) as raw:
        raw.sendall(b"POST /v1/echo/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11000000\r\n\r\n")

        assert raw.recv(100).split()[1] == b"413"


def test_an_answer_larger_than_the_function_may_give_is_502(tiny: Tiny) -> None:
    assert ask(tiny, "/v1/large")[0] == 502


def test_a_slow_function_holds_up_nobody_else(tiny: Tiny) -> None:
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(ask, tiny, "/v1/echo/slow?sleep=1")

        assert ask(tiny, "/v1/echo/fast")[0] == 200
        assert not slow.done()
        assert slow.result()[0] == 200


def test_the_page_is_served_for_every_address_of_its_own_with_safe_headers(tiny: Tiny) -> None:
    for path in ("/", "/apps/production/shop", "/../secret", "/%2e%2e/secret", "/index.html"):
        status, headers, body = ask(tiny, path)

        assert (status, body) == (200, b"<title>page</title>")
        assert headers["Content-Security-Policy"].startswith("default-src 'self';")
        assert "unsafe-eval" not in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-cache"


def test_an_asset_is_kept_for_ever_and_a_missing_one_is_404(tiny: Tiny) -> None:
    assert "immutable" in ask(tiny, "/assets/a-1234.js")[1]["Cache-Control"]
    assert ask(tiny, "/assets/none.js")[0] == 404


def test_requests_for_another_host_are_refused(tiny: Tiny) -> None:
    assert ask(tiny, "/", Host="evil.example")[0] == 421


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/api/status", True), ("/v1", True), ("/hooks/github/1", True), ("/hook", True), ("/health", True),
     ("/apiary", False), ("/", False), ("/v10/x", False), ("/apps/v1", False)],
)  # fmt: skip
def test_the_site_and_the_api_share_the_origin_by_path(path: str, expected: bool) -> None:
    assert is_api(path) is expected


def test_a_fixed_part_goes_before_a_parameter() -> None:
    routes = Routes(["/v1/{a}/x", "/v1/b/x", "/v1/{a}/{c}"])

    assert routes.match("/v1/b/x") == ("/v1/b/x", {})
    assert routes.match("/v1/c/x") == ("/v1/{a}/x", {"a": "c"})
    assert routes.match("/v1/c%2Fd/y/") == ("/v1/{a}/{c}", {"a": "c/d", "c": "y"})
    assert routes.match("/v1//y") is None

"""Settings, waiting between connections, and the probes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent.backoff import MOST_SECONDS, PLANNED_SECONDS, Backoff
from agent.health_server import metrics_text, response, serve_health
from agent.settings import Misconfigured, read_settings

GOOD = {"GIMLET_URL": "https://gimlet.example.com/", "GIMLET_AGENT_KEY": "canary"}


def test_an_address_becomes_its_socket() -> None:
    cases = {
        "https://gimlet.example.com": "wss://gimlet.example.com/ws",
        "https://gimlet.example.com:8443/": "wss://gimlet.example.com:8443/ws",
        "wss://gimlet.example.com/ws": "wss://gimlet.example.com/ws",
        "http://localhost:8000": "ws://localhost:8000/ws",
        "http://127.0.0.1:8000": "ws://127.0.0.1:8000/ws",
        "http://[::1]:8000": "ws://[::1]:8000/ws",
    }

    for url, socket in cases.items():
        assert read_settings({**GOOD, "GIMLET_URL": url}).url == socket


def test_the_key_does_not_travel_in_the_open_unless_somebody_says_so() -> None:
    for host in ("gimlet.example.com", "10.0.0.1", "localhost.example.com"):
        environ = {**GOOD, "GIMLET_URL": f"http://{host}"}

        with pytest.raises(Misconfigured, match="not https"):
            read_settings(environ)
        assert read_settings({**environ, "GIMLET_ALLOW_INSECURE": "1"}).url == f"ws://{host}/ws"


def test_everything_wrong_is_named_at_once() -> None:
    with pytest.raises(Misconfigured) as caught:
        read_settings({"GIMLET_URL": "gimlet", "HEALTH_PORT": "many"})

    assert all(name in str(caught.value) for name in ("GIMLET_URL", "GIMLET_AGENT_KEY", "HEALTH_PORT"))


def test_a_key_file_is_read_for_each_connection_and_no_key_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("one\n")
    settings = read_settings({"GIMLET_URL": "https://g.example", "GIMLET_AGENT_KEY_FILE": str(file)})

    assert settings.read_key() == "one"
    file.write_text("two\n")
    assert settings.read_key() == "two"
    assert "canary" not in repr(read_settings(GOOD))


def test_waits_grow_with_full_jitter_and_are_forgotten_after_a_good_minute() -> None:
    asked: list[tuple[float, float]] = []

    def longest(least: float, most: float) -> float:
        asked.append((least, most))
        return most

    backoff = Backoff(jitter=longest)

    waits = [backoff.next_wait(lasted=1) for _ in range(8)]

    assert waits == [0.5, 1, 2, 4, 8, 16, MOST_SECONDS, MOST_SECONDS]
    assert all(least == 0 for least, _ in asked)
    assert backoff.next_wait(lasted=61) == 0.5


def test_two_agents_do_not_chase_each_other_away() -> None:
    backoff = Backoff()

    assert all(backoff.next_wait(lasted=1, bye=bye) >= 240 for bye in ("replaced", "revoked"))
    assert backoff.next_wait(lasted=1, bye="shutdown") <= 0.5


def test_we_leave_before_the_gateway_makes_us() -> None:
    assert all(PLANNED_SECONDS[0] <= Backoff().lifetime() < 7200 for _ in range(100))


def test_probes_answer_and_nothing_else_does() -> None:
    pages = {"/healthz": lambda: (200, "ok\n"), "/readyz": lambda: (503, "awaited: Pod\n")}

    assert response(b"GET /healthz?x=1 HTTP/1.1\r\n", pages).startswith(b"HTTP/1.1 200 OK\r\n")
    assert response(b"GET /readyz HTTP/1.1\r\n", pages).endswith(b"awaited: Pod\n")
    for head in (b"POST /healthz HTTP/1.1\r\n", b"GET /secret HTTP/1.1\r\n", b"\xff\xff\r\n"):
        assert response(head, pages).startswith(b"HTTP/1.1 404")
    assert "# TYPE a_total counter\na_total 2\n" in metrics_text({"a_total": 2, "b": 1})


def test_the_probes_are_served_on_a_socket() -> None:
    async def main() -> bytes:
        server = await serve_health("127.0.0.1", 0, {"/healthz": lambda: (200, "ok\n")})
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        server.close()
        return answer

    assert asyncio.run(main()).endswith(b"ok\n")

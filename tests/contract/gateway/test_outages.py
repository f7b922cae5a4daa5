"""What happens when functions are slow, killed or away, and when the whole system starts again: nothing is lost."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from infra.local import invoke
from infra.local.gateway_sockets import SocketLimits
from infra.local.resources import client
from tests.local.tiny import ask, bodies, closing_code, opened, running, wait_for, waiting

pytestmark = pytest.mark.integration


def test_a_function_that_is_too_slow_is_504(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(invoke.TIMEOUT_SECONDS, invoke.API, 0.2)
    monkeypatch.setenv("TINY_LOG", str(tmp_path / "tiny.log"))
    with running(tmp_path, functions="inline") as tiny:
        assert ask(tiny, "/v1/echo/x?sleep=1")[0] == 504


def test_without_functions_a_request_is_503(tmp_path: Path) -> None:
    with running(tmp_path) as tiny:
        tiny.system.kill_functions()

        assert ask(tiny, "/v1/echo/x")[0] == 503
        tiny.system.start_functions()
        assert ask(tiny, "/v1/echo/x")[0] == 200


def test_a_function_that_is_killed_is_502(tmp_path: Path) -> None:
    with running(tmp_path) as tiny, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(ask, tiny, "/v1/echo/x?sleep=20")
        tiny.wait("api_handler")

        tiny.system.kill_functions()

        assert slow.result()[0] == 502


def test_killing_the_functions_again_and_again_loses_nothing(tmp_path: Path) -> None:
    with running(tmp_path, queue_visibility_seconds=1) as tiny:
        for n in range(20):
            tiny.send("intake", test="kill", n=n, sleep=0.05)
            tiny.put("kill", f"{n:03}")

        for round_ in range(3):
            wait_for(lambda round_=round_: len(tiny.events("intake")) > 3 * round_)  # type: ignore[misc]
            tiny.system.kill_functions()
            assert tiny.system.functions_pid == 0
            tiny.system.start_functions()

        wait_for(lambda: {body["n"] for body in bodies(tiny.events("intake-done"), "kill")} == set(range(20)), 40)
        wait_for(lambda: waiting(tiny, "intake") == 0)
        assert waiting(tiny, "intake-dead") == 0
        wait_for(lambda: all(f'"{n:03}"' in json.dumps(tiny.events("relay-done")) for n in range(20)))


def test_messages_wait_for_functions_that_are_away_without_being_counted(tmp_path: Path) -> None:
    with running(tmp_path, queue_visibility_seconds=1) as tiny:
        tiny.wait("sweep")
        tiny.system.kill_functions()
        tiny.send("intake", test="away")
        time.sleep(2)  # two times its visibility

        tiny.system.start_functions()

        event = tiny.wait("intake")[0]
        assert event["Records"][0]["attributes"]["ApproximateReceiveCount"] == "1"


def test_queues_and_tables_survive_a_restart_of_the_system(tmp_path: Path) -> None:
    with running(tmp_path) as tiny:
        tiny.put("kept", "a")
        tiny.system.kill_functions()
        tiny.send("intake", test="kept")

    with running(tmp_path) as tiny:
        wait_for(lambda: bodies(tiny.events("intake-done"), "kept"))
        dynamodb: Any = client("dynamodb", tiny.system.aws_endpoint)
        assert dynamodb.scan(TableName="documents")["Count"] == 1


def test_a_silent_socket_and_an_old_one_are_closed(tmp_path: Path) -> None:
    with running(tmp_path, socket_limits=SocketLimits(idle_seconds=0.5, life_seconds=60)) as tiny, opened(tiny) as idle:
        assert closing_code(idle) == 1001
    limits = SocketLimits(idle_seconds=60, life_seconds=0.5)
    with running(tmp_path, socket_limits=limits) as tiny, opened(tiny) as old:
        assert closing_code(old) == 1001

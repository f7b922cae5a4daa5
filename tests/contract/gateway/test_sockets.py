"""WebSockets behave as API Gateway's: three functions, concurrent messages, limits, the management API."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol

from infra.limits import SOCKET_FRAME_BYTES, SOCKET_MESSAGE_BYTES
from infra.local.frame_guard import FrameSizes
from infra.local.resources import client
from tests.local.tiny import Tiny, closing_code, opened, running, wait_for

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiny]:
    with running(tmp_path_factory.mktemp("sockets"), shuffle=True) as tiny:
        yield tiny


def management(tiny: Tiny) -> Any:
    return client("apigatewaymanagementapi", tiny.system.private_url)


def newest_id(tiny: Tiny) -> str:
    found: str = tiny.wait("websocket_connect")[-1]["requestContext"]["connectionId"]
    return found


def end_of(tiny: Tiny, connection_id: str) -> dict[str, Any] | None:
    """What was told of the end of this socket, once it was; ends of earlier sockets may come late."""
    told = (event["requestContext"] for event in tiny.events("websocket_disconnect"))
    return next((context for context in told if context["connectionId"] == connection_id), None)


def test_the_answer_names_the_subprotocol_that_the_function_named(tiny: Tiny) -> None:
    wanted = [Subprotocol("gimlet.v1"), Subprotocol("ticket.abc")]
    with opened(tiny, subprotocols=wanted) as socket:
        assert socket.subprotocol == "gimlet.v1"


def test_a_socket_the_function_refuses_is_not_opened(tiny: Tiny) -> None:
    with pytest.raises(InvalidStatus) as refused, opened(tiny, additional_headers={"Authorization": "no"}):
        pass

    assert refused.value.response.status_code == 401


def test_messages_of_one_socket_run_at_the_same_time_and_out_of_order(tiny: Tiny) -> None:
    with opened(tiny) as socket:
        for n in range(20):
            socket.send(json.dumps({"n": n, "echo": True, "sleep": 0.5}))
        heard = [json.loads(socket.recv(timeout=30))["n"] for _ in range(20)]

    at = [it["at"] for it in tiny.seen("websocket_message")[-20:]]
    assert max(at) - min(at) < 5  # one after the other, 20 messages of half a second each would take 10
    assert sorted(heard) == list(range(20)) != heard


def test_a_failed_message_is_answered_and_the_socket_lives_on(tiny: Tiny) -> None:
    with opened(tiny) as socket:
        socket.send(json.dumps({"fail": True}))
        assert json.loads(socket.recv(timeout=5))["message"] == "Internal server error"

        socket.send(json.dumps({"echo": True}))
        assert json.loads(socket.recv(timeout=5)) == {"echo": True}


def test_a_message_of_128_kib_in_small_frames_is_taken_and_a_larger_one_closes(tiny: Tiny) -> None:
    before = len(tiny.events("websocket_message"))
    with opened(tiny) as socket:
        pieces = ["x" * SOCKET_FRAME_BYTES] * (SOCKET_MESSAGE_BYTES // SOCKET_FRAME_BYTES)
        socket.send(pieces)
        tiny.wait("websocket_message", before + 1)

        socket.send([*pieces, "x"])

        assert closing_code(socket) == 1009


def test_a_frame_above_32_kib_closes(tiny: Tiny) -> None:
    with opened(tiny) as socket:
        socket.send("x" * (SOCKET_FRAME_BYTES + 1))

        assert closing_code(socket) == 1009


def test_the_management_api_posts_looks_and_closes(tiny: Tiny) -> None:
    with opened(tiny) as socket:
        api, id_ = management(tiny), newest_id(tiny)
        wait_for(lambda: is_known(api, id_))

        api.post_to_connection(ConnectionId=id_, Data=b'{"n": 1}')
        assert socket.recv(timeout=5) == '{"n": 1}'
        assert api.get_connection(ConnectionId=id_)["Identity"]["SourceIp"] == "127.0.0.1"
        with pytest.raises(api.exceptions.PayloadTooLargeException):
            api.post_to_connection(ConnectionId=id_, Data=b"x" * (SOCKET_MESSAGE_BYTES + 1))

        api.delete_connection(ConnectionId=id_)
        assert closing_code(socket) == 1001


def is_known(api: Any, connection_id: str) -> bool:
    try:
        api.get_connection(ConnectionId=connection_id)
    except api.exceptions.GoneException:
        return False
    return True


def test_a_socket_that_went_away_is_gone(tiny: Tiny) -> None:
    with opened(tiny):
        id_ = newest_id(tiny)
    api = management(tiny)

    wait_for(lambda: not is_known(api, id_))
    calls: list[Callable[..., Any]] = [api.post_to_connection, api.get_connection, api.delete_connection]
    for call in calls:
        with pytest.raises(api.exceptions.GoneException):
            call(ConnectionId=id_, **({"Data": b"x"} if call == api.post_to_connection else {}))


def test_a_socket_that_is_cut_off_is_told_as_disconnected(tiny: Tiny) -> None:
    with opened(tiny) as socket:
        id_ = newest_id(tiny)
        socket.socket.shutdown(2)

        ended = wait_for(lambda: end_of(tiny, id_))

    assert ended["disconnectStatusCode"] == 1006


def test_the_private_port_takes_only_signed_requests(tiny: Tiny) -> None:
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    request = Request(f"{tiny.system.private_url}/2015-03-31/functions/render/invocations", data=b"{}")
    with pytest.raises(HTTPError) as refused:
        urlopen(request, timeout=5)

    assert refused.value.code == 403
    refused.value.close()


def test_a_function_asks_another_by_invoke(tiny: Tiny) -> None:
    api: Any = client("lambda", tiny.system.private_url)

    asked = api.invoke(FunctionName="render", Payload=b'{"check": {"n": 1}}')
    failed = api.invoke(
        FunctionName="arn:aws:lambda:us-east-1:000000000000:function:render", Payload=b'{"check": "fail"}'
    )

    assert json.loads(asked["Payload"].read()) == {"checked": {"n": 1}, "left": True}
    assert "FunctionError" not in asked
    assert failed["FunctionError"] == "Unhandled"
    assert json.loads(failed["Payload"].read())["errorType"] == "ValueError"
    with pytest.raises(ClientError) as unknown:
        api.invoke(FunctionName="none", Payload=b"{}")
    assert unknown.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_many_sockets_are_served_at_once(tiny: Tiny) -> None:
    heard: list[str] = []

    def talk(n: int) -> None:
        with opened(tiny) as socket:
            socket.send(json.dumps({"n": n, "echo": True}))
            heard.append(str(socket.recv(timeout=10)))

    threads = [threading.Thread(target=talk, args=(n,)) for n in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(json.loads(it)["n"] for it in heard) == list(range(30))


@settings(deadline=None)
@given(st.lists(st.integers(0, 70_000), max_size=6), st.integers(1, 5000))
def test_frame_sizes_are_found_however_the_stream_is_cut(sizes: list[int], cut: int) -> None:
    stream = b"".join(Frame(Opcode.TEXT, os.urandom(size)).serialize(mask=True) for size in sizes)
    found = FrameSizes()

    heard = [size for at in range(0, len(stream), cut) for size in found.feed(stream[at : at + cut])]

    assert heard == sizes

"""Each event has the shape AWS gives it, as Powertools' models and classes understand it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen

import pytest
from aws_lambda_powertools.utilities.data_classes import (
    APIGatewayProxyEvent,
    APIGatewayWebSocketEvent,
    DynamoDBStreamEvent,
    EventBridgeEvent,
    SQSEvent,
)
from aws_lambda_powertools.utilities.parser.models import (
    APIGatewayProxyEventModel,
    APIGatewayWebSocketConnectEventModel,
    APIGatewayWebSocketDisconnectEventModel,
    APIGatewayWebSocketMessageEventModel,
    DynamoDBStreamLambdaOnFailureDestinationModel,
    DynamoDBStreamModel,
    EventBridgeModel,
    SqsModel,
)
from websockets.sync.client import connect

from infra.local.streams import dead_letter
from tests.local.tiny import Tiny, running, wait_for

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiny]:
    with running(tmp_path_factory.mktemp("events")) as tiny:
        yield tiny


def relayed(tiny: Tiny, partition: str) -> dict[str, Any]:
    """The first event of a change under `partition`."""

    def found() -> list[dict[str, Any]]:
        return [it for it in tiny.events("relay") if it["Records"][0]["dynamodb"]["Keys"]["pk"] == {"S": partition}]

    event: dict[str, Any] = wait_for(found)[0]
    return event


def test_a_request_is_a_proxy_event(tiny: Tiny) -> None:
    url = f"{tiny.system.url}/v1/echo/a%20b?x=1&x=2&empty="
    request = Request(url, data=b'{"n": 1}', headers={"Content-Type": "application/json", "X-Canary": "c"})
    urlopen(request, timeout=10).close()

    raw = tiny.wait("api_handler")[-1]
    model = APIGatewayProxyEventModel.model_validate(raw)
    event = APIGatewayProxyEvent(raw)
    assert (model.resource, model.path, model.pathParameters) == ("/v1/echo/{name}", "/v1/echo/a b", {"name": "a b"})
    assert model.multiValueQueryStringParameters == {"x": ["1", "2"], "empty": [""]}
    assert model.queryStringParameters == {"x": "2", "empty": ""}
    assert event.headers["x-canary"] == "c"
    assert event.decoded_body == '{"n": 1}'
    assert str(model.requestContext.identity.sourceIp) == "127.0.0.1/32"


def test_bytes_of_a_binary_type_arrive_as_base64(tiny: Tiny) -> None:
    content = bytes(range(256))
    request = Request(
        f"{tiny.system.url}/v1/echo/x", data=content, headers={"Content-Type": "application/octet-stream"}
    )
    urlopen(request, timeout=10).close()

    raw = tiny.events("api_handler")[-1]
    assert raw["isBase64Encoded"]
    assert base64.b64decode(raw["body"]) == content


def test_a_message_of_a_queue_is_an_sqs_event(tiny: Tiny) -> None:
    tiny.send("train", group="g", n=1)

    raw = tiny.wait("train")[0]
    record = SqsModel.model_validate(raw).Records[0]
    assert record.attributes.MessageGroupId == "g"
    assert record.eventSourceARN.endswith(":train.fifo")
    assert next(SQSEvent(raw).records).json_body == {"n": 1}


def test_a_change_of_a_table_is_a_stream_event(tiny: Tiny) -> None:
    tiny.put("shape", "a", table="records")

    raw = relayed(tiny, "shape")
    record = DynamoDBStreamModel.model_validate(raw).Records[0]
    assert record.eventName == "INSERT"
    assert record.dynamodb.NewImage == {"pk": "shape", "sk": "a"}
    assert record.dynamodb.OldImage is None
    assert record.dynamodb.StreamViewType == "NEW_IMAGE"
    assert ":table/records/stream/" in record.eventSourceARN
    assert next(DynamoDBStreamEvent(raw).records).dynamodb.keys == {"pk": "shape", "sk": "a"}  # type: ignore[union-attr]


def test_a_given_up_record_is_an_on_failure_message(tiny: Tiny) -> None:
    tiny.put("letter", "a")
    records = relayed(tiny, "letter")["Records"]

    letter = dead_letter("shard", "arn", records)

    model = DynamoDBStreamLambdaOnFailureDestinationModel.model_validate(letter)
    assert model.ddb_stream_batch_info.start_sequence_number == records[0]["dynamodb"]["SequenceNumber"]


def test_the_schedule_is_an_eventbridge_event_at_the_start(tiny: Tiny) -> None:
    raw = tiny.wait("sweep")[0]

    assert EventBridgeModel.model_validate(raw).detail_type == "Scheduled Event"
    assert EventBridgeEvent(raw).source == "aws.events"


def test_a_socket_is_three_kinds_of_websocket_events(tiny: Tiny) -> None:
    url = tiny.system.url.replace("http", "ws") + "/ws"
    with connect(url, additional_headers={"Authorization": "Bearer x"}) as socket:
        socket.send("hello")
        tiny.wait("websocket_message")
        socket.close(4000)

    opened: Any = tiny.wait("websocket_connect")[0]
    said: Any = tiny.wait("websocket_message")[0]
    closed: Any = tiny.wait("websocket_disconnect")[0]
    assert APIGatewayWebSocketConnectEventModel.model_validate(opened).headers["Authorization"] == "Bearer x"
    assert APIGatewayWebSocketMessageEventModel.model_validate(said).body == "hello"
    gone = APIGatewayWebSocketDisconnectEventModel.model_validate(closed).request_context
    assert gone.disconnect_status_code == 4000
    ids = {APIGatewayWebSocketEvent(it).request_context.connection_id for it in (opened, said, closed)}
    assert len(ids) == 1

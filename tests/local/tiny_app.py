"""A small Chalice app with our functions' names, to hold the gateway against: it records what reaches it.

Each event is appended as one JSON line to the file named by TINY_LOG, before the handler does what the event asks.
"""

# Chalice's decorators have no types.
# mypy: disable-error-code="untyped-decorator"
from __future__ import annotations

import json
import os
import threading
import time
from typing import Any

import boto3
from chalice import Chalice, Response

app = Chalice("tiny")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.Session()
app.api.binary_types = ["application/octet-stream"]
_writing = threading.Lock()


def record(function: str, event: Any) -> None:
    line = json.dumps({"function": function, "at": time.time(), "event": event}) + "\n"
    with _writing, open(os.environ["TINY_LOG"], "a") as log:
        log.write(line)


@app.route("/v1/echo/{name}", methods=["GET", "POST"], content_types=["application/json", "application/octet-stream"])
def echo(name: str) -> Any:
    request = app.current_request
    record("api_handler", request.to_original_event())
    if seconds := (request.query_params or {}).get("sleep"):
        time.sleep(float(seconds))
    size = len(request.raw_body)
    answer = {"name": name, "size": size, "seen": app.current_request.uri_params["name"], "query": request.query_params}
    return Response(answer, headers={"X-One": "1", "Set-Cookie": ["a=1", "b=2"]})


@app.route("/v1/echo/fixed", methods=["GET"])
def fixed() -> Any:
    return {"name": "the fixed one"}


@app.route("/v1/bytes", methods=["GET"])
def some_bytes() -> Any:
    return Response(b"\x00\xff", headers={"Content-Type": "application/octet-stream"})


@app.route("/v1/large", methods=["GET"])
def large() -> Any:
    return "x" * (7 * 1024 * 1024)


@app.route("/hook/x", methods=["POST"], content_types=["application/json"])
def hook() -> Any:
    return {"raw": app.current_request.raw_body.decode()}


@app.on_ws_connect()
def websocket_connect(event: Any) -> Any:
    raw = event.to_dict()
    record("websocket_connect", raw)
    headers = {name.lower(): value for name, value in raw["headers"].items()}
    if headers.get("authorization") == "no":
        return Response("", status_code=401)
    wanted = headers.get("sec-websocket-protocol", "")
    named = {"Sec-WebSocket-Protocol": wanted.split(",")[0].strip()} if wanted else {}
    return {"statusCode": 200, "headers": named}


@app.on_ws_message()
def websocket_message(event: Any) -> Any:
    record("websocket_message", event.to_dict())
    asked = json.loads(event.body) if event.body.startswith("{") else {}
    time.sleep(asked.get("sleep", 0))
    if asked.get("fail"):
        raise ValueError("asked to")
    if asked.get("echo"):
        client = boto3.client("apigatewaymanagementapi", endpoint_url=os.environ["WEBSOCKET_ENDPOINT"])
        client.post_to_connection(ConnectionId=event.connection_id, Data=json.dumps(asked).encode())


@app.on_ws_disconnect()
def websocket_disconnect(event: Any) -> Any:
    record("websocket_disconnect", event.to_dict())


def _work(function: str, event: Any) -> Any:
    raw = event.to_dict()
    record(function, raw)
    failed = []
    for message in raw["Records"]:
        asked = json.loads(message["body"])
        time.sleep(asked.get("sleep", 0))
        if asked.get("fail") == "raise":
            raise ValueError("asked to")
        if asked.get("fail") == "item":
            failed.append({"itemIdentifier": message["messageId"]})
    record(f"{function}-done", raw)
    return {"batchItemFailures": failed}


@app.on_sqs_message("intake", batch_size=1)
def intake(event: Any) -> Any:
    return _work("intake", event)


def render(event: Any, context: Any) -> Any:
    """Plain: it is a function that the API asks, too."""
    if "check" in event:
        if event["check"] == "fail":
            raise ValueError("asked to")
        return {"checked": event["check"], "left": context.get_remaining_time_in_millis() > 0}
    record("render", event)
    return None


@app.on_sqs_message("train.fifo", batch_size=1)
def train(event: Any) -> Any:
    return _work("train", event)


@app.on_dynamodb_record("arn:aws:dynamodb:us-east-1:000000000000:table/records/stream/x")
def relay(event: Any) -> Any:
    raw = event.to_dict()
    record("relay", raw)
    if any("poison" in it["dynamodb"]["Keys"]["sk"]["S"] for it in raw["Records"]):
        raise ValueError("poison")
    time.sleep(float(os.environ.get("TINY_RELAY_SECONDS", "0")))
    record("relay-done", raw)


@app.schedule("rate(1 minute)")
def sweep(event: Any) -> Any:
    record("sweep", event.to_dict())

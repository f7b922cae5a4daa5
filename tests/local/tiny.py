"""The tiny app behind the gateway, and what it recorded."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from infra.local.resources import client
from infra.local.system import LocalSystem

APP = "tests.local.tiny_app"


def wait_for(condition: Callable[[], Any], timeout_seconds: float = 15) -> Any:
    """The first true value of `condition`."""
    deadline = time.monotonic() + timeout_seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.01)
    return value


@dataclass
class Tiny:
    """A running system with the tiny app."""

    system: LocalSystem
    log: Path

    def seen(self, function: str) -> list[dict[str, Any]]:
        """What was recorded under `function`, oldest first: `at` and `event`."""
        whole = self.log.read_text().rpartition("\n")[0] if self.log.exists() else ""  # the last line may be half there
        lines = whole.splitlines()
        return [line for line in map(json.loads, lines) if line["function"] == function]

    def events(self, function: str) -> list[dict[str, Any]]:
        return [line["event"] for line in self.seen(function)]

    def wait(self, function: str, count: int = 1) -> list[dict[str, Any]]:
        """The recorded events of `function`, when there are `count`."""
        wait_for(lambda: len(self.events(function)) >= count)
        return self.events(function)

    def send(self, queue: str, *, group: str = "", **body: Any) -> None:
        sqs: Any = client("sqs", self.system.aws_endpoint)
        extra = {"MessageGroupId": group, "MessageDeduplicationId": json.dumps(body)} if group else {}
        sqs.send_message(QueueUrl=self.system.resources.queue_urls[queue], MessageBody=json.dumps(body), **extra)

    def put(self, partition: str, sort: str, table: str = "documents") -> None:
        dynamodb: Any = client("dynamodb", self.system.aws_endpoint)
        dynamodb.put_item(TableName=table, Item={"pk": {"S": partition}, "sk": {"S": sort}})


@contextmanager
def running(folder: Path, **options: Any) -> Iterator[Tiny]:
    """A system in `folder` with the tiny app, in a process by default."""
    log = folder / "tiny.log"
    settings = {"TINY_LOG": str(log)} | options.pop("settings", {})
    site = folder / "site"
    with LocalSystem(folder / "state", app_module=APP, settings=settings, site_folder=site, **options) as system:
        yield Tiny(system, log)


def ask(tiny: Tiny, path: str, data: bytes | None = None, **headers: str) -> tuple[int, Any, Any]:
    """Status, headers and body of one request to the public origin."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(tiny.system.url + path, data=data, headers={"Content-Type": "application/json", **given})
    try:
        with urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except HTTPError as answer:
        with answer:
            return answer.code, answer.headers, answer.read()


def bodies(events: list[dict[str, Any]], test: str) -> list[dict[str, Any]]:
    """The messages of `test` in queue events."""
    found = [json.loads(record["body"]) for event in events for record in event["Records"]]
    return [body for body in found if body.get("test") == test]


def waiting(tiny: Tiny, name: str) -> int:
    """How many messages the queue `name` holds."""
    sqs: Any = client("sqs", tiny.system.aws_endpoint)
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    return sum(int(n) for n in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values())


@contextmanager
def opened(tiny: Tiny, **options: Any) -> Iterator[ClientConnection]:
    """A socket to the gateway, without compression as API Gateway has none."""
    url = tiny.system.url.replace("http", "ws") + "/ws"
    with connect(url, compression=None, close_timeout=2, **options) as socket:
        yield socket


def closing_code(socket: ClientConnection) -> int:
    """The code the other side closes with."""
    with pytest.raises(ConnectionClosed) as closed:
        socket.recv(timeout=10)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code

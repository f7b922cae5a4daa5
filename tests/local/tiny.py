"""The tiny app behind the gateway, and what it recorded."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        lines = self.log.read_text().splitlines() if self.log.exists() else []
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

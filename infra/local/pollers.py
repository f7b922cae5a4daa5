"""Feeds the queues' messages to their functions, as Lambda's event source for SQS does.

A message is deleted when its function took it, and only then; anything else lets it come back when its visibility
ends, until the queue's redrive policy moves it to the dead letters. Messages of one FIFO group come one after the
other. Source: Lambda guide, "Using Lambda with Amazon SQS" and its "Handling errors" page.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from aiohttp import ClientError

from infra.local.aws_calls import SQS, AwsRefused, Calls
from infra.local.invoke import Event, FunctionFailed, Functions, FunctionsDown
from infra.local.ministack import ACCOUNT, REGION
from infra.local.wakes import Wakes, wait_for
from infra.queues import Queue

LOOK_PERIOD_SECONDS = 0.25  # messages become visible again without a write that could wake us
BACKOFF_SECONDS = 0.5
log = logging.getLogger(__name__)


class QueuePoller:
    """Takes batches from one queue, `queue.concurrency` at the same time at most."""

    def __init__(
        self, queue: Queue, url: str, calls: Calls, functions: Functions, wakes: Wakes, *, visibility_seconds: int
    ) -> None:
        self._queue, self._url, self._visibility_seconds = queue, url, visibility_seconds
        self._calls, self._functions = calls, functions
        self._written = wakes.waiter(SQS)
        self._free = asyncio.Semaphore(queue.concurrency)
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Poll until cancelled; batches under way are left to end or to come back."""
        while True:
            await self._functions.wait_until_up()
            await self._free.acquire()
            self._written.clear()
            messages = await self._receive()
            if messages:
                task = asyncio.create_task(self._handle(messages))
                self._tasks.add(task)
                task.add_done_callback(self._done)
            else:
                self._free.release()
                await wait_for(self._written, LOOK_PERIOD_SECONDS)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._free.release()
        self._written.set()  # the group that was blocked may have more
        if not task.cancelled() and task.exception() is not None:
            log.error("a batch of %s was not finished", self._queue.name, exc_info=task.exception())

    async def _receive(self) -> list[dict[str, Any]]:
        request = {
            "QueueUrl": self._url,
            "MaxNumberOfMessages": self._queue.batch_size,
            "WaitTimeSeconds": 0,
            "AttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        }
        try:
            answer = await self._calls.call(SQS, "ReceiveMessage", request)
        except (AwsRefused, ClientError, TimeoutError) as error:
            log.warning("%s can't be read: %r", self._queue.name, error)
            await asyncio.sleep(BACKOFF_SECONDS)
            return []
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found

    async def _handle(self, messages: list[dict[str, Any]]) -> None:
        hiding = asyncio.create_task(self._hide(messages))
        try:
            answer = await self._functions.invoke(self._queue.function, queue_event(self._queue, messages))
        except (FunctionFailed, FunctionsDown) as error:
            log.warning("%s did not take a batch: %s", self._queue.function, error)
            return
        finally:
            hiding.cancel()
        failed = failed_ids(answer, [message["MessageId"] for message in messages])
        await asyncio.gather(*(self._delete(message) for message in messages if message["MessageId"] not in failed))

    async def _hide(self, messages: list[dict[str, Any]]) -> None:
        """Keep messages hidden while their function runs: here they come back soon after it died, on AWS only after
        longer than it may run."""
        while True:
            await asyncio.sleep(self._visibility_seconds / 2)
            for message in messages:
                request = {"QueueUrl": self._url, "ReceiptHandle": message["ReceiptHandle"]}
                hidden = {"VisibilityTimeout": self._visibility_seconds}
                with contextlib.suppress(AwsRefused, ClientError, TimeoutError):
                    await self._calls.call(SQS, "ChangeMessageVisibility", request | hidden)

    async def _delete(self, message: dict[str, Any]) -> None:
        request = {"QueueUrl": self._url, "ReceiptHandle": message["ReceiptHandle"]}
        try:
            await self._calls.call(SQS, "DeleteMessage", request)
        except (AwsRefused, ClientError, TimeoutError) as error:
            log.warning("a message of %s was not deleted and comes again: %r", self._queue.name, error)


def failed_ids(answer: Any, ids: list[str]) -> set[str]:
    """Which of the batch's message ids the function's answer leaves in the queue.

    An answer that names an unknown or empty id, or holds no list, fails the whole batch; none at all fails nothing.
    """
    if answer is None or answer == "":
        return set()
    if not isinstance(answer, dict):
        return set(ids)
    failures = answer.get("batchItemFailures", [])
    if failures is None:
        return set()
    named = [str(item.get("itemIdentifier")) if isinstance(item, dict) else "" for item in failures]
    return set(named) if all(name in ids for name in named) else set(ids)


def queue_event(queue: Queue, messages: list[dict[str, Any]]) -> Event:
    """The event of a batch of received messages (Lambda guide, "Example Amazon SQS message event")."""
    return {"Records": [_record(queue, message) for message in messages]}


def _record(queue: Queue, message: dict[str, Any]) -> Event:
    attributes = message.get("MessageAttributes", {})
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {name: _attribute(value) for name, value in attributes.items()},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue.name}",
        "awsRegion": REGION,
    }


def _attribute(value: dict[str, Any]) -> Event:
    names = {"StringValue": "stringValue", "BinaryValue": "binaryValue", "DataType": "dataType"}
    lists: Event = {"stringListValues": [], "binaryListValues": []}
    return lists | {names[name]: content for name, content in value.items() if name in names}

"""Feeds the changes of both tables to `relay`, as Lambda's event source for DynamoDB streams does.

Each table's stream is read once and dealt to lanes by its partition key, as shards are; a lane hands over one batch
at a time, at once, and goes on only when it is done with. A batch that fails is split in two; a single record is tried
twice and then becomes a dead letter, so that poison holds up its own lane and not for long.
Source: Lambda guide, "Using AWS Lambda with Amazon DynamoDB" (error handling, on-failure destination).
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
import zlib
from collections import deque
from datetime import UTC, datetime

from aiohttp import ClientError

from infra.limits import STREAM_ATTEMPTS, STREAM_BATCH_RECORDS, STREAM_LANES
from infra.local.aws_calls import SQS, STREAMS, AwsRefused, Calls
from infra.local.invoke import Event, FunctionDied, FunctionFailed, Functions, FunctionsDown
from infra.local.ministack import ACCOUNT, REGION
from infra.local.wakes import Wakes, wait_for

FUNCTION = "relay"
LOOK_PERIOD_SECONDS = 1.0  # each write wakes us; this is for a wake that got lost
BACKOFF_SECONDS = 0.2
DEATHS_FORGIVEN = 20
MAX_WAITING_RECORDS = 20_000
log = logging.getLogger(__name__)


class Lane:
    """One shard: its records in order, one batch at a time."""

    def __init__(self, name: str, arn: str, functions: Functions, calls: Calls, dead_url: str) -> None:
        self._name, self._arn, self._dead_url = name, arn, dead_url
        self._functions, self._calls = functions, calls
        self._records: deque[Event] = deque()
        self._filled = asyncio.Event()

    @property
    def waiting(self) -> int:
        return len(self._records)

    def put(self, record: Event) -> None:
        self._records.append(record)
        self._filled.set()

    async def run(self) -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._records:
                size = min(len(self._records), STREAM_BATCH_RECORDS)
                await self._take([self._records.popleft() for _ in range(size)])

    async def _take(self, batch: list[Event]) -> None:
        attempts = STREAM_ATTEMPTS if len(batch) == 1 else 1
        for attempt in range(attempts):
            if attempt:
                await asyncio.sleep(BACKOFF_SECONDS)
            if await self._attempt(batch):
                return
        if len(batch) == 1:
            await self._bury(batch)
            return
        middle = len(batch) // 2
        await self._take(batch[:middle])
        await self._take(batch[middle:])

    async def _attempt(self, batch: list[Event]) -> bool:
        for _ in range(DEATHS_FORGIVEN):
            await self._functions.wait_until_up()
            try:
                await self._functions.invoke(FUNCTION, {"Records": batch})
                return True
            except (FunctionsDown, FunctionDied):
                await asyncio.sleep(BACKOFF_SECONDS)  # a process that was killed says nothing about the records
            except FunctionFailed as failure:
                log.warning("%s did not take %d records of %s: %s", FUNCTION, len(batch), self._name, failure)
                return False
        return False

    async def _bury(self, batch: list[Event]) -> None:
        letter = json.dumps(dead_letter(self._name, self._arn, batch))
        try:
            await self._calls.call(SQS, "SendMessage", {"QueueUrl": self._dead_url, "MessageBody": letter})
        except (AwsRefused, ClientError, TimeoutError) as error:
            log.error("a dead letter of %s got lost: %r", self._name, error)


class StreamReader:
    """Reads one table's stream from the oldest record on and deals it to lanes."""

    def __init__(self, table: str, arn: str, calls: Calls, functions: Functions, wakes: Wakes, dead_url: str) -> None:
        self._table, self._arn, self._calls = table, arn, calls
        self._written = wakes.waiter("DynamoDB")
        names = [f"shardId-{number:020}-{table}" for number in range(STREAM_LANES)]
        self._lanes = [Lane(name, arn, functions, calls, dead_url) for name in names]
        self._last = ""

    async def run(self) -> None:
        """Read and hand over until cancelled."""
        async with asyncio.TaskGroup() as group:
            for lane in self._lanes:
                group.create_task(lane.run())
            group.create_task(self._read())

    async def _read(self) -> None:
        while True:
            try:
                await self._follow(await self._iterator())
            except (AwsRefused, ClientError, TimeoutError) as error:
                log.warning("the stream of %s can't be read: %r", self._table, error)
                if isinstance(error, AwsRefused) and error.code == "TrimmedDataAccessException":
                    self._last = ""  # all up to there is gone: go on with the oldest that is left
                await asyncio.sleep(BACKOFF_SECONDS)

    async def _iterator(self) -> str:
        described = await self._calls.call(STREAMS, "DescribeStream", {"StreamArn": self._arn})
        shard = described["StreamDescription"]["Shards"][0]["ShardId"]
        request = {"StreamArn": self._arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        if self._last:
            request |= {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": self._last}
        return str((await self._calls.call(STREAMS, "GetShardIterator", request))["ShardIterator"])

    async def _follow(self, iterator: str) -> None:
        while True:
            self._written.clear()
            answer = await self._calls.call(STREAMS, "GetRecords", {"ShardIterator": iterator})
            iterator = answer["NextShardIterator"]
            for record in answer["Records"]:
                self._last = record["dynamodb"]["SequenceNumber"]
                self._lanes[lane_of(record)].put(record | {"eventSourceARN": self._arn})
            if not answer["Records"] or sum(lane.waiting for lane in self._lanes) > MAX_WAITING_RECORDS:
                await wait_for(self._written, LOOK_PERIOD_SECONDS)


def lane_of(record: Event) -> int:
    """The lane of a record: the same for all with one partition key."""
    key = record["dynamodb"]["Keys"]["pk"]
    return zlib.crc32(json.dumps(key).encode()) % STREAM_LANES


def dead_letter(shard: str, arn: str, batch: list[Event]) -> Event:
    """What an on-failure destination gets: where the records are, not the records."""
    numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
    return {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": STREAM_ATTEMPTS,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(),
        "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": numbers[0],
            "endSequenceNumber": numbers[-1],
            "approximateArrivalOfFirstRecord": _instant(batch[0]),
            "approximateArrivalOfLastRecord": _instant(batch[-1]),
            "batchSize": len(batch),
            "streamArn": arn,
        },
    }


def _instant(record: Event) -> str:
    return datetime.fromtimestamp(record["dynamodb"]["ApproximateCreationDateTime"], UTC).isoformat()

"""The stream reader goes on where it was, whatever became of its place in the stream."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from infra.local import streams
from infra.local.aws_calls import AwsRefused
from infra.local.invoke import Event, FunctionFailed
from infra.local.streams import StreamReader
from infra.local.wakes import Wakes


class FakeStream:
    """A stream that expires iterators and trims records when told to."""

    def __init__(self, *keys: str) -> None:
        self.records = [record(number, key) for number, key in enumerate(keys)]
        self.trimmed = 0
        self.expires_next = False
        self.letters: list[str] = []

    async def call(self, service: str, action: str, request: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0)
        if action == "DescribeStream":
            return {"StreamDescription": {"Shards": [{"ShardId": "s"}]}}
        if action == "SendMessage":
            self.letters.append(request["MessageBody"])
            return {}
        return self._iterator(request) if action == "GetShardIterator" else self._records(request)

    def _iterator(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["ShardIteratorType"] == "TRIM_HORIZON":
            return {"ShardIterator": str(self.trimmed)}
        if int(request["SequenceNumber"]) < self.trimmed:
            raise AwsRefused("TrimmedDataAccessException", "")
        return {"ShardIterator": str(int(request["SequenceNumber"]) + 1)}

    def _records(self, request: dict[str, Any]) -> dict[str, Any]:
        if self.expires_next:
            self.expires_next = False
            raise AwsRefused("ExpiredIteratorException", "")
        page = self.records[int(request["ShardIterator"]) :]
        return {"Records": page, "NextShardIterator": str(len(self.records))}


class FakeRelay:
    """Takes batches, but fails those that hold `poison`."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.batches: list[list[str]] = []

    async def invoke(self, _: str, event: Event) -> Any:
        keys = [it["dynamodb"]["Keys"]["sk"]["S"] for it in event["Records"]]
        self.batches.append(keys)
        if "poison" in keys:
            raise FunctionFailed("ValueError", "poison", [])
        self.taken.extend(keys)

    async def wait_until_up(self) -> None:
        return None


def record(number: int, key: str) -> Event:
    return {
        "dynamodb": {
            "Keys": {"pk": {"S": "one"}, "sk": {"S": key}},
            "SequenceNumber": str(number),
            "ApproximateCreationDateTime": 1.0,
        }
    }


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LOOK_PERIOD_SECONDS", 0.01)
    monkeypatch.setattr(streams, "BACKOFF_SECONDS", 0.01)


async def follow(stream: FakeStream, relay: FakeRelay, until: int) -> None:
    """Read until `until` records were taken or given up."""
    reader = asyncio.create_task(StreamReader("t", "arn", stream, relay, Wakes(), "dead").run())
    async with asyncio.timeout(5):
        while len(relay.taken) + len(stream.letters) < until:
            await asyncio.sleep(0.005)
    reader.cancel()
    await asyncio.wait([reader])


def test_an_expired_place_is_found_again_without_a_gap_or_a_repetition() -> None:
    async def story() -> list[str]:
        stream, relay = FakeStream("a", "b"), FakeRelay()
        reading = asyncio.create_task(follow(stream, relay, 3))
        while len(relay.taken) < 2:
            await asyncio.sleep(0.005)
        stream.records.append(record(2, "c"))
        stream.expires_next = True
        await reading
        return relay.taken

    assert asyncio.run(story()) == ["a", "b", "c"]


def test_when_its_place_is_trimmed_it_goes_on_with_the_oldest_that_is_left() -> None:
    async def story() -> list[str]:
        stream, relay = FakeStream("a"), FakeRelay()
        reading = asyncio.create_task(follow(stream, relay, 2))
        while not relay.taken:
            await asyncio.sleep(0.005)
        stream.expires_next = True
        stream.records += [record(1, "lost"), record(2, "b")]
        stream.trimmed = 2
        await reading
        return relay.taken

    assert asyncio.run(story()) == ["a", "b"]


def test_a_failing_batch_is_halved_until_only_poison_is_left() -> None:
    stream, relay = FakeStream("a", "b", "poison", "c"), FakeRelay()

    asyncio.run(follow(stream, relay, 4))

    assert relay.taken == ["a", "b", "c"]
    assert relay.batches == [
        ["a", "b", "poison", "c"], ["a", "b"], ["poison", "c"], ["poison"], ["poison"], ["c"],
    ]  # fmt: skip
    assert len(stream.letters) == 1

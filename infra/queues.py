"""The queues between the functions, as values: what is redelivered when, how often, and where it ends.

It refuses to know any SDK. A queue's function has the queue's name (see `app.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

RETENTION_SECONDS = 14 * 24 * 3600  # the longest SQS keeps a message; a dead letter must outlive a holiday
WORK_RETENTION_SECONDS = 4 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue, the function it feeds and its dead letters."""

    function: str
    """The function that takes its messages."""
    function_timeout_seconds: int
    visibility_seconds: int
    max_receives: int
    """So often a message is handed out before it becomes a dead letter."""
    batch_size: int
    concurrency: int
    """So many batches are worked on at the same time."""
    fifo: bool = False

    @property
    def name(self) -> str:
        return f"{self.function}.fifo" if self.fifo else self.function

    @property
    def dead_name(self) -> str:
        return f"{self.function}-dead.fifo" if self.fifo else f"{self.function}-dead"

    @property
    def setting(self) -> str:
        """The name of the setting that carries its address."""
        return f"{self.function.upper()}_QUEUE_URL"


# AWS asks for a visibility of six times the function's timeout (Lambda guide, "Using Lambda with Amazon SQS").
INTAKE = Queue("intake", 60, 6 * 60, max_receives=5, batch_size=1, concurrency=10)
RENDER = Queue("render", 60, 6 * 60, max_receives=5, batch_size=1, concurrency=10)
# A doorbell that fails blocks its repository until it is visible again, so the train hides it little longer than it
# may run; it waits for busy hosts by leaving the doorbell in the queue, so it is handed out very often.
TRAIN = Queue("train", 60, 90, max_receives=1000, batch_size=1, concurrency=10, fifo=True)
QUEUES = (INTAKE, RENDER, TRAIN)

RELAY_DEAD_NAME = "relay-dead"  # where stream records end that `relay` could not take


def create_queue_requests(prefix: str = "", visibility_seconds: int | None = None) -> list[dict[str, Any]]:
    """The arguments of SQS's CreateQueue for every queue, dead letters first; a redrive policy names its target.

    The target's ARN holds `{account}` and `{region}`, to be filled in by who knows them. `visibility_seconds`
    replaces each queue's own.
    """
    dead = [_dead_request(prefix + queue.dead_name, fifo=queue.fifo) for queue in QUEUES]
    dead.append(_dead_request(prefix + RELAY_DEAD_NAME, fifo=False))
    return dead + [_work_request(queue, prefix, visibility_seconds or queue.visibility_seconds) for queue in QUEUES]


def _dead_request(name: str, *, fifo: bool) -> dict[str, Any]:
    return {"QueueName": name, "Attributes": {"MessageRetentionPeriod": str(RETENTION_SECONDS), **_fifo(fifo)}}


def _work_request(queue: Queue, prefix: str, visibility_seconds: int) -> dict[str, Any]:
    target = f"arn:aws:sqs:{{region}}:{{account}}:{prefix}{queue.dead_name}"
    attributes = {
        "VisibilityTimeout": str(visibility_seconds),
        "MessageRetentionPeriod": str(WORK_RETENTION_SECONDS),
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": queue.max_receives}),
        **_fifo(queue.fifo),
    }
    return {"QueueName": prefix + queue.name, "Attributes": attributes}


def _fifo(fifo: bool) -> dict[str, str]:
    return {"FifoQueue": "true"} if fifo else {}

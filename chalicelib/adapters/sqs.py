"""The port `Queues` on SQS. Every send is one call with a timeout; the queues' URLs come from settings."""

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import uuid4

from chalicelib.core.errors import QueueUnavailable

CONNECT_TIMEOUT_SECONDS = 2
READ_TIMEOUT_SECONDS = 5
MAX_MESSAGE_BYTES = 64 * 1024


@cache
def sqs_client() -> Any:
    """The process's client, safe to share by threads."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 3, "mode": "standard"},
    )
    return boto3.session.Session().client("sqs", config=config)


@dataclass(frozen=True, slots=True)
class SqsQueues:
    """The three queues by URL."""

    intake_url: str
    render_url: str
    train_url: str
    client: Any = field(default_factory=sqs_client, repr=False)

    def send_intake(self, message: dict[str, Any], *, delay_seconds: int = 0) -> None:
        """See `Queues.send_intake`."""
        self._send(QueueUrl=self.intake_url, MessageBody=_text(message), DelaySeconds=delay_seconds)

    def send_render(self, message: dict[str, Any]) -> None:
        """See `Queues.send_render`."""
        self._send(QueueUrl=self.render_url, MessageBody=_text(message))

    def ring_train(self, organization_id: str, gitops_repository_id: str, *, number: bool = False) -> None:
        """See `Queues.ring_train`."""
        message = {
            "organization_id": organization_id,
            "gitops_repository_id": gitops_repository_id,
            "number": number,
        }
        self._send(
            QueueUrl=self.train_url,
            MessageBody=_text(message),
            MessageGroupId=f"{organization_id}.{gitops_repository_id}",
            MessageDeduplicationId=uuid4().hex,
        )

    def postpone_train(self, receipt: str, seconds: int) -> None:
        """See `Queues.postpone_train`."""
        self._call(
            "change_message_visibility", QueueUrl=self.train_url, ReceiptHandle=receipt, VisibilityTimeout=seconds
        )

    def _send(self, **request: Any) -> None:
        self._call("send_message", **request)

    def _call(self, operation: str, **request: Any) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            getattr(self.client, operation)(**request)
        except (BotoCoreError, ClientError) as error:
            raise QueueUnavailable("the queue does not take messages now") from error


def _text(message: dict[str, Any]) -> str:
    text = json.dumps(message, separators=(",", ":"))
    if len(text) > MAX_MESSAGE_BYTES:
        raise ValueError(f"a queue message of {len(text)} bytes is over {MAX_MESSAGE_BYTES}")
    return text

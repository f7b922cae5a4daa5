"""Asynchronous calls to the JSON services of MiniStack (SQS, DynamoDB Streams), for the pollers.

Unsigned but for the account and region that MiniStack reads from the header: of no use against AWS.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

from aiohttp import ClientSession, ClientTimeout, TCPConnector

from infra.local.ministack import CREDENTIALS, REGION

TIMEOUT_SECONDS = 30.0
SQS = "AmazonSQS"
STREAMS = "DynamoDBStreams_20120810"
_SCOPES = {SQS: ("sqs", "1.0"), STREAMS: ("dynamodb", "1.0")}


class AwsRefused(Exception):
    """The service answered an error; `code` is its name."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Calls(Protocol):
    """Something that calls AWS."""

    async def call(self, service: str, action: str, request: dict[str, Any]) -> dict[str, Any]:
        """See `AwsCalls.call`."""


class AwsCalls:
    """Calls to one endpoint over kept connections."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._session = ClientSession(connector=TCPConnector(limit=0), timeout=ClientTimeout(total=TIMEOUT_SECONDS))

    async def call(self, service: str, action: str, request: dict[str, Any]) -> dict[str, Any]:
        """Call `action` of `service` and return its answer.

        Raises:
            AwsRefused: it answered an error.
            aiohttp.ClientError, TimeoutError: it did not answer.
        """
        scope, version = _SCOPES[service]
        credential = f"{CREDENTIALS['aws_access_key_id']}/20260101/{REGION}/{scope}/aws4_request"
        headers = {
            "Content-Type": f"application/x-amz-json-{version}",
            "X-Amz-Target": f"{service}.{action}",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=none",
        }
        async with self._session.post(self._endpoint, data=json.dumps(request), headers=headers) as answer:
            body = await answer.read()
            answered: dict[str, Any] = json.loads(body) if body else {}
        if answer.status >= 400:
            raise AwsRefused(str(answered.get("__type", "")).rpartition("#")[2], str(answered.get("message", "")))
        return answered

    async def close(self) -> None:
        await self._session.close()

"""The `aws` fixture: one MiniStack a pytest process, emptied and set up anew for each test.

Use it by `from tests.ministack_fixture import aws, aws_endpoint` (with a noqa for F401) or `pytest_plugins`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.request import Request, urlopen

import pytest

from infra.data import BUCKET_NAME, DOCUMENTS, RECORDS
from infra.local.ministack_process import MiniStackProcess
from infra.local.resources import Resources, client, create_resources


@dataclass
class Aws:
    """An AWS on loopback with our tables, queues and bucket, all empty."""

    endpoint: str
    resources: Resources
    clients: dict[str, Any] = field(default_factory=dict)
    records_table: str = RECORDS.name
    documents_table: str = DOCUMENTS.name
    bucket: str = BUCKET_NAME

    def client(self, service: str) -> Any:
        """The boto3 client of `service` ("dynamodb", "sqs", "s3", "ssm", "dynamodbstreams"), made once."""
        if service not in self.clients:
            self.clients[service] = client(service, self.endpoint)
        return self.clients[service]

    @property
    def dynamodb(self) -> Any:
        return self.client("dynamodb")

    @property
    def sqs(self) -> Any:
        return self.client("sqs")

    @property
    def s3(self) -> Any:
        return self.client("s3")

    def queue_url(self, function: str) -> str:
        """The address of the queue that feeds `function` ("intake", "render", "train")."""
        return self.resources.queue_urls[function]


@pytest.fixture(scope="session")
def aws_endpoint() -> Iterator[str]:
    """The endpoint of a MiniStack that lives as long as the session."""
    with MiniStackProcess() as ministack:
        yield ministack.endpoint


@pytest.fixture
def aws(aws_endpoint: str) -> Aws:
    """Empty tables, queues and bucket for this test."""
    with urlopen(Request(f"{aws_endpoint}/_ministack/reset", method="POST"), timeout=10) as answer:
        answer.read()
    return Aws(aws_endpoint, create_resources(aws_endpoint, visibility_seconds=2))

"""Makes the tables, queues and bucket of `infra/` on an AWS endpoint, again and again without harm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.data import BUCKET_NAME, DOCUMENTS, RECORDS, TABLES, create_table_request
from infra.local.ministack import ACCOUNT, CREDENTIALS, REGION
from infra.queues import QUEUES, RELAY_DEAD_NAME, create_queue_requests

if TYPE_CHECKING:
    from botocore.client import BaseClient

TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Resources:
    """The names by which the functions reach what was made."""

    endpoint: str
    queue_urls: dict[str, str]
    """By the queue's function, and `relay-dead`."""
    stream_arns: dict[str, str]
    """By the table's name."""

    def settings(self, endpoint: str = "") -> dict[str, str]:
        """The settings that name them; a queue's address goes by `endpoint` when it is given."""
        to = endpoint or self.endpoint
        return {
            "RECORDS_TABLE": RECORDS.name,
            "DOCUMENTS_TABLE": DOCUMENTS.name,
            "BUCKET": BUCKET_NAME,
            **{queue.setting: self.queue_urls[queue.function].replace(self.endpoint, to) for queue in QUEUES},
        }


def client(service: str, endpoint: str) -> BaseClient:
    """A boto3 client of `service` at `endpoint`, with the local key and short timeouts."""
    import boto3
    from botocore.config import Config

    settings = Config(
        connect_timeout=TIMEOUT_SECONDS,
        read_timeout=TIMEOUT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 2},
        s3={"addressing_style": "path"},
    )
    made: BaseClient = boto3.client(service, endpoint_url=endpoint, config=settings, **CREDENTIALS)  # type: ignore[call-overload]
    return made


def create_resources(endpoint: str, *, visibility_seconds: int | None = None) -> Resources:
    """Make what is missing at `endpoint` and set each queue's attributes; return the names."""
    arns = _create_tables(client("dynamodb", endpoint))
    urls = _create_queues(client("sqs", endpoint), endpoint, visibility_seconds)
    _create_bucket(client("s3", endpoint))
    return Resources(endpoint, urls, arns)


def _create_tables(dynamodb: Any) -> dict[str, str]:
    existing = set(dynamodb.list_tables()["TableNames"])
    for table in TABLES:
        if table.name not in existing:
            dynamodb.create_table(**create_table_request(table))
            if table.expires_attribute is not None:
                setting = {"Enabled": True, "AttributeName": table.expires_attribute}
                dynamodb.update_time_to_live(TableName=table.name, TimeToLiveSpecification=setting)
    described = {table.name: dynamodb.describe_table(TableName=table.name)["Table"] for table in TABLES}
    return {name: str(table["LatestStreamArn"]) for name, table in described.items()}


def _create_queues(sqs: Any, endpoint: str, visibility_seconds: int | None) -> dict[str, str]:
    urls: dict[str, str] = {}
    for request in create_queue_requests(visibility_seconds=visibility_seconds):
        attributes = dict(request["Attributes"])
        if "RedrivePolicy" in attributes:
            target = attributes["RedrivePolicy"].replace("{region}", REGION).replace("{account}", ACCOUNT)
            attributes["RedrivePolicy"] = target
        name = request["QueueName"]
        try:
            sqs.get_queue_url(QueueName=name)
        except sqs.exceptions.QueueDoesNotExist:
            sqs.create_queue(QueueName=name, Attributes=attributes)
        url = f"{endpoint}/{ACCOUNT}/{name}"
        changeable = {key: value for key, value in attributes.items() if key != "FifoQueue"}
        sqs.set_queue_attributes(QueueUrl=url, Attributes=changeable)
        urls[name] = url
    return {queue.function: urls[queue.name] for queue in QUEUES} | {RELAY_DEAD_NAME: urls[RELAY_DEAD_NAME]}


def _create_bucket(s3: Any) -> None:
    if BUCKET_NAME not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=BUCKET_NAME)

"""Posts to browsers' and agents' sockets through API Gateway's `@connections`, each within a second.

A socket that is gone is a value, and so is one that did not take the frame in time: nothing here raises for a
socket's sake. Quotas: docs.aws.amazon.com/apigateway/latest/developerguide/limits.html.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from chalicelib.ports.connections import Delivery, Post

CONNECT_TIMEOUT_SECONDS = 0.5
POST_TIMEOUT_SECONDS = 1
POSTERS = 32
GONE_STATUS = frozenset({400, 410})  # 400: not even a connection id of this API


class ApiGatewaySockets:
    """Sockets of one WebSocket API; `endpoint` is the base of its `@connections`, https://host/stage."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        config = Config(
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=POST_TIMEOUT_SECONDS,
            retries={"total_max_attempts": 1},
            max_pool_connections=POSTERS,
        )
        return boto3.session.Session().client("apigatewaymanagementapi", endpoint_url=self._endpoint, config=config)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(POSTERS, thread_name_prefix="post")

    def post(self, post: Post) -> Delivery:
        """Send one frame."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.post_to_connection(ConnectionId=post.connection_id, Data=post.text.encode())
        except ClientError as error:
            return Delivery.GONE if _status(error.response) in GONE_STATUS else Delivery.FAILED
        except BotoCoreError:
            return Delivery.FAILED
        return Delivery.SENT

    def post_all(self, posts: Sequence[Post]) -> list[Delivery]:
        """Send frames in parallel."""
        if len(posts) <= 1:
            return [self.post(post) for post in posts]
        _ = self._client  # made here once: boto3 clients may be shared by threads, but not made by several at once
        return list(self._pool.map(self.post, posts))

    def close(self, connection_id: str) -> None:
        """Close the socket; one that is closed or does not answer is left to the gateway's own limits."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.delete_connection(ConnectionId=connection_id)
        except (ClientError, BotoCoreError):
            return

    def last_active_at(self, connection_id: str) -> datetime | None:
        """When the socket last sent or answered anything; none when it is closed.

        Raises:
            Unavailable: the gateway did not answer.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        from chalicelib.core.errors import Unavailable

        try:
            answer = self._client.get_connection(ConnectionId=connection_id)
        except ClientError as error:
            if _status(error.response) in GONE_STATUS:
                return None
            raise Unavailable("the WebSocket gateway refused to look at a connection") from error
        except BotoCoreError as error:
            raise Unavailable("the WebSocket gateway does not answer") from error
        active: datetime = answer["LastActiveAt"]
        return active.astimezone(UTC)


def _status(response: Any) -> int:
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))

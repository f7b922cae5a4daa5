"""The port `RenderCall` on Lambda: the only synchronous call between functions. 25 s, then `Unavailable`."""

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from chalicelib.core.errors import Unavailable

CONNECT_TIMEOUT_SECONDS = 2
READ_TIMEOUT_SECONDS = 25  # the REST gateway gives up after 29 s


@cache
def lambda_client() -> Any:
    """The process's client, safe to share by threads."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 1, "mode": "standard"},
    )
    return boto3.session.Session().client("lambda", config=config)


@dataclass(frozen=True, slots=True)
class LambdaRenderCall:
    """Invokes the function `name` and waits."""

    name: str
    client: Any = field(default_factory=lambda_client, repr=False)

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """See `RenderCall.ask`."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self.client.invoke(FunctionName=self.name, Payload=json.dumps(request).encode())
            payload: bytes = answer["Payload"].read()
        except (BotoCoreError, ClientError) as error:
            raise Unavailable("rendering does not answer now") from error
        if answer.get("FunctionError"):
            raise Unavailable("rendering failed")
        result: dict[str, Any] = json.loads(payload)
        return result

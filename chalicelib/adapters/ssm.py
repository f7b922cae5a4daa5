"""The port `Secrets` on SSM parameters (SecureString). A process keeps what it read for five minutes."""

import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from chalicelib.core.errors import StoreUnavailable

CONNECT_TIMEOUT_SECONDS = 2
READ_TIMEOUT_SECONDS = 5
KEEP_SECONDS = 5 * 60


@cache
def ssm_client() -> Any:
    """The process's client, safe to share by threads."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 3, "mode": "standard"},
    )
    return boto3.session.Session().client("ssm", config=config)


@dataclass(slots=True)
class SsmSecrets:
    """Secrets below one prefix."""

    prefix: str
    client: Any = field(default_factory=ssm_client, repr=False)
    _kept: dict[str, tuple[float, str | None]] = field(default_factory=dict, repr=False)

    def get(self, reference: str, *, fresh: bool = False) -> str | None:
        """See `Secrets.get`."""
        kept = self._kept.get(reference)
        if kept and not fresh and time.monotonic() - kept[0] < KEEP_SECONDS:
            return kept[1]
        value = self._read(reference)
        self._kept[reference] = (time.monotonic(), value)
        return value

    def put(self, reference: str, value: str) -> None:
        """See `Secrets.put`."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.client.put_parameter(Name=self._name(reference), Value=value, Type="SecureString", Overwrite=True)
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailable("the secret store does not take the secret now") from error
        self._kept[reference] = (time.monotonic(), value)

    def _read(self, reference: str) -> str | None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self.client.get_parameter(Name=self._name(reference), WithDecryption=True)
        except self.client.exceptions.ParameterNotFound:
            return None
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailable("the secret store does not answer now") from error
        value: str = answer["Parameter"]["Value"]
        return value

    def _name(self, reference: str) -> str:
        return f"{self.prefix}/{reference}"

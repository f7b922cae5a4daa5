"""The port `ChartCache` on S3: archives under their digest, below the organisation's prefix.

A cache: when the store does not give or take something, the chart is fetched again and nobody is told.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from chalicelib.adapters.s3 import s3_client
from chalicelib.core.charts import MAX_ARCHIVE_BYTES

_DIGEST_CHARS = len("sha256:") + 64


@dataclass(frozen=True, slots=True)
class S3Charts:
    """Charts of one organisation in one bucket."""

    bucket: str
    organization_id: str
    client: Any = field(default_factory=s3_client, repr=False)

    def get(self, digest: str) -> bytes | None:
        """See `ChartCache.get`."""
        return self._read(self._key(digest), MAX_ARCHIVE_BYTES)

    def put(self, digest: str, archive: bytes) -> None:
        """See `ChartCache.put`."""
        self._write(self._key(digest), archive)

    def digest_of(self, pin: str) -> str | None:
        """See `ChartCache.digest_of`."""
        content = self._read(self._pin_key(pin), _DIGEST_CHARS)
        return None if content is None else content.decode("ascii", "replace")

    def keep_pin(self, pin: str, digest: str) -> None:
        """See `ChartCache.keep_pin`."""
        self._write(self._pin_key(pin), digest.encode())

    def _read(self, key: str, limit_bytes: int) -> bytes | None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            content: bytes = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read(limit_bytes + 1)
        except (BotoCoreError, ClientError):  # without the right to list, an absent key is "access denied"
            return None
        return content if len(content) <= limit_bytes else None

    def _write(self, key: str, content: bytes) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.client.put_object(Bucket=self.bucket, Key=key, Body=content)
        except (BotoCoreError, ClientError):
            return

    def _key(self, digest: str) -> str:
        return f"{self.organization_id}/charts/{digest.removeprefix('sha256:')}.tgz"

    def _pin_key(self, pin: str) -> str:
        return f"{self.organization_id}/charts/pins/{sha256(pin.encode()).hexdigest()}"

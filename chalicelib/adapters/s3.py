"""The port `Trees` on S3: rendered trees as JSON under the digest of their bytes, below the organisation's prefix."""

import json
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import Any

from chalicelib.core.errors import StoreUnavailable

CONNECT_TIMEOUT_SECONDS = 2
READ_TIMEOUT_SECONDS = 10


@cache
def s3_client() -> Any:
    """The process's client, safe to share by threads."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 3, "mode": "standard"},
        s3={"addressing_style": "path"},
    )
    return boto3.session.Session().client("s3", config=config)


@dataclass(frozen=True, slots=True)
class S3Trees:
    """Trees in one bucket."""

    bucket: str
    client: Any = field(default_factory=s3_client, repr=False)

    def put(self, organization_id: str, files: dict[str, str]) -> str:
        """See `Trees.put`."""
        from botocore.exceptions import BotoCoreError, ClientError

        body = json.dumps(files, sort_keys=True, ensure_ascii=False).encode()
        digest = sha256(body).hexdigest()
        try:
            self.client.put_object(Bucket=self.bucket, Key=_key(organization_id, digest), Body=body)
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailable("the object store does not take the rendered tree now") from error
        return digest

    def get(self, organization_id: str, digest: str) -> dict[str, str]:
        """See `Trees.get`."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=_key(organization_id, digest))
            body: bytes = answer["Body"].read()
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailable("the object store does not give the rendered tree now") from error
        if sha256(body).hexdigest() != digest:
            raise StoreUnavailable(f"the rendered tree {digest[:12]} is not what was stored")
        files: dict[str, str] = json.loads(body)
        return files


def _key(organization_id: str, digest: str) -> str:
    return f"{organization_id}/trees/{digest}.json"

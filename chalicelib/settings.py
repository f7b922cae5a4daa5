"""The only reader of the environment. Says at once all that is missing; never holds a secret itself."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

REQUIRED = (
    "RECORDS_TABLE",
    "DOCUMENTS_TABLE",
    "INTAKE_QUEUE_URL",
    "RENDER_QUEUE_URL",
    "TRAIN_QUEUE_URL",
    "BUCKET",
    "PUBLIC_URL",
    "WEBSOCKET_ENDPOINT",
    "RENDER_FUNCTION",
)


class MissingSettings(RuntimeError):
    """Environment variables that the functions can't work without."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Names and addresses of what the functions use."""

    records_table: str
    documents_table: str
    intake_queue_url: str
    render_queue_url: str
    train_queue_url: str
    bucket: str
    public_url: str
    websocket_endpoint: str
    render_function: str
    secrets_prefix: str = "/gimlet"
    clone_dir: str = "/tmp/gimlet"  # noqa: S108 - the one folder a Lambda function may write
    chart_hosts: frozenset[str] = frozenset()
    notice: str = ""
    local: bool = False


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from variables. Raises `MissingSettings` naming every one that is absent."""
    missing = [name for name in REQUIRED if not environment.get(name)]
    if missing:
        raise MissingSettings(f"these environment variables are not set: {', '.join(missing)}")
    hosts = environment.get("CHART_HOSTS", "")
    return Settings(
        records_table=environment["RECORDS_TABLE"],
        documents_table=environment["DOCUMENTS_TABLE"],
        intake_queue_url=environment["INTAKE_QUEUE_URL"],
        render_queue_url=environment["RENDER_QUEUE_URL"],
        train_queue_url=environment["TRAIN_QUEUE_URL"],
        bucket=environment["BUCKET"],
        public_url=environment["PUBLIC_URL"],
        websocket_endpoint=environment["WEBSOCKET_ENDPOINT"],
        render_function=environment["RENDER_FUNCTION"],
        secrets_prefix=environment.get("SECRETS_PREFIX") or "/gimlet",
        clone_dir=environment.get("CLONE_DIR") or "/tmp/gimlet",  # noqa: S108
        chart_hosts=frozenset(host.strip() for host in hosts.split(",") if host.strip()),
        notice=environment.get("NOTICE", ""),
        local=environment.get("LOCAL") == "1",
    )


@cache
def settings() -> Settings:
    """The process's settings."""
    return read_settings(os.environ)

"""The embedded MiniStack keeps what it was given, also when its process is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any, cast

import pytest

from infra.data import BUCKET_NAME
from infra.local.ministack import MiniStack
from infra.local.resources import client, create_resources
from infra.local.saves import Saves, StateInUse
from tests.local.tiny import wait_for

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]
KILLED = """
import sys; from pathlib import Path
from infra.local.ministack import MiniStack
print(MiniStack(Path(sys.argv[1])).start().endpoint, flush=True); sys.stdin.read()
"""


def put(endpoint: str, key: str) -> None:
    item = {"pk": {"S": "p"}, "sk": {"S": key}, "n": {"N": "1"}, "b": {"B": b"\x00\xff"}, "s": {"SS": ["a"]}}
    client("dynamodb", endpoint).put_item(TableName="records", Item=item)  # type: ignore[attr-defined]


def keys(endpoint: str) -> list[str]:
    found = client("dynamodb", endpoint).scan(TableName="records")["Items"]  # type: ignore[attr-defined]
    return sorted(item["sk"]["S"] for item in found)


def test_state_survives_a_stop_and_a_start_on_another_port(tmp_path: Path) -> None:
    with MiniStack(tmp_path) as first:
        urls = create_resources(first.endpoint).queue_urls
        put(first.endpoint, "kept")
        sqs: Any = client("sqs", first.endpoint)
        sqs.send_message(QueueUrl=urls["intake"], MessageBody="kept")
        s3: Any = client("s3", first.endpoint)
        s3.put_object(Bucket=BUCKET_NAME, Key="tree/1", Body=b"kept")

    with MiniStack(tmp_path) as second:
        urls = create_resources(second.endpoint).queue_urls
        sqs, s3 = client("sqs", second.endpoint), client("s3", second.endpoint)

        assert keys(second.endpoint) == ["kept"]
        assert sqs.receive_message(QueueUrl=urls["intake"])["Messages"][0]["Body"] == "kept"
        assert s3.get_object(Bucket=BUCKET_NAME, Key="tree/1")["Body"].read() == b"kept"


def test_an_instance_without_a_folder_knows_nothing_of_the_one_before(tmp_path: Path) -> None:
    with MiniStack(tmp_path) as first:
        create_resources(first.endpoint)
        put(first.endpoint, "kept")

    with MiniStack() as second:
        create_resources(second.endpoint)

        assert keys(second.endpoint) == []


def test_a_killed_process_loses_at_most_its_last_second(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    endpoint = cast(IO[str], child.stdout).readline().strip()
    create_resources(endpoint)
    written: list[tuple[float, str]] = []
    for n in range(10_000):
        put(endpoint, f"{n:05}")
        written.append((time.monotonic(), f"{n:05}"))
        if time.monotonic() - written[0][0] > 3:
            break

    killed_at = time.monotonic()
    child.send_signal(signal.SIGKILL)
    child.communicate()

    with MiniStack(tmp_path) as again:
        found = keys(again.endpoint)
    assert found == [key for _, key in written[: len(found)]]  # one instant: no hole
    assert len(found) >= len([key for at, key in written if at < killed_at - 1])


def test_a_save_that_fails_keeps_the_one_before_and_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left")

    with MiniStack(tmp_path) as ministack:
        create_resources(ministack.endpoint)
        put(ministack.endpoint, "saved")
        wait_for(lambda: Saves(tmp_path).current.is_dir())
        monkeypatch.setattr(Saves, "_write", fail)
        put(ministack.endpoint, "not saved")

        wait_for(lambda: "saving the state failed" in caplog.text)
        assert keys(ministack.endpoint) == ["not saved", "saved"]
        assert (Saves(tmp_path).current / "dynamodb.json").is_file()
        monkeypatch.undo()


def test_two_systems_never_share_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.local.saves.LOCK_TIMEOUT_SECONDS", 0.1)
    first = Saves(tmp_path)
    first.lock()

    with pytest.raises(StateInUse):
        Saves(tmp_path).lock()

    first.unlock()


def test_each_write_is_told_and_no_read_is(tmp_path: Path) -> None:
    told: list[str] = []
    with MiniStack(on_write=told.append) as ministack:
        create_resources(ministack.endpoint)
        wait_for(lambda: told[-1:] == [""])  # the bucket: S3 has no name of an action
        told.clear()

        keys(ministack.endpoint)
        put(ministack.endpoint, "a")

        wait_for(lambda: told)
        assert told == ["DynamoDB_20120810.PutItem"]

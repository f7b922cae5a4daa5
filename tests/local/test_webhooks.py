"""The local git host's webhooks look and are signed as GitHub's, and are sent once."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.local import shop
from infra.local.git_push import RefChange
from infra.local.git_server import GitServer
from infra.local.seed import Memory, Seed
from infra.local.webhooks import ABSENT, Hook, Hosted, WebhookSender, push_payload
from tests.local.tiny import wait_for

SECRET = "canary"


class Receiver(ThreadingHTTPServer):
    """Takes deliveries and answers `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.status = 202


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def pushes(tmp_path: Path) -> Iterator[tuple[GitServer, list[RefChange]]]:
    """A git host with the seeded shop, and the pushes that it saw."""
    seen: list[RefChange] = []
    with GitServer(tmp_path / "git", on_push=lambda _, changes: seen.extend(changes)) as server:
        seed = Seed(server, "http://localhost:1", Memory(tmp_path / "demo.json"))
        seed.prepare()
        seen.clear()
        seed.push_first()
        yield server, seen


def hosted(server: GitServer) -> Hosted:
    return Hosted("demo/shop", server.url_of("shop"), server.path_of("shop"))


def test_a_push_is_posted_signed_over_its_raw_bytes(
    receiver: Receiver, pushes: tuple[GitServer, list[RefChange]]
) -> None:
    server, seen = pushes
    sender = WebhookSender().start()
    sender.post(Hook(f"http://127.0.0.1:{receiver.server_port}/hooks/github/1", SECRET), hosted(server), seen[0])

    wait_for(lambda: receiver.taken)
    sender.stop()
    headers, body = receiver.taken[0]
    expected = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert headers["x-hub-signature-256"] == f"sha256={expected}"
    assert headers["x-github-event"] == "push"
    assert len(headers["x-github-delivery"]) == 36


def test_a_refused_delivery_is_not_sent_again_and_the_next_is(
    receiver: Receiver, pushes: tuple[GitServer, list[RefChange]]
) -> None:
    server, seen = pushes
    hook = Hook(f"http://127.0.0.1:{receiver.server_port}/hooks/github/1", SECRET)
    receiver.status = 500
    sender = WebhookSender().start()

    sender.post(hook, hosted(server), seen[0])
    sender.post(hook, hosted(server), seen[1])
    sender.stop()

    assert [json.loads(body)["ref"] for _, body in receiver.taken] == ["refs/heads/main", "refs/tags/v1.0.0"]


def test_a_payload_says_what_github_would(pushes: tuple[GitServer, list[RefChange]]) -> None:
    server, seen = pushes
    branch: Any = push_payload(hosted(server), seen[0])
    tag: Any = push_payload(hosted(server), seen[1])

    assert (branch["ref"], branch["before"], branch["created"]) == ("refs/heads/main", ABSENT, True)
    assert branch["after"] == branch["head_commit"]["id"] == branch["commits"][-1]["id"]
    assert branch["head_commit"]["message"] == "Begin"
    assert branch["repository"]["full_name"] == "demo/shop"
    assert (tag["ref"], tag["commits"], tag["after"]) == ("refs/tags/v1.0.0", [], branch["after"])


def test_a_deleted_branch_has_no_commits(pushes: tuple[GitServer, list[RefChange]]) -> None:
    server, seen = pushes

    payload: Any = push_payload(hosted(server), RefChange("refs/heads/x", seen[0].after, ABSENT))

    assert (payload["deleted"], payload["commits"], payload["head_commit"]) == (True, [], None)


def test_the_shop_is_pushed_once_with_a_manifest_for_each_environment(
    pushes: tuple[GitServer, list[RefChange]], tmp_path: Path
) -> None:
    server, seen = pushes

    Seed(server, "http://localhost:1", Memory(tmp_path / "demo.json")).push_first()

    assert [change.ref for change in seen] == ["refs/heads/main", "refs/tags/v1.0.0"]
    assert {f".gimlet/{name}.yaml" for name in shop.ENVIRONMENTS} <= set(shop.files())

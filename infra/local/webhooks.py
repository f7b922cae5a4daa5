"""Posts GitHub-shaped, signed push webhooks, as GitHub would after a push: once, in order, never again by itself.

Shape: GitHub's documentation, "Webhook events and payloads", push; "Validating webhook deliveries" for the signature.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import queue
import subprocess
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from infra.local.git_push import RefChange

TIMEOUT_SECONDS = 10  # GitHub gives up then
MAX_COMMITS = 20
ABSENT = "0" * 40
_FIELDS = "%H%x00%T%x00%P%x00%an%x00%ae%x00%cn%x00%ce%x00%cI%x00%B"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hook:
    """Where one repository's pushes are posted to, and the secret they are signed with."""

    url: str
    secret: str


@dataclass(frozen=True, slots=True)
class Hosted:
    """A repository as its webhook describes it."""

    full_name: str
    clone_url: str
    folder: Path
    default_branch: str = "main"


@dataclass(frozen=True, slots=True)
class _Delivery:
    hook: Hook
    hosted: Hosted
    change: RefChange


class WebhookSender:
    """Sends one delivery after the other from a thread of its own, from `start()` to `stop()`."""

    def __init__(self) -> None:
        self._deliveries: queue.Queue[_Delivery | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> WebhookSender:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._deliveries.put(None)
        self._thread.join(TIMEOUT_SECONDS)

    def post(self, hook: Hook, hosted: Hosted, change: RefChange) -> None:
        """Hand a push over; returns at once."""
        self._deliveries.put(_Delivery(hook, hosted, change))

    def _run(self) -> None:
        while (delivery := self._deliveries.get()) is not None:
            try:
                deliver(delivery.hook, push_payload(delivery.hosted, delivery.change))
            except (URLError, OSError, subprocess.SubprocessError) as error:
                log.warning("a webhook of %s was not delivered: %r", delivery.hosted.full_name, error)


def deliver(hook: Hook, payload: dict[str, Any], *, delivery_id: str = "") -> int:
    """Post one push and return the status of the answer.

    Raises:
        URLError: nobody answered in time, or with an error.
    """
    body = json.dumps(payload).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/local",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": delivery_id or str(uuid.uuid4()),
        "X-Hub-Signature-256": "sha256=" + hmac.new(hook.secret.encode(), body, hashlib.sha256).hexdigest(),
    }
    with urlopen(Request(hook.url, data=body, headers=headers), timeout=TIMEOUT_SECONDS) as answer:
        return int(answer.status)


def push_payload(hosted: Hosted, change: RefChange) -> dict[str, Any]:
    """What GitHub posts for one ref that a push moved; the newest 20 commits are listed."""
    commits = [] if change.after == ABSENT else _commits(hosted.folder, change)
    owner, _, name = hosted.full_name.rpartition("/")
    person = commits[-1]["committer"] if commits else {"name": "someone", "email": ""}
    return {
        "ref": change.ref,
        "before": change.before,
        "after": change.after,
        "created": change.before == ABSENT,
        "deleted": change.after == ABSENT,
        "forced": False,
        "base_ref": None,
        "compare": f"{hosted.clone_url}/compare/{change.before[:12]}...{change.after[:12]}",
        "commits": commits if change.ref.startswith("refs/heads/") else [],
        "head_commit": commits[-1] if commits else None,
        "repository": {
            "id": int(hashlib.sha256(hosted.full_name.encode()).hexdigest()[:8], 16),
            "name": name,
            "full_name": hosted.full_name,
            "private": False,
            "owner": {"login": owner, "name": owner},
            "html_url": hosted.clone_url.removesuffix(".git"),
            "clone_url": hosted.clone_url,
            "default_branch": hosted.default_branch,
        },
        "pusher": person,
        "sender": {"login": person["name"], "type": "User"},
    }


def _commits(folder: Path, change: RefChange) -> list[dict[str, Any]]:
    known = [] if change.before == ABSENT else [f"^{change.before}"]
    command = ["log", "--reverse", f"--max-count={MAX_COMMITS}", f"--format={_FIELDS}%x01", change.after, *known]
    written = subprocess.run(
        ["git", f"--git-dir={folder}", *command], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True
    ).stdout
    return [_commit(text.strip("\n")) for text in written.split("\x01") if text.strip()]


def _commit(text: str) -> dict[str, Any]:
    sha, tree, _, author, author_email, committer, committer_email, at, message = text.split("\x00", 8)
    return {
        "id": sha,
        "tree_id": tree,
        "distinct": True,
        "message": message.strip(),
        "timestamp": at,
        "author": {"name": author, "email": author_email},
        "committer": {"name": committer, "email": committer_email},
    }

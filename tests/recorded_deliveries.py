"""Deliveries: Gitea's as recorded, GitHub's examples where they are installed, GitLab's as documented."""

from __future__ import annotations

import hmac
import json
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from chalicelib.core.repositories import Host

ROOT = Path(__file__).parents[1]
CASES = Path(os.environ.get("GIMLET_CASES", ROOT.parent / "shared" / "cases")) / "gitea-webhooks"
EXAMPLES = (
    Path(os.environ.get("GIMLET_WEBHOOK_EXAMPLES", "")),
    ROOT / "node_modules/@octokit/webhooks-examples",
    ROOT / "frontend/node_modules/@octokit/webhooks-examples",
)
NO_CASES = "the recorded deliveries of Gitea are not here: name their folder's parent in GIMLET_CASES"
NO_EXAMPLES = "GitHub's examples are not installed: npm install @octokit/webhooks-examples@7.6.1"
SHA = "6519b07efb6bd008c369972e6a15414e0995b416"
ZEROS = "0" * 40


@dataclass(frozen=True)
class Recorded:
    """One delivery: the host's kind, header names in lower case, raw bytes."""

    name: str
    host: Host
    headers: dict[str, str]
    body: bytes


def gitea() -> list[Recorded]:
    """Recorded from Gitea 1.26, with its signatures (secret `whsecret`)."""
    found = []
    for path in sorted(CASES.glob("*.json")):
        told = json.loads(path.read_text())
        headers = {name.lower(): value for name, value in told["headers"].items()}
        found.append(Recorded(path.stem, Host.GITEA, headers, told["body_raw"].encode()))
    return found


def github() -> list[Recorded]:
    """GitHub's own examples (@octokit/webhooks-examples, MIT), unsigned; empty when they are not installed."""
    file = next((one / "api.github.com/index.json" for one in EXAMPLES if (one / "api.github.com").is_dir()), None)
    events = json.loads(file.read_text()) if file else []
    return [
        Recorded(f"{event['name']}-{index}", Host.GITHUB, {"x-github-event": event["name"]}, json.dumps(one).encode())
        for event in events
        for index, one in enumerate(event["examples"])
    ]


def gitlab() -> list[Recorded]:
    """In the shape of GitLab's documentation."""
    push = {"object_kind": "push", "ref": "refs/heads/main", "before": ZEROS, "after": SHA, "checkout_sha": SHA}
    tag = {"object_kind": "tag_push", "ref": "refs/tags/v1.0.0", "before": ZEROS, "after": SHA}
    gone = {"object_kind": "push", "ref": "refs/heads/feature", "before": SHA, "after": ZEROS, "checkout_sha": None}
    pipeline = {"object_kind": "pipeline", "object_attributes": {"id": 31, "sha": SHA, "status": "success"}}
    job = {"object_kind": "build", "sha": SHA, "build_name": "test", "build_status": "created"}
    shapes: dict[str, tuple[str, dict[str, Any]]] = {
        "push": ("Push Hook", push),
        "tag": ("Tag Push Hook", tag),
        "gone": ("Push Hook", gone),
        "opened": ("Merge Request Hook", merge_request("open")),
        "merged": ("Merge Request Hook", merge_request("merge")),
        "updated": ("Merge Request Hook", merge_request("update", oldrev=ZEROS)),
        "labelled": ("Merge Request Hook", merge_request("update", labels=["preview"])),
        "pipeline": ("Pipeline Hook", pipeline),
        "job": ("Job Hook", job),
        "note": ("Note Hook", {"object_kind": "note"}),
    }
    return [
        Recorded(name, Host.GITLAB, {"x-gitlab-event": event}, json.dumps(body).encode())
        for name, (event, body) in shapes.items()
    ]


def merge_request(action: str, *, oldrev: str = "", labels: list[str] | None = None, fork: bool = False) -> Any:
    """A merge request of GitLab."""
    named = [{"title": label} for label in labels or []]
    attributes: dict[str, Any] = {
        "iid": 3,
        "action": action,
        "source_branch": "feature",
        "target_branch": "main",
        "source_project_id": 15 if fork else 14,
        "target_project_id": 14,
        "last_commit": {"id": SHA, "message": "fixed readme"},
    }
    if oldrev:
        attributes["oldrev"] = oldrev
    changes = {"labels": {"previous": [], "current": named}} if named else {}
    return {"object_kind": "merge_request", "user": {"username": "jane"}, "object_attributes": attributes,
            "labels": named, "changes": changes}  # fmt: skip


def plain() -> list[Recorded]:
    """What a post-receive hook posts."""
    bodies = {"push": ("refs/heads/main", ZEROS, SHA), "gone": ("refs/heads/feature", SHA, ZEROS)}
    return [
        Recorded(name, Host.GIT, {}, json.dumps(dict(zip(("ref", "before", "after"), facts, strict=True))).encode())
        for name, facts in bodies.items()
    ]


def signed(host: Host, headers: dict[str, str], body: bytes, secret: str) -> dict[str, str]:
    """The headers with the proof that `host` gives of `secret`, written apart from the code it tests."""
    digest = hmac.new(secret.encode(), body, sha256).hexdigest()
    proof = {
        Host.GITHUB: {"x-hub-signature-256": f"sha256={digest}"},
        Host.GITEA: {"x-gitea-signature": digest, "x-hub-signature-256": f"sha256={digest}"},
        Host.GITLAB: {"x-gitlab-token": secret},
        Host.GIT: {"x-signature": f"sha256={digest}"},
    }[host]
    return {**headers, **proof}

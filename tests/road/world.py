"""A whole local system with one organisation, for tests: real Git over smart HTTP, real functions, no cluster."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

from infra.local.git_push import RefChange
from infra.local.system import LocalSystem

TOKEN = "gim_0123456789abcdef_" + "t" * 43
T = TypeVar("T")


@dataclass
class Reply:
    """An HTTP answer."""

    status: int
    body: Any


@dataclass
class World:
    """A running system, the repositories of it, and who may use it."""

    system: LocalSystem
    folder: Path
    token: str = TOKEN
    hooks: dict[str, tuple[str, str]] = field(default_factory=dict)  # repository → hook path, secret
    deliver: bool = True
    deliveries: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def call(self, method: str, path: str, body: Any = None, token: str | None = None) -> Reply:
        """One request to the public origin."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token or self.token}", "Content-Type": "application/json"}
        return send(Request(self.system.url + path, data, headers, method=method))

    def on_push(self, repository: str, changes: list[RefChange]) -> None:
        """The Git host's side: a signed, GitHub-shaped webhook for each changed ref of a repository with a hook."""
        if repository not in self.hooks:
            return
        for change in changes:
            self.deliveries.append(self.signed(repository, change.ref, change.before, change.after))
            if self.deliver:
                self.redeliver(-1)

    def signed(self, repository: str, ref: str, before: str, after: str) -> tuple[str, dict[str, str], bytes]:
        """A delivery as GitHub makes it."""
        path, secret = self.hooks[repository]
        body = json.dumps({"ref": ref, "before": before, "after": after, "repository": {"full_name": repository}})
        signature = hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": str(uuid4()),
            "X-Hub-Signature-256": f"sha256={signature}",
        }
        return path, headers, body.encode()

    def redeliver(self, place: int) -> Reply:
        """Send a delivery again, byte for byte."""
        path, headers, body = self.deliveries[place]
        return send(Request(self.system.url + path, body, headers, method="POST"))

    def import_repository(self, path: str, use: str) -> str:
        """Make a bare repository and import it; answers its id."""
        self.system.git.create(path)
        body = {"path": path, "url": self.system.git_url(path), "use": use, "hook_payload": "github"}
        made = self.call("POST", "/v1/repositories", body)
        assert made.status == 201, made
        if use == "application":
            self.hooks[path] = (made.body["repository"]["hook_path"], made.body["webhook_secret"])
        return str(made.body["repository"]["id"])

    def make_environment(self, name: str, gitops_repository_id: str, position: int = 0) -> dict[str, Any]:
        """Make an environment; answers it with its secrets."""
        body = {"name": name, "gitops_repository_id": gitops_repository_id, "position": position}
        made = self.call("POST", "/v1/environments", body)
        assert made.status == 201, made
        result: dict[str, Any] = made.body
        return result

    def clone(self, path: str) -> Checkout:
        """A work tree of a repository, as a developer has it."""
        target = self.folder / f"{path.replace('/', '-')}-{uuid4().hex[:6]}"
        git(self.folder, "clone", "-q", self.system.git_url(path), str(target))
        return Checkout(target)

    def gitops_log(self, path: str) -> list[str]:
        """Subjects of the GitOps repository's commits, newest first."""
        bare = self.system.git.path_of(path)
        return git(bare, "log", "--format=%s", "main").splitlines()

    def gitops_head(self, path: str) -> str:
        """The GitOps repository's head, as `git ls-remote` says it; empty while there is none."""
        line = git(self.folder, "ls-remote", self.system.git_url(path), "refs/heads/main")
        return line.split("\t")[0]


@dataclass
class Checkout:
    """A work tree."""

    folder: Path

    def write(self, files: dict[str, str]) -> None:
        """Write files, folders included."""
        for name, text in files.items():
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)

    def push(self, message: str, files: dict[str, str] | None = None, ref: str = "main") -> str:
        """Commit everything and push; answers the commit."""
        self.write(files or {})
        git(self.folder, "add", "-A")
        git(self.folder, "commit", "-q", "--allow-empty", "-m", message)
        git(self.folder, "push", "-q", "origin", f"HEAD:{ref}")
        return git(self.folder, "rev-parse", "HEAD").strip()


def git(folder: Path, *arguments: str) -> str:
    """Run git as a developer would, without the machine's own configuration."""
    identity = ("-c", "user.name=Jane Doe", "-c", "user.email=jane@example.com", "-c", "init.defaultBranch=main")
    done = subprocess.run(
        ("git", *identity, *arguments), cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def send(request: Request) -> Reply:
    """Send a request; failures by status are answers too."""
    try:
        with urlopen(request, timeout=30) as answer:
            return Reply(answer.status, _read(answer.read()))
    except HTTPError as error:
        with error:
            return Reply(error.code, _read(error.read()))


def wait_until(what: str, look: Callable[[], T | None], seconds: float = 30) -> T:
    """Look until there is something; fails saying `what` never came."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"in {seconds} s there was no {what}")


def _read(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body.decode("utf-8", "replace")

"""Seeds the demo once, through the product's own routes: two repositories, two environments, a first push.

What only the server tells (keys, the hook's secret) is kept beside the rest of the state, readable by its owner only.
Every step looks first whether it was done, so that a seeding that was killed goes on at the next start.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from infra.local import shop
from infra.local.git_server import GitServer
from infra.local.webhooks import Hook, Hosted

TIMEOUT_SECONDS = 30
LOOK_PERIOD_SECONDS = 0.1
GITOPS, SHOP = "gitops", "shop"
_AUTHOR = {"GIT_AUTHOR_NAME": "Demo", "GIT_AUTHOR_EMAIL": "demo@gimlet.example"}
_COMMITTER = {"GIT_COMMITTER_NAME": "Demo", "GIT_COMMITTER_EMAIL": "demo@gimlet.example"}


class Incomplete(Exception):
    """The state is of two times and can't be completed."""


class Memory:
    """What must be kept between starts: `demo.json`, written at once and readable by its owner only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def get(self, name: str) -> str:
        """The kept value, or nothing."""
        return self._values.get(name, "")

    def keep(self, **values: str) -> None:
        self._values |= values
        new = self._path.with_suffix(".new")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(self._values, file)
        os.replace(new, self._path)


class Api:
    """The product's HTTP API with a token."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._headers = url, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def get(self, path: str) -> Any:
        return self._ask(Request(self._url + path, headers=self._headers))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._ask(Request(self._url + path, data=json.dumps(body).encode(), headers=self._headers))

    def _ask(self, request: Request) -> Any:
        with urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            return json.load(answer)


class Seed:
    """The demo's repositories and environments on one system."""

    def __init__(self, git: GitServer, public_url: str, memory: Memory) -> None:
        self._git, self._url, self._memory = git, public_url, memory

    def prepare(self) -> None:
        """Make the repositories on the git host; the GitOps one gets a first commit."""
        self._git.create(SHOP)
        if not _has_branch(self._git.create(GITOPS)):
            self._push(GITOPS, {"README.md": "# gitops\n\nWhat should run. Written by Gimlet, applied by Flux.\n"})

    def seed(self, api: Api) -> None:
        """Import both repositories and make both environments, where they are not there yet.

        Raises:
            Incomplete: the server knows a repository or environment whose secret was not kept.
        """
        gitops_id = self._import(api, GITOPS)
        self._import(api, SHOP)
        present = {item["name"] for item in api.get("/v1/environments")["items"]}
        for position, name in enumerate(shop.ENVIRONMENTS):
            if name not in present:
                wanted = {"name": name, "gitops_repository_id": gitops_id, "position": position}
                self._memory.keep(**{f"agent_key.{name}": api.post("/v1/environments", wanted)["agent_key"]})

    def push_first(self) -> bool:
        """Push the shop's first commit and version, once; whether it was now."""
        if _has_branch(self._git.path_of(SHOP)):
            return False
        self._push(SHOP, shop.files(), tag="v1.0.0")
        return True

    def wait_until_known(self, api: Api, timeout_seconds: float) -> bool:
        """Wait until the shop has a release on its way to each environment; false when it takes too long."""
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            apps = {item["app"]: item["environments"] for item in api.get("/v1/apps")["items"]}
            if len(apps.get(shop.APP, [])) == len(shop.ENVIRONMENTS):
                return True
            time.sleep(LOOK_PERIOD_SECONDS)
        return False

    def agent_key(self, environment: str) -> str:
        """The environment's agent key.

        Raises:
            Incomplete: it was not kept.
        """
        return self._kept(f"agent_key.{environment}")

    def hook(self) -> Hook | None:
        """Where pushes of the shop are posted; none before it is imported."""
        path, secret = self._memory.get("hook_path"), self._memory.get("hook_secret")
        return Hook(self._url + path, secret) if path and secret else None

    def hosted(self) -> Hosted:
        """The shop as its webhooks describe it."""
        return Hosted(f"demo/{SHOP}", f"{self._url}/git/{SHOP}.git", self._git.path_of(SHOP))

    def _import(self, api: Api, name: str) -> str:
        path = f"demo/{name}"
        found = {item["path"]: item["id"] for item in api.get("/v1/repositories")["items"]}
        if path in found:
            if name == SHOP:
                self._kept("hook_secret")
            return str(found[path])
        use = {"use": "application", "hook_payload": "github"} if name == SHOP else {"use": "gitops"}
        made = api.post("/v1/repositories", {"path": path, "url": f"{self._url}/git/{name}.git", **use})
        if name == SHOP:
            self._memory.keep(hook_path=made["repository"]["hook_path"], hook_secret=made["webhook_secret"])
        return str(made["repository"]["id"])

    def _kept(self, name: str) -> str:
        value = self._memory.get(name)
        if not value:
            raise Incomplete(f"the demo's state lacks {name}: start again with FRESH=1")
        return value

    def _push(self, name: str, files: dict[str, str], tag: str = "") -> None:
        """Push a first commit with `files` over HTTP, as a person would, so that the webhook is sent."""
        with tempfile.TemporaryDirectory() as folder:
            _git(folder, "init", "--quiet", "--initial-branch=main")
            for path, text in files.items():
                target = Path(folder, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text)
            _git(folder, "add", ".")
            _git(folder, "commit", "--quiet", "--message=Begin")
            url = self._git.url_of(name)
            _git(folder, "push", "--quiet", url, "main")
            if tag:
                _git(folder, "tag", tag)
                _git(folder, "push", "--quiet", url, tag)


def _has_branch(folder: Path, branch: str = "main") -> bool:
    asked = ["git", f"--git-dir={folder}", "rev-parse", "--quiet", "--verify", f"refs/heads/{branch}"]
    return subprocess.run(asked, stdout=subprocess.DEVNULL, timeout=TIMEOUT_SECONDS, check=False).returncode == 0


def _git(folder: str, *arguments: str) -> None:
    """Run git with nothing of the person's own configuration."""
    kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    own = {"HOME": folder, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    environment = kept | own | _AUTHOR | _COMMITTER
    subprocess.run(["git", *arguments], cwd=folder, env=environment, timeout=TIMEOUT_SECONDS, check=True)

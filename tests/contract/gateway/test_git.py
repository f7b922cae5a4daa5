"""Git works through the public origin, whatever its size."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.local.tiny import running

pytestmark = pytest.mark.integration
SIZE_BYTES = 12 * 1024 * 1024  # above what the REST API takes


def git(*arguments: str | Path, cwd: Path) -> str:
    own = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    names = {f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {"PATH": os.environ["PATH"]} | own | names
    done = subprocess.run(["git", *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_large_push_and_its_clone_pass_through_the_origin(tmp_path: Path) -> None:
    content = os.urandom(SIZE_BYTES)
    with running(tmp_path) as tiny:
        tiny.system.git.create("shop")
        url = tiny.system.git_url("shop")
        git("clone", "-q", url, "work", cwd=tmp_path)
        (tmp_path / "work" / "large").write_bytes(content)
        git("add", ".", cwd=tmp_path / "work")
        git("commit", "-q", "-m", "large", cwd=tmp_path / "work")
        git("push", "-q", "origin", "HEAD:main", cwd=tmp_path / "work")

        git("clone", "-q", url, "again", cwd=tmp_path)
        git("clone", "-q", "--bare", "--depth=1", "--filter=blob:none", url, "thin", cwd=tmp_path)

        assert (tmp_path / "again" / "large").read_bytes() == content
        assert git("rev-parse", "main", cwd=tmp_path / "thin") == git("rev-parse", "HEAD", cwd=tmp_path / "work")

"""What people and hosts do to a bare repository on disk, by git itself: the other side of the git adapters' tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.fakes_git import Content, Link


def git_on_host(path: Path, *words: str, stdin: bytes = b"") -> str:
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(["git", *words], cwd=path, env=environment, input=stdin, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def commit_on_host(
    path: Path,
    ref: str,
    changes: Mapping[str, Content | None],
    message: str = "change",
    *,
    parents: Sequence[str] | None = None,
    at: int = 1_700_000_000,
) -> str:
    """A commit as if pushed by Jane, on top of `ref` or of `parents`; moves `ref`."""
    if parents is None:
        head = git_on_host(path, "for-each-ref", "--format=%(objectname)", ref)
        parents = [head] if head else []
    lines = [f"commit {ref}\ncommitter Jane <jane@acme.org> {at} +0000\n".encode(), data(message.encode())]
    if not parents:
        lines.insert(0, f"reset {ref}\n".encode())
    lines += [f"{'merge' if n else 'from'} {parent}\n".encode() for n, parent in enumerate(parents)]
    for name, content in changes.items():
        lines.append(change_line(name, content))
    git_on_host(path, "fast-import", "--quiet", "--force", stdin=b"".join(lines))
    return git_on_host(path, "rev-parse", ref)


def change_line(name: str, content: Content | None) -> bytes:
    if content is None:
        return f"D {name}\n".encode()
    if isinstance(content, Link):
        return f"M 120000 inline {name}\n".encode() + data(content.target.encode())
    return f"M 100644 inline {name}\n".encode() + data(content)


def data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def refuse_pushes(path: Path, words: str) -> None:
    hook = path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\necho '{words}' >&2\nexit 1\n")
    hook.chmod(0o755)

"""Names what a machine must have that no Python or npm package brings, and how to get it.

It looks before anything is downloaded and names everything that is missing at once. Where it may (root on Debian) it
installs; elsewhere it says the command. It never replaces what is there.
"""

from __future__ import annotations

import ctypes.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

NODE_AT_LEAST = (20, 19)
GO_AT_LEAST = (1, 26)
INSTALL_TIMEOUT_SECONDS = 900
APT_GET = ("apt-get", "-o", "DPkg::Lock::Timeout=300", "-q")


class Missing(Exception):
    """Something is not there and was not installed; the message names all of it and how to get it."""


@dataclass(frozen=True, slots=True)
class Need:
    """One thing a machine must have."""

    name: str
    use: str
    is_there: Callable[[], bool]
    packages: tuple[str, ...] = ()
    """Debian's packages that bring it; none where Debian's are too old."""
    advice: str = ""


def _command(*names: str) -> Callable[[], bool]:
    return lambda: any(shutil.which(name) for name in names)


def _has_http_backend() -> bool:
    if shutil.which("git") is None:
        return False
    where = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=False, timeout=10)
    return (Path(where.stdout.strip()) / "git-http-backend").exists()


def _is_at_least(command: Sequence[str], least: tuple[int, int]) -> bool:
    if shutil.which(command[0]) is None:
        return False
    printed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stdout
    found = re.search(r"(\d+)\.(\d+)", printed)
    return found is not None and (int(found[1]), int(found[2])) >= least


GIT = Need("git", "the road to Git, and git over HTTP", _has_http_backend, ("git",))
SECCOMP = Need(
    "libseccomp",
    "the fence around rendering",
    lambda: ctypes.util.find_library("seccomp") is not None,
    ("libseccomp2",),
)
NODE = Need(
    f"Node {'.'.join(map(str, NODE_AT_LEAST))} or newer with npm",
    "the page",
    lambda: shutil.which("npm") is not None and _is_at_least(["node", "--version"], NODE_AT_LEAST),
    advice="install it from https://nodejs.org and put it on the PATH",
)
CURL = Need("curl", "the tour and the tests of CI", _command("curl"), ("curl",))
OPENSSL = Need("openssl", "signing a webhook by hand", _command("openssl"), ("openssl",))
CHROMIUM = Need(
    "Chromium", "the browser of the tests", _command("chromium", "chromium-browser", "google-chrome"), ("chromium",)
)
GO = Need(
    f"Go {'.'.join(map(str, GO_AT_LEAST))} or newer",
    "building the real cluster and Flux",
    lambda: _is_at_least(["go", "env", "GOVERSION"], GO_AT_LEAST),
    advice="install it from https://go.dev/dl and put it on the PATH",
)

SETS: dict[str, tuple[Need, ...]] = {
    "run": (GIT, SECCOMP, NODE),
    "test": (GIT, SECCOMP, NODE),
    "browser": (GIT, SECCOMP, NODE, CHROMIUM),
    "testbed": (GO, GIT),
    "ci": (GIT, SECCOMP, NODE, CURL, OPENSSL, CHROMIUM, GO),
}


def require(needs: Iterable[Need], *, install: Callable[[Sequence[str]], None] | None = None) -> None:
    """Check `needs`, and have `install` bring those that Debian has; None: never install.

    Raises:
        Missing: something is still not there.
    """
    absent = [need for need in needs if not need.is_there()]
    packages = [package for need in absent for package in need.packages]
    if packages and install is not None:
        install(packages)
        absent = [need for need in absent if not need.is_there()]
    if absent:
        raise Missing("\n".join(_describe(need) for need in absent))


def _describe(need: Need) -> str:
    advice = need.advice or f"on Debian, as root: apt-get install {' '.join(need.packages)}"
    return f"missing: {need.name} ({need.use}); {advice}"


def can_install() -> bool:
    """Whether packages may be installed from here: root on Debian or a child of it."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(packages: Sequence[str]) -> None:
    """Install Debian's `packages`, with a fresh list of them.

    Raises:
        Missing: apt-get failed.
    """
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in ([*APT_GET, "update"], [*APT_GET, "install", "-y", "--no-install-recommends", *packages]):
        print(f"setup: {' '.join(command)}", flush=True)
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, timeout=INSTALL_TIMEOUT_SECONDS, check=False
        )
        if done.returncode != 0:
            raise Missing(f"`{' '.join(command)}` ended with {done.returncode}")

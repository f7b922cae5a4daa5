"""The steps that install packages and build the page; each is done once for what it is made from.

It installs only what the requirements files and the lock file name, into the checkout.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from infra.setup.stamps import ROOT, STAMPS, digest_of, run_once

VENV = ROOT / ".venv"
FRONTEND = ROOT / "frontend"
REQUIREMENTS = tuple(
    ROOT / name
    for name in (
        "requirements.txt",
        "agent/requirements.txt",
        "infra/worker/requirements.txt",
        "tests/requirements.txt",
        "tests/constraints.txt",
    )
)
SITE_SOURCES = ("src", "public", "index.html", "vite.config.ts", "tsconfig.json", "package-lock.json")
HEARTBEAT_SECONDS = 15
STEP_TIMEOUT_SECONDS = 1200


class StepFailed(Exception):
    """A step did not end well; the message holds the last lines of what it printed."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something made from `sources` and `facts`, to be seen at `product`."""

    about: str
    sources: Callable[[], tuple[Path, ...]]
    product: Path
    make: Callable[[], None]
    facts: Callable[[], tuple[str, ...]] = tuple
    after: str = ""
    """The step that must be done first."""


def run(names: Sequence[str]) -> None:
    """Do the steps `names` and those they need; independent ones at the same time.

    Raises:
        StepFailed: one of them failed.
    """
    wanted = set(names) | {STEPS[name].after for name in names if STEPS[name].after}
    roots = [name for name in STEPS if name in wanted and not STEPS[name].after]
    with ThreadPoolExecutor(max_workers=len(roots) or 1) as pool:
        for done in [pool.submit(_run_chain, name, wanted) for name in roots]:
            done.result()


def _run_chain(name: str, wanted: set[str]) -> None:
    step = STEPS[name]
    started = time.monotonic()
    if run_once(STAMPS / name, digest_of(step.sources(), *step.facts()), step.product, step.make):
        _say(f"{step.about}: done in {time.monotonic() - started:.0f} s")
    for follower in (other for other in STEPS if other in wanted and STEPS[other].after == name):
        _run_chain(follower, wanted)


def _install_python() -> None:
    if not (VENV / "bin" / "python").exists():
        _call("Python environment", [sys.executable, "-m", "venv", str(VENV)])
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "-q"]
    requirements = ["-r", str(ROOT / "tests" / "requirements.txt"), "-c", str(ROOT / "tests" / "constraints.txt")]
    _call("Python packages", [*pip, *requirements])


def _install_frontend() -> None:
    _call("frontend packages", ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], FRONTEND)


def _build_site() -> None:
    _call("page", ["npm", "run", "--silent", "build"], FRONTEND)


def _node_version() -> tuple[str, ...]:
    node = shutil.which("node")
    if node is None:
        return ("no node",)
    return (subprocess.run([node, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout,)


def _site_sources() -> tuple[Path, ...]:
    return tuple(FRONTEND / name for name in SITE_SOURCES)


STEPS: dict[str, Step] = {
    "python": Step(
        about="Python packages",
        sources=lambda: REQUIREMENTS,
        product=VENV / "bin" / "python",
        make=_install_python,
        facts=lambda: (".".join(map(str, sys.version_info[:2])),),
    ),
    "frontend": Step(
        about="frontend packages",
        sources=lambda: (FRONTEND / "package-lock.json",),
        product=FRONTEND / "node_modules",
        make=_install_frontend,
        facts=_node_version,
    ),
    "site": Step(
        about="page",
        sources=_site_sources,
        product=FRONTEND / "dist" / "index.html",
        make=_build_site,
        after="frontend",
    ),
}


def _call(about: str, command: Sequence[str], folder: Path = ROOT) -> None:
    """Run `command`, saying now and then that it still runs.

    Raises:
        StepFailed: it ended with an error or took too long.
    """
    _say(f"{about} …")
    started = time.monotonic()
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )  # a Ctrl-C reaches it too: it is of our process group
    try:
        printed = _wait(process, about, started)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if process.returncode != 0:
        raise StepFailed(f"{about}: `{' '.join(command[:4])} …` ended with {process.returncode}\n{printed[-3000:]}")


def _wait(process: subprocess.Popen[str], about: str, started: float) -> str:
    while True:
        try:
            return process.communicate(timeout=HEARTBEAT_SECONDS)[0]
        except subprocess.TimeoutExpired:
            seconds = time.monotonic() - started
            if seconds > STEP_TIMEOUT_SECONDS:
                raise StepFailed(f"{about}: gave up after {seconds:.0f} s") from None
            _say(f"{about}: still at it after {seconds:.0f} s")


def _say(text: str) -> None:
    print(f"setup: {text}", flush=True)

"""`make bench`: measure every subject, print JSON lines, and end with 1 when a budget is broken in this run.

    python -m tests.bench [--short] [subject …]

Each subject is measured in a process of its own, so that none has another's memory, modules or environment. What each
line means is in `docs/bench.md`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from tests.bench.rows import Row, failure, row

SUBJECTS = {
    "imports": "what each function loads, and how long that takes",
    "intake_calls": "calls and latency of a webhook with 1, 100 and 10,000 apps known",
    "render": "our chart in process and in a cold child",
    "push_to_commit": "from a push to the GitOps repository's new head",
    "make_run": "start-up and memory of the demo, and from a commit to the page",
    "release_cost": "one release in GitOps repositories of 10, 1,000 and 10,000 apps",
    "agent": "memory and egress of the agent with 5,000 pods",
}
TIMEOUT_SECONDS = {True: 300, False: 1800}
STOP_SECONDS = 75  # the demo alone may take 60


def main() -> int:
    """Print the lines; 1 when one of them is not ok."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exception: what was started is stopped
    if arguments.one:
        return _measure_here(arguments.one, short=arguments.short)
    subjects = arguments.subjects or list(SUBJECTS)
    kept = [bool(line["ok"]) for name in subjects for line in _printed(name, short=arguments.short)]
    return 0 if all(kept) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=(__doc__ or "").split("\n", 1)[0],
        epilog="subjects: " + "; ".join(f"{name}: {what}" for name, what in SUBJECTS.items()),
    )
    parser.add_argument("--short", action="store_true", help="fewer samples: under two minutes on an idle machine")
    parser.add_argument("--one", choices=SUBJECTS, help=argparse.SUPPRESS)
    parser.add_argument("subjects", nargs="*", metavar="subject", help="only these")
    arguments = parser.parse_args()
    if unknown := set(arguments.subjects) - SUBJECTS.keys():
        parser.error(f"there is no subject {', '.join(sorted(unknown))}")
    return arguments


def _measure_here(name: str, *, short: bool) -> int:
    for line in importlib.import_module(f"tests.bench.{name}").run(short):
        print(json.dumps(line), flush=True)
    return 0


def _printed(name: str, *, short: bool) -> Iterator[Row]:
    for line in _lines(name, short=short):
        print(json.dumps(line), flush=True)
        yield line


def _lines(name: str, *, short: bool) -> Iterator[Row]:
    """Measure one subject in a child; its lines, and one more if it came to no good end."""
    command = [sys.executable, "-m", "tests.bench", "--one", name, *(["--short"] if short else [])]
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as child:
        try:
            said, _ = child.communicate(timeout=TIMEOUT_SECONDS[short])
        except subprocess.TimeoutExpired:
            _end(child)
            yield failure(name, f"not done after {TIMEOUT_SECONDS[short]} s")
            return
        except BaseException:
            _end(child)
            raise
    yield from (json.loads(line) for line in said.splitlines() if line.startswith("{"))
    if child.returncode:
        yield failure(name, f"ended with {child.returncode}: its trace is on the standard error")
    yield row(f"bench.{name}", time.monotonic() - began, "s")


def _end(child: subprocess.Popen[str]) -> None:
    """Ask the child to end in order, with what it started; then make sure of it."""
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)  # not reaped yet: the group is there


if __name__ == "__main__":
    sys.exit(main())

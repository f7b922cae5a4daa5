"""What one release costs in a GitOps repository of 10, 1,000 and 10,000 apps.

Six files an app, 10,000 commits of history; with a clone that is there (warm) and without (cold).

    python -m tests.bench.git_writes

Prints one JSON line a figure and ends with 1 when a budget is broken: the ratio between the largest and the smallest
repository, and 0.25 s of processors for a release to the smallest (an idle machine's clock shows about as much).
The repositories are made once, by git itself, below the temporary folder (GIMLET_BENCH_CACHE to put them elsewhere).
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from chalicelib.adapters.gitops import GitRepo
from chalicelib.ports.git import CommitPlan, FileChange, RepoAddress
from infra.local.git_server import GitServer
from tests.real_git import data, git_on_host

APPS = (10, 1_000, 10_000)
FILES = 6
COMMITS = 10_000
RECENT = 100  # of them, the newest that touch the apps; older ones touch another environment, or making them is slow
ROUNDS = 15
COLD_ROUNDS = 7
MANY_ROUNDS = 3
MANY = 100
RELEASE_BUDGET_SECONDS = 0.25
RATIO_BUDGET = 2.0


def run() -> list[dict[str, object]]:
    """Measure; one row a figure: name, value, unit, budget (or None) and whether it is kept.

    The sizes take turns, so that a busy moment of the machine meets all of them.
    """
    cache = Path(os.environ.get("GIMLET_BENCH_CACHE", Path(tempfile.gettempdir()) / "gimlet-bench-git-1"))
    with ExitStack() as stack:
        subjects = [stack.enter_context(_subject(repository(cache, apps), apps)) for apps in APPS]
        kinds: dict[str, tuple[int, Callable[[Subject, int], None]]] = {
            "release_warm": (ROUNDS, lambda subject, _: subject.release([3])),
            "release_warm_other_app": (ROUNDS, lambda subject, n: subject.release([n * 37])),
            "release_cold": (COLD_ROUNDS, lambda subject, n: subject.again(f"cold-{n}").release([n])),
            f"{MANY}_releases_one_push": (MANY_ROUNDS, lambda subject, _: subject.release(list(range(MANY)))),
        }
        for subject in subjects:
            subject.release([3])
        return [
            row
            for name, (rounds, work) in kinds.items()
            for row in _rows(name, [[_cost(work, subject, n) for subject in subjects] for n in range(rounds)])
        ]


def repository(cache: Path, apps: int) -> Path:
    """A bare repository with that many apps, made unless it is there."""
    path = cache / f"apps-{apps}.git"
    if not path.exists():
        making = cache / f"making-{apps}.{os.getpid()}.git"
        making.mkdir(parents=True)
        git_on_host(making, "init", "--quiet", "--bare", "--initial-branch=main")
        git_on_host(making, "fast-import", "--quiet", stdin=b"".join(_history(apps)))
        git_on_host(making, "config", "gc.auto", "0")
        making.rename(path)
    return path


def _history(apps: int) -> Iterator[bytes]:
    for n in range(COMMITS - RECENT - 1):
        yield _commit(n, f"production/app-{n % 10:05}/release.json")
    yield _commit(COMMITS - RECENT - 1, "README")
    for app in range(apps):
        for file in range(FILES):
            yield b"M 100644 inline " + _path(app, file).encode() + b"\n" + data(_content(app, file, "first"))
    for n in range(COMMITS - RECENT, COMMITS):
        yield _commit(n, _path(n * 7919 % apps, 0))


def _commit(n: int, path: str) -> bytes:
    head = f"commit refs/heads/main\ncommitter Gimlet <gimlet@gimlet.io> {1_700_000_000 + n} +0000\n".encode()
    message = f"[Gimlet] automated deploy\n\nRelease-Id: {n:026}\n".encode()
    return head + data(message) + f"M 100644 inline {path}\n".encode() + data(f"{n}\n".encode())


def _path(app: int, file: int) -> str:
    return f"staging/app-{app:05}/file-{file}.yaml"


def _content(app: int, file: int, version: str) -> bytes:
    return f"kind: ConfigMap\nmetadata:\n  name: app-{app}-{file}\n".encode() + f"data: {version}\n".encode() * 40


@dataclass(frozen=True, slots=True)
class Subject:
    """One served repository and a writer with a clone of its own."""

    address: RepoAddress
    folder: Path
    apps: int
    repo: GitRepo

    def again(self, name: str) -> Subject:
        return replace(self, repo=GitRepo(self.address, self.folder / name, str))

    def release(self, wanted: list[int]) -> None:
        """What the train does: the head, the apps' folders, the commits, one push."""
        apps = [app % self.apps for app in wanted]
        head = self.repo.head()
        assert head is not None
        folders = [f"staging/app-{app:05}" for app in dict.fromkeys(apps)]
        self.repo.prefetch(head, folders)
        assert all(self.repo.read(head, folder) for folder in folders)
        made = self.repo.build(head, [_plan(app, f"{head}-{n}") for n, app in enumerate(apps)])
        self.repo.push(made[-1], head)


@contextmanager
def _subject(template: Path, apps: int) -> Iterator[Subject]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(template, folder / "host" / "repo.git")
        with GitServer(folder / "host") as server:
            address = RepoAddress(server.url_of("repo"), "main")
            yield Subject(address, folder, apps, GitRepo(address, folder / "warm", str))


def _plan(app: int, version: str) -> CommitPlan:
    changes = tuple(FileChange(_path(app, file), _content(app, file, version)) for file in range(FILES))
    message = f"[Gimlet] staging/app-{app} automated deploy\n\nRelease-Id: {version}\n"
    return CommitPlan(changes, message, "Gimlet", "gimlet@gimlet.io", 1_800_000_000)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one round took: by the clock, and of processors (ours, git's, and the served host's)."""

    wall_seconds: float
    cpu_seconds: float


def _cost(work: Callable[[Subject, int], None], subject: Subject, n: int) -> Cost:
    began, spent = time.perf_counter(), _cpu_seconds()
    work(subject, n)
    return Cost(time.perf_counter() - began, _cpu_seconds() - spent)


def _cpu_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _rows(name: str, rounds: list[list[Cost]]) -> Iterator[dict[str, object]]:
    """The budget on the ratio is broken when the clock and the processors both say so.

    A busy machine stretches the clock, but not (much) what is spent; on an idle one waiting counts as well. The fastest
    round is the one that the machine disturbed least; medians are for people.
    """
    wall = [[cost.wall_seconds for cost in column] for column in zip(*rounds, strict=True)]
    cpu = [statistics.median(cost.cpu_seconds for cost in column) for column in zip(*rounds, strict=True)]
    for apps, seconds, spent in zip(APPS, wall, cpu, strict=True):
        budget = RELEASE_BUDGET_SECONDS if name == "release_warm" and apps == APPS[0] else None
        yield _row(f"git.{name}.{apps}_apps", min(seconds), "s", None)
        yield _row(f"git.{name}.{apps}_apps.median", statistics.median(seconds), "s", None)
        yield _row(f"git.{name}.{apps}_apps.cpu", spent, "s", budget)
    ratio = min(min(wall[-1]) / min(wall[0]), cpu[-1] / cpu[0])
    yield _row(f"git.{name}.ratio", ratio, "x", None if name.startswith(str(MANY)) else RATIO_BUDGET)


def _row(name: str, value: float, unit: str, budget: float | None) -> dict[str, object]:
    return {
        "name": name,
        "value": round(value, 4),
        "unit": unit,
        "budget": budget,
        "ok": budget is None or value <= budget,
    }


if __name__ == "__main__":
    rows = run()
    for row in rows:
        print(json.dumps(row), flush=True)
    sys.exit(0 if all(row["ok"] for row in rows) else 1)

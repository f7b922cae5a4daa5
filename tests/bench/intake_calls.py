"""A signed webhook at the door: how many calls to managed services, and whether it matters how much is known.

The real REST route, function and adapters on an emulated AWS in a process of its own, behind our gateway; nothing
takes from the queue. Three organisations share the tables: they know 1, 100 and 10,000 apps. Their deliveries take
turns, so that a busy moment of the machine meets all of them; a broken ratio is measured again before it counts.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.request import Request
from uuid import uuid4

from aiohttp import web

from infra.local.gateway_rest import RestGateway
from infra.local.invoke import Event, InlineFunctions
from infra.local.ministack_process import MiniStackProcess
from tests.bench.imports import service_settings
from tests.bench.rows import Row, nearest_rank, quantiles, row
from tests.road.world import send

APPS = (1, 100, 10_000)
CALLS_BUDGET = 3
RATIO_BUDGET = 1.2
SAMPLES = {True: 60, False: 400}  # by `short`
WARM_UPS = 5
ROUNDS = 4  # of samples, before a ratio counts as broken
ITEMS_A_WRITE = 100  # DynamoDB's limit of a transaction


@dataclass
class Subject:
    """An organisation that knows some apps, with one more repository whose webhook is delivered."""

    apps: int
    hook_id: str = ""
    secret: str = ""
    seconds: list[float] = field(default_factory=list)

    @property
    def organization_id(self) -> str:
        return f"bench{self.apps}"

    @property
    def repository(self) -> str:
        return f"{self.organization_id}/shop"

    def delivery(self, url: str) -> Request:
        """A push that was not delivered before, as GitHub sends it."""
        body = json.dumps(
            {
                "ref": "refs/heads/main",
                "before": uuid4().hex + "0" * 8,
                "after": uuid4().hex + "1" * 8,
                "repository": {"full_name": self.repository},
            }
        ).encode()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": str(uuid4()),
            "X-Hub-Signature-256": "sha256=" + hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest(),
        }
        return Request(f"{url}/hooks/github/{self.hook_id}", body, headers, method="POST")


class TimedFunctions(InlineFunctions):
    """Notes how long the function itself took."""

    took_seconds = 0.0

    async def invoke(self, name: str, event: Event) -> Any:
        """See `InlineFunctions`."""
        began = time.perf_counter()
        answer = await super().invoke(name, event)
        self.took_seconds = time.perf_counter() - began
        return answer


@dataclass
class Bench:
    """The served route, and what it called."""

    url: str
    functions: TimedFunctions
    calls: Counter[str]

    def deliver(self, subject: Subject) -> float:
        """Deliver one push; the seconds that the function took."""
        reply = send(subject.delivery(self.url))
        assert reply.status == 202, reply
        return self.functions.took_seconds


def run(short: bool) -> list[Row]:
    """Count and measure."""
    with MiniStackProcess() as ministack, tempfile.TemporaryDirectory() as folder:
        os.environ.update(service_settings(ministack.endpoint, Path(folder)))
        calls = count_calls()
        subjects = [Subject(apps) for apps in APPS]
        began = time.perf_counter()
        for subject in subjects:
            make_known(subject)
        made = row("intake.making_known", time.perf_counter() - began, "s")
        with serving(calls) as bench:
            return [*_calls(bench, subjects), *_latency(bench, subjects, SAMPLES[short]), made]


def count_calls() -> Counter[str]:
    """Count every request that any botocore client of this process sends from now on, repeats included."""
    import botocore.handlers

    calls: Counter[str] = Counter()

    def note(event_name: str, **_: object) -> None:
        calls[event_name.removeprefix("before-send.")] += 1

    botocore.handlers.BUILTIN_HANDLERS.append(("before-send", note))
    return calls


def _calls(bench: Bench, subjects: list[Subject]) -> Iterator[Row]:
    for subject in subjects:
        for _ in range(WARM_UPS):
            bench.deliver(subject)
        bench.calls.clear()
        bench.deliver(subject)
        made = dict(bench.calls)
        assert made, "calls are not counted any more"
        yield row(f"intake.calls.{subject.apps}_apps", sum(made.values()), "calls", CALLS_BUDGET, calls=made)


def _latency(bench: Bench, subjects: list[Subject], samples: int) -> Iterator[Row]:
    rounds = 0
    while rounds == 0 or (rounds < ROUNDS and ratio(subjects) > RATIO_BUDGET):
        rounds += 1
        for _ in range(samples):
            for subject in subjects:
                subject.seconds.append(bench.deliver(subject))
    for subject in subjects:
        yield from quantiles(f"intake.latency.{subject.apps}_apps", subject.seconds)
    yield row("intake.latency.ratio", ratio(subjects), "x", RATIO_BUDGET, rounds=rounds)


def ratio(subjects: list[Subject]) -> float:
    """How many times longer it takes with the most apps known than with the least.

    By the medians or by the quickest tenth, whichever is kinder: a busy machine moves the one or the other, and
    work that grows with what is known moves both.
    """
    least, most = subjects[0].seconds, subjects[-1].seconds
    medians = statistics.median(most) / statistics.median(least)
    return min(medians, nearest_rank(most, 0.1) / nearest_rank(least, 0.1))


def make_known(subject: Subject) -> None:
    """Write what the organisation knows: a repository, an app and a release that is live for each, and the hook."""
    from chalicelib import wiring
    from chalicelib.core.organizations import Organization
    from chalicelib.core.repositories import Hook, Host
    from chalicelib.ports.records import Create

    subject.hook_id, subject.secret = f"hook{subject.apps}", uuid4().hex
    wiring.secrets().put(f"hooks/{subject.hook_id}", subject.secret)
    organization_id = subject.organization_id
    hook = Hook(subject.hook_id, organization_id, "shop", Host.GITHUB, f"hooks/{subject.hook_id}")
    own = _repository(subject, "shop", subject.repository, subject.hook_id)
    wiring.records().write(*map(Create, (Organization(organization_id, organization_id), own, hook)))
    known = (record for number in range(subject.apps) for record in _records_of(subject, number))
    while some := list(islice(known, ITEMS_A_WRITE)):
        wiring.records().write(*map(Create, some))


def _records_of(subject: Subject, number: int) -> Iterator[Any]:
    from chalicelib.core.actors import POLICY
    from chalicelib.core.apps import App, mark_of
    from chalicelib.core.artifacts import Version
    from chalicelib.core.releases import Cause, Kind, Release, State, first_hops

    name, path = f"app-{number:05}", f"{subject.organization_id}/app-{number:05}"
    at = datetime.fromtimestamp(1_700_000_000 + number, UTC)
    release = Release(
        id=f"{subject.organization_id}-{number:05}",
        organization_id=subject.organization_id,
        request_id="",
        app=name,
        environment="staging",
        environment_id="staging",
        gitops_repository_id="gitops",
        kind=Kind.DEPLOY,
        actor=POLICY,
        cause=Cause("policy", path),
        automatic=True,
        number=1,
        created_at=at,
        hops=first_hops(at, at),
        state=State.LIVE,
        artifact_version=Version(repository=path, sha=f"{number:040x}", branch="main"),
        repository_id=name,
        commit=f"{number:040x}",
        committed_at=at,
        live_at=at,
    )
    app = App(subject.organization_id, "staging", "staging", name, name, path, counter=1, committed_number=1)
    yield _repository(subject, name, path, f"hook-{name}")
    yield release
    yield replace(app, desired=mark_of(release), version=1)


def _repository(subject: Subject, repository_id: str, path: str, hook_id: str) -> Any:
    from chalicelib.core.repositories import Host, Repository, Use

    url = f"http://localhost:9/git/{path}.git"
    return Repository(
        repository_id, subject.organization_id, path, url, Host.GIT, Host.GITHUB, Use.APPLICATION, hook_id=hook_id
    )


@contextmanager
def serving(calls: Counter[str]) -> Iterator[Bench]:
    """The REST gateway before the functions, on a port of its own; no queue is polled."""
    import app as functions_app

    functions = TimedFunctions()
    gateway = RestGateway(functions, functions_app.app.routes, functions_app.app.api.binary_types)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", gateway.handle)
    runner = web.AppRunner(application, access_log=None)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(_start(runner), loop).result(30)
        yield Bench(f"http://localhost:{runner.addresses[0][1]}", functions, calls)
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        functions.close()
        loop.close()


async def _start(runner: web.AppRunner) -> None:
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()

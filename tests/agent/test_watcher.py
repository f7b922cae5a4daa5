"""Lists and watches over real HTTP against the fake API server and its faults."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.kinds import KINDS, Kind
from agent.kubernetes_api import connect, kubernetes_version
from agent.objects import Ref, Thing
from agent.settings import Misconfigured
from agent.watcher import Watcher
from tests.fakes_cluster import FakeCluster, deployment, pod

DEPLOYMENT = next(kind for kind in KINDS if kind.name == "Deployment")
POD = next(kind for kind in KINDS if kind.name == "Pod")
TIMEOUT_SECONDS = 15.0


class Seen:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.things: dict[Ref, Thing] = {}
        self.lists = 0
        self.gaps: list[str] = []
        self.troubles: list[str] = []
        self._changed = threading.Condition()

    def changed(self, changes: list[tuple[Ref, Thing | None]]) -> None:
        with self._changed:
            for ref, thing in changes:
                self.things.pop(ref, None)
                self.things |= {} if thing is None else {ref: thing}
            self._changed.notify_all()

    def listed(self, kind: str, refs: set[Ref]) -> None:
        with self._changed:
            self.lists += 1
            self.things = {ref: thing for ref, thing in self.things.items() if ref in refs}
            self._changed.notify_all()

    def missing(self, kind: str, why: str) -> None:
        with self._changed:
            self.gaps.append(why)
            self._changed.notify_all()

    def troubled(self, kind: str, why: str) -> None:
        with self._changed:
            self.troubles.append(why)
            self._changed.notify_all()

    def until(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, TIMEOUT_SECONDS), (self.lists, self.gaps, self.troubles)

    def names(self) -> set[str]:
        return {ref[2] for ref in self.things}


@contextmanager
def watched(cluster: FakeCluster, folder: Path, kind: Kind = DEPLOYMENT, *, retry_seconds: float = 0) -> Iterator[Seen]:
    seen, stop = Seen(), threading.Event()
    api = connect(cluster.kubeconfig(folder))
    watcher = Watcher(kind, api, seen, stop, threading.Semaphore(1), jitter=lambda least, _most: least or retry_seconds)
    thread = threading.Thread(target=watcher.run, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for _ in range(100):  # a watch may just be opening
            cluster.end_watches()
            thread.join(0.1)
            if not thread.is_alive():
                break
        assert not thread.is_alive()


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    with FakeCluster().serving() as serving:
        yield serving


def test_a_long_list_is_read_page_by_page_then_watched(cluster: FakeCluster, tmp_path: Path) -> None:
    for number in range(1100):
        cluster.put("Pod", pod(f"p{number:04}"))

    with watched(cluster, tmp_path, POD) as seen:
        seen.until(lambda: seen.lists == 1)
        cluster.put("Pod", pod("late"))
        cluster.delete("Pod", "team", "p0000")
        seen.until(lambda: "late" in seen.names() and "p0000" not in seen.names())

    assert len(seen.things) == 1100
    assert cluster.requests.count(("Pod", "list")) == 3


def test_a_clean_end_of_a_watch_is_gone_on_from_without_a_list(cluster: FakeCluster, tmp_path: Path) -> None:
    with watched(cluster, tmp_path) as seen:
        seen.until(lambda: seen.lists == 1)
        for name in ("d0", "d1", "d2"):
            cluster.end_watches()
            cluster.put("Deployment", deployment(name))
            seen.until(lambda name=name: name in seen.names())  # type: ignore[misc]  # bound at once, on purpose

    assert seen.names() == {"d0", "d1", "d2"}
    assert cluster.requests.count(("Deployment", "list")) == 1


def test_an_expired_version_is_listed_again_and_what_is_gone_goes(cluster: FakeCluster, tmp_path: Path) -> None:
    cluster.put("Deployment", deployment("old"))
    with watched(cluster, tmp_path) as seen:
        seen.until(lambda: seen.names() == {"old"} and seen.lists == 1)

        cluster.delete("Deployment", "team", "old")
        cluster.put("Deployment", deployment("new"))
        cluster.compact()
        cluster.end_watches()
        seen.until(lambda: seen.names() == {"new"})

    assert seen.troubles == []


def test_a_compacted_history_answered_as_410_in_the_stream_is_listed_again(
    cluster: FakeCluster, tmp_path: Path
) -> None:
    with watched(cluster, tmp_path) as seen:
        seen.until(lambda: seen.lists == 1)
        cluster.put("Service", {"metadata": {"name": "other", "namespace": "team"}})
        cluster.compact()
        cluster.end_watches()

        seen.until(lambda: seen.lists == 2)


def test_a_kind_that_is_not_served_or_not_allowed_is_told_as_missing(cluster: FakeCluster, tmp_path: Path) -> None:
    for status in (404, 403):
        cluster.answer("Deployment", status)

        with watched(cluster, tmp_path) as seen:
            seen.until(lambda: len(seen.gaps) == 1)

        assert str(status) in seen.gaps[0]


def test_a_kind_that_was_seen_is_not_missing_for_a_refusal(cluster: FakeCluster, tmp_path: Path) -> None:
    cluster.put("Deployment", deployment("shop"))
    with watched(cluster, tmp_path, retry_seconds=1) as seen:
        seen.until(lambda: seen.names() == {"shop"} and seen.lists == 1)
        cluster.answer("Deployment", 403)  # as a server does that just started and does not know its roles yet
        cluster.end_watches()
        seen.until(lambda: bool(seen.troubles))
        cluster.answer("Deployment", 200)
        cluster.put("Deployment", deployment("late"))
        seen.until(lambda: "late" in seen.names())

    assert seen.gaps == []
    assert seen.names() == {"shop", "late"}


def test_a_kind_that_stays_refused_is_missing_in_the_end(cluster: FakeCluster, tmp_path: Path) -> None:
    with watched(cluster, tmp_path) as seen:
        seen.until(lambda: seen.lists == 1)
        cluster.answer("Deployment", 404)
        cluster.end_watches()

        seen.until(lambda: len(seen.gaps) == 1)


def test_a_server_in_trouble_is_asked_again(cluster: FakeCluster, tmp_path: Path) -> None:
    cluster.answer("Deployment", 503)
    with watched(cluster, tmp_path) as seen:
        seen.until(lambda: len(seen.troubles) >= 2)
        cluster.put("Deployment", deployment("shop"))
        cluster.answer("Deployment", 200)

        seen.until(lambda: seen.names() == {"shop"})


def test_a_rotating_token_forgets_nothing(cluster: FakeCluster, tmp_path: Path) -> None:
    cluster.put("Deployment", deployment("shop"))
    with watched(cluster, tmp_path) as seen:
        seen.until(lambda: seen.lists == 1)
        cluster.answer("Deployment", 401)
        cluster.end_watches()
        seen.until(lambda: bool(seen.troubles))
        cluster.answer("Deployment", 200)
        cluster.put("Deployment", deployment("blog"))

        seen.until(lambda: seen.names() == {"shop", "blog"})

    assert (seen.lists, seen.gaps) == (1, [])


def test_an_object_that_cannot_be_read_stops_no_other(cluster: FakeCluster, tmp_path: Path) -> None:
    broken = deployment("broken")
    broken["spec"]["replicas"] = "many"
    cluster.put("Deployment", broken)
    cluster.put("Deployment", deployment("shop"))

    with watched(cluster, tmp_path) as seen:
        seen.until(lambda: seen.lists == 1)

    assert seen.names() == {"shop"}
    assert "unreadable" in seen.troubles[0]


def test_a_server_that_has_gone_is_unreachable_and_its_version_unknown(tmp_path: Path) -> None:
    with FakeCluster().serving() as cluster:
        api = connect(cluster.kubeconfig(tmp_path))
        assert kubernetes_version(api) == "v1.36.3"
    started = time.monotonic()

    assert kubernetes_version(api) == ""
    assert time.monotonic() - started < 12


def test_no_cluster_is_a_misconfiguration(tmp_path: Path) -> None:
    for kubeconfig in (str(tmp_path / "none"), ""):
        with pytest.raises(Misconfigured):
            connect(kubeconfig)

"""The real agent's eyes on the cluster: what its watchers take in and what its documents then say."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from agent.documents import Documents
from agent.inventory import Inventory
from agent.kinds import KINDS
from agent.kubernetes_api import connect
from agent.objects import Ref, Thing
from agent.watcher import Watcher
from chalicelib.wire.bodies import App
from tests.contract.cluster.subject import ENVIRONMENT, Subject, app_files


class Eyes:
    """A sink that keeps the inventory, and the documents of it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.troubles: list[str] = []
        self.inventory = Inventory(kind.name for kind in KINDS)
        self.inventory.set_scope(ENVIRONMENT, {})
        self.documents = Documents(self.inventory)

    def changed(self, changes: list[tuple[Ref, Thing | None]]) -> None:
        with self.lock:
            self.inventory.apply(changes)

    def listed(self, kind: str, refs: set[Ref]) -> None:
        with self.lock:
            self.inventory.keep_only(kind, refs)

    def missing(self, kind: str, why: str) -> None:
        self.troubles.append(f"{kind} is missing: {why}")

    def troubled(self, kind: str, why: str) -> None:
        self.troubles.append(f"{kind}: {why}")

    def app(self, name: str) -> App | None:
        with self.lock:
            found = self.documents.build(f"app/{name}")
        assert found is None or isinstance(found, App)
        return found


@pytest.fixture
def eyes(cluster: Subject) -> Iterator[Eyes]:
    """Watches every kind that the agent watches, until the test ends."""
    found, stop, listing = Eyes(), threading.Event(), threading.Semaphore(2)
    api = connect(str(cluster.kubeconfig))
    for kind in KINDS:
        threading.Thread(target=Watcher(kind, api, found, stop, listing).run, daemon=True).start()
    cluster.until("a complete inventory", lambda: found.inventory.complete)
    yield found
    stop.set()


def test_the_agent_finds_every_kind_it_watches_and_reads_all_of_it(cluster: Subject, eyes: Eyes) -> None:
    assert eyes.troubles == []


def test_the_agent_tells_a_release_that_went_live(cluster: Subject, eyes: Eyes) -> None:
    revision = cluster.push(app_files("seen", replicas=2))
    cluster.settled("seen", revision)

    def live() -> App | None:
        found = eyes.app("seen")
        is_live = found is not None and found.kustomization is not None and found.kustomization.last_applied == revision
        return found if is_live else None

    app = cluster.until("the app, live", live)

    (workload,) = app.workloads
    assert (workload.kind, workload.name, workload.wanted, workload.ready) == ("Deployment", "seen", 2, 2)
    assert app.pod_states == {"Ready": 2}
    assert app.pods == []


def test_the_agent_tells_why_a_release_fails(cluster: Subject, eyes: Eyes) -> None:
    cluster.settled("sick", cluster.push(app_files("sick", "shop:does-not-exist")))

    def failing() -> App | None:
        found = eyes.app("sick")
        reason = found.kustomization.reason if found is not None and found.kustomization is not None else ""
        return found if reason == "HealthCheckFailed" else None

    app = cluster.until("the app, failing", failing)

    (pod,) = app.pods
    assert pod.state == "ImagePullBackOff"
    cluster.push(dict.fromkeys(app_files("sick")))

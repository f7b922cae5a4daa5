"""What is promised of the stand-in alone: how it starts, ends, survives nonsense, and stays small."""

import stat
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.kubernetes_api import connect, kubernetes_version
from chalicelib.core.flux import connect_files
from infra.local.git_server import GitServer
from tests.contract.cluster.conftest import CONTRACT, start_stand_in
from tests.contract.cluster.subject import (
    DEPLOYMENTS,
    FLUX_NAMESPACE,
    PODS,
    REPOSITORY,
    SERVICES,
    SOURCES,
    Subject,
    app_files,
    condition,
    kustomization_file,
    manifest,
)

MAX_LINES = 600
LOCAL = Path(__file__).resolve().parents[3] / "infra" / "local"


@pytest.fixture
def git(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "git") as server:
        server.create(REPOSITORY)
        yield server


@pytest.fixture
def manifests(git: GitServer) -> str:
    return "---\n".join(connect_files(CONTRACT, git.url_of(REPOSITORY), "main").values())


@pytest.fixture
def alone(tmp_path: Path, git: GitServer, manifests: str) -> Iterator[Subject]:
    """A stand-in for one test, whose repository is empty but for a namespace."""
    with start_stand_in(tmp_path, git, manifests) as subject:
        space = manifest("v1", "Namespace", "contract-apps")
        subject.settled("gitops-contract", subject.push({"flux/namespace.yaml": space}))
        yield subject


def test_the_agent_signs_in_with_its_kubeconfig_and_sees_what_it_is(alone: Subject) -> None:
    assert kubernetes_version(connect(str(alone.kubeconfig))) == "v1.36.3+demo"
    assert stat.S_IMODE(alone.kubeconfig.stat().st_mode) == 0o600
    assert "demo-cluster" in alone.kubeconfig.read_text()


def test_after_a_restart_the_repository_is_applied_again_and_old_versions_are_too_old(
    tmp_path: Path, git: GitServer, manifests: str, alone: Subject
) -> None:
    revision = alone.push(app_files("kept"))
    alone.settled("kept", revision)
    version = alone.version(PODS)

    with start_stand_in(tmp_path, git, manifests) as again:
        again.settled("kept", revision)
        told = list(again.watch(PODS, version, seconds=5))

        assert len(again.pods("kept")) == 1
        assert [(kind, item["code"]) for kind, item in told] == [("ERROR", 410)]


def test_stopping_ends_open_watches_cleanly(tmp_path: Path, git: GitServer, manifests: str) -> None:
    with start_stand_in(tmp_path, git, manifests) as subject:
        watch = subject.watch(SERVICES, subject.version(SERVICES), seconds=60)

    assert list(watch) == []


def test_a_source_that_does_not_answer_says_so_and_heals(alone: Subject) -> None:
    gone = alone.git.path_of(REPOSITORY).rename(alone.git.root / "away")

    def ready(status: str) -> bool:
        source = alone.named(SOURCES, "gitops-contract", FLUX_NAMESPACE)
        return source is not None and bool(condition(source, "Ready")["status"] == status)

    alone.until("unready", lambda: ready("False"))
    source = alone.named(SOURCES, "gitops-contract", FLUX_NAMESPACE)
    assert source is not None
    assert condition(source, "Ready")["reason"] == "GitOperationFailed"
    gone.rename(alone.git.path_of(REPOSITORY))
    alone.until("ready again", lambda: ready("True"))


@pytest.mark.parametrize(
    "text",
    [
        "just text\n",
        "kind: [Service]\n",
        manifest("v1", "Service", "labelled", "contract-apps", metadata={"name": "it", "labels": "app"}),
        manifest("kustomize.config.k8s.io/v1beta1", "Kustomization", "overlay", metadata={}, resources=["../other"]),
    ],
)
def test_what_is_no_whole_object_fails_the_build_by_a_clear_word(alone: Subject, text: str) -> None:
    found = alone.settled("nonsense", alone.push({"nonsense/it.yaml": text} | kustomization_file("nonsense")))

    assert condition(found, "Ready")["reason"] == "BuildFailed"
    assert "takes whole, plain YAML objects only" in condition(found, "Ready")["message"]


@pytest.mark.parametrize(
    "text",
    [
        manifest("apps/v1", "Deployment", "empty", "contract-apps"),
        manifest("apps/v1", "Deployment", "odd", "contract-apps", spec={"replicas": "two", "template": {}}),
        manifest("v1", "Pod", "bare", "contract-apps", spec={}),
        manifest("v1", "Service", "5", metadata={"name": 5}),
        manifest("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "bare", "contract-apps", spec={}),
        manifest("source.toolkit.fluxcd.io/v1", "GitRepository", "bare", "contract-apps", spec={}),
    ],
)
def test_nonsense_stops_nothing_else(alone: Subject, text: str) -> None:
    alone.settled("nonsense", alone.push({"nonsense/it.yaml": text} | kustomization_file("nonsense")))

    fine = alone.settled("fine", alone.push(app_files("fine")))

    assert condition(fine, "Ready")["status"] == "True"
    alone.push(dict.fromkeys({"nonsense/it.yaml": text} | kustomization_file("nonsense")))
    alone.until("it is gone", lambda: alone.kustomization("nonsense")["metadata"]["generation"] == 0)


@pytest.mark.parametrize("query", [{"labelSelector": "app=shop"}, {"fieldSelector": "metadata.name=shop"}])
def test_a_selector_is_refused_and_not_ignored(alone: Subject, query: dict[str, str]) -> None:
    with pytest.raises(OSError, match="400"):
        alone.open(SERVICES, **query)


def test_it_only_reads(alone: Subject) -> None:
    request = urllib.request.Request(f"{alone.url}{DEPLOYMENTS}", method="DELETE")

    with pytest.raises(urllib.error.HTTPError, match="405"):
        urllib.request.urlopen(request, timeout=5)


def test_it_stays_small() -> None:
    assert sum(len(path.read_text().splitlines()) for path in LOCAL.glob("demo_*.py")) < MAX_LINES

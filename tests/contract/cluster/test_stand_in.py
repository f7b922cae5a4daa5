"""What is promised of the stand-in alone: how it starts, ends, survives nonsense, and stays small."""

import io
import stat
import tokenize
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.kubernetes_api import connect, kubernetes_version
from chalicelib.core.flux import connect_files
from infra.local.demo_cluster import DemoCluster
from infra.local.git_server import GitServer
from tests.contract.cluster.conftest import CONTRACT, start_stand_in
from tests.contract.cluster.subject import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    FLUX_NAMESPACE,
    NAMESPACES,
    PODS,
    REPOSITORY,
    SOURCES,
    Subject,
    app_files,
    condition,
    kustomization_file,
    manifest,
)

MAX_CODE_LINES = 600
LOCAL = Path(__file__).resolve().parents[3] / "infra" / "local"
NOT_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


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


def test_the_agent_signs_in_with_its_kubeconfig_and_sees_what_it_is(tmp_path: Path) -> None:
    with DemoCluster() as demo:
        path = demo.kubeconfig(tmp_path / "kubeconfig")

        assert kubernetes_version(connect(str(path))) == "v1.36.3+demo"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "demo-cluster" in path.read_text()


def test_after_a_restart_the_repository_is_applied_again_and_old_versions_are_too_old(
    tmp_path: Path, git: GitServer, manifests: str, alone: Subject
) -> None:
    revision = alone.push(app_files("kept"))
    alone.settled("kept", revision)
    version = alone.get(PODS)["metadata"]["resourceVersion"]

    with start_stand_in(tmp_path, git, manifests) as again:
        again.settled("kept", revision)
        told = list(again.watch(PODS, seconds=5, resourceVersion=version))

        assert len(again.pods("kept")) == 1
        assert [(kind, item["code"]) for kind, item in told] == [("ERROR", 410)]


def test_stopping_ends_open_watches_cleanly(tmp_path: Path, git: GitServer, manifests: str) -> None:
    with start_stand_in(tmp_path, git, manifests) as subject:
        watch = subject.watch(NAMESPACES, seconds=60)
        first = next(watch)

    assert first[0] == "ADDED"
    assert {kind for kind, _ in watch} == {"ADDED"}


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
        "kind: [ConfigMap]\n",
        "just text\n",
        manifest("v1", "ConfigMap", "no-namespace"),
        manifest("apps/v1", "Deployment", "empty", "contract-apps"),
        manifest("apps/v1", "Deployment", "odd", "contract-apps", spec={"replicas": "two", "template": {}}),
        manifest("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "bare", "contract-apps", spec={}),
        "resources: [../other]\n",
    ],
)
def test_nonsense_fails_its_own_kustomization_and_nothing_else(alone: Subject, text: str) -> None:
    found = alone.settled("nonsense", alone.push({"nonsense/it.yaml": text} | kustomization_file("nonsense")))
    assert condition(found, "Ready")["reason"] in ("BuildFailed", "ReconciliationFailed")

    fine = alone.settled("fine", alone.push(app_files("fine")))

    assert condition(fine, "Ready")["status"] == "True"


def test_an_overlay_is_refused_by_name(alone: Subject) -> None:
    overlay = {"overlay/kustomization.yaml": manifest("kustomize.config.k8s.io/v1beta1", "Kustomization", "it")}

    found = alone.settled("overlay", alone.push(overlay | kustomization_file("overlay")))

    assert condition(found, "Ready")["reason"] == "BuildFailed"
    assert "plain YAML objects only" in condition(found, "Ready")["message"]


@pytest.mark.parametrize("query", [{"labelSelector": "app=shop"}, {"watch": "1", "sendInitialEvents": "true"}])
def test_what_it_cannot_do_is_refused_and_not_ignored(alone: Subject, query: dict[str, str]) -> None:
    assert alone.get(CONFIG_MAPS, **query)["code"] == 400


def test_it_only_reads(alone: Subject) -> None:
    request = urllib.request.Request(f"{alone.url}{DEPLOYMENTS}", method="DELETE")

    with pytest.raises(urllib.error.HTTPError, match="405"):
        urllib.request.urlopen(request, timeout=5)


def test_it_stays_small() -> None:
    assert sum(code_lines(path) for path in LOCAL.glob("demo_*.py")) < MAX_CODE_LINES


def code_lines(path: Path) -> int:
    """Lines of a module that hold code: no blank ones, comments or docstrings."""
    tokens = list(tokenize.generate_tokens(io.StringIO(path.read_text()).readline))
    lines: set[int] = set()
    for before, token in zip([None, *tokens], tokens, strict=False):
        starts = before is None or before.type in NOT_CODE
        is_text = token.type == tokenize.STRING and starts and token.string.startswith('"""')
        if token.type not in NOT_CODE and not is_text:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines)

"""One cluster for the suite, first the stand-in, then the real control plane with Flux where it was built."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chalicelib.core.environments import Environment
from chalicelib.core.flux import connect_files
from infra.local.demo_cluster import DemoCluster
from infra.local.git_server import GitServer
from infra.testbed.cluster import Cluster
from infra.testbed.parts import CONTROL_PLANE, FLUX, missing
from tests.contract.cluster.subject import APPS_NAMESPACE, ENVIRONMENT, FLUX_NAMESPACE, REPOSITORY, Subject, manifest

CONTRACT = Environment(id="1", organization_id="1", name=ENVIRONMENT, position=1, gitops_repository_id="1")
SOURCE = ("source.toolkit.fluxcd.io/v1", "GitRepository", f"gitops-{ENVIRONMENT}", FLUX_NAMESPACE)


@pytest.fixture(scope="session", params=["stand-in", pytest.param("real", marks=pytest.mark.real)])
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    """A cluster that follows a GitOps repository of one environment, whose `flux` folder is applied."""
    if request.param == "real" and (absent := missing((*CONTROL_PLANE, *FLUX))):
        names = " ".join(absent)
        pytest.skip(f"not compared with a real cluster: build it with: python -m infra.testbed.build {names}")
    start = start_stand_in if request.param == "stand-in" else start_real
    folder = tmp_path_factory.mktemp("cluster")
    with GitServer(folder / "git") as git:
        git.create(REPOSITORY)
        manifests = connect_files(CONTRACT, git.url_of(REPOSITORY), "main").values()
        with start(folder, git, "---\n".join(manifests)) as subject:
            first = subject.push({"flux/namespace.yaml": manifest("v1", "Namespace", APPS_NAMESPACE)})
            subject.settled(SOURCE[2], first)
            yield subject


@contextmanager
def start_stand_in(folder: Path, git: GitServer, manifests: str) -> Iterator[Subject]:
    demo = DemoCluster([manifests], health_seconds=3).start()
    kubeconfig = demo.kubeconfig(folder / "demo-kubeconfig")
    try:
        yield Subject(demo.api_url, demo.token, None, kubeconfig, git, demo.poke, patience_seconds=15)
    finally:
        demo.stop()


@contextmanager
def start_real(folder: Path, git: GitServer, manifests: str) -> Iterator[Subject]:
    pokes = iter(range(10**6))

    with Cluster(folder / "cluster") as real:
        real.api.apply_text(manifests)

        def poke() -> None:
            asked = {"reconcile.fluxcd.io/requestedAt": str(next(pokes))}
            real.api.patch(*SOURCE, {"metadata": {"annotations": asked}})

        yield Subject(real.api_url, real.admin_token, real.ca_path, real.kubeconfig, git, poke, patience_seconds=90)

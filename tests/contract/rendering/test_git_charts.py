"""Charts from Git: what an address may say, what comes of it, and what is refused."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.adapters import charts_git
from chalicelib.adapters.charts import HelmCharts
from chalicelib.adapters.git_run import Caps
from chalicelib.adapters.sandbox import Sandbox
from chalicelib.core.errors import Rejected, Unavailable
from chalicelib.core.manifests import ChartRef
from infra.local.git_server import GitServer
from tests.fakes_git import Content, Link
from tests.fakes_rendering import http_pages
from tests.real_git import commit_on_host, git_on_host

BUILT_IN = Path(__file__).parents[3] / "infra" / "charts"
CHART_YAML = b"apiVersion: v2\nname: web\nversion: 1.2.3\n"
CONFIG = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\n"
FILES: dict[str, Content | None] = {
    "charts/web/Chart.yaml": CHART_YAML,
    "charts/web/templates/a.yaml": CONFIG,
    "charts/web/templates/left-out.yaml": b"never: rendered\n",
    "charts/web/.helmignore": b"# words\nleft-out.*\n",
    "README.md": b"outside",
}


class Repository:
    """One repository on loopback, named in CHART_HOSTS."""

    def __init__(self, server: GitServer) -> None:
        self.path = server.create("acme/charts")
        self.url = server.url_of("acme/charts")
        self.charts = HelmCharts(BUILT_IN, {f"127.0.0.1:{server.port}"})

    def commit(self, files: dict[str, Content | None], ref: str = "refs/heads/main") -> str:
        return commit_on_host(self.path, ref, files)


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    with GitServer(tmp_path / "host") as server:
        yield Repository(server)


def test_a_chart_from_git_is_pinned_by_its_commit_and_rendered(repository: Repository) -> None:
    commit = repository.commit(FILES)

    chart = repository.charts.fetch(ChartRef(f"{repository.url}?branch=main&path=/charts/web/"))

    assert (chart.name, chart.version) == ("web", "1.2.3")
    assert chart.repository == f"{repository.url}?sha={commit}&path=charts/web"
    output = Sandbox().render(chart, {}, "shop", "team")
    assert output.files == {"web/templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}\n"}


def test_branch_tag_annotated_tag_and_hash_name_the_same_chart(repository: Repository) -> None:
    commit = repository.commit(FILES)
    git_on_host(repository.path, "tag", "v1", commit)
    git_on_host(repository.path, "-c", "user.name=a", "-c", "user.email=a@b", "tag", "-a", "-m", "x", "v2", commit)

    refs = ("branch=main", "tag=v1", "tag=v2", f"sha={commit}")
    found = [repository.charts.fetch(ChartRef(f"{repository.url}?{ref}&path=charts/web")) for ref in refs]

    assert all(chart == found[0] for chart in found)


def test_the_pin_of_a_chart_fetches_it_again_when_the_branch_has_moved(repository: Repository) -> None:
    repository.commit(FILES)
    chart = repository.charts.fetch(ChartRef(f"{repository.url}?branch=main&path=charts/web"))
    repository.commit({"charts/web/templates/a.yaml": b"changed: true\n"})

    assert repository.charts.fetch(ChartRef(chart.repository)) == chart
    assert repository.charts.fetch(ChartRef(f"{repository.url}?branch=main&path=charts/web")) != chart


def test_a_chart_may_be_the_root_of_its_repository(repository: Repository) -> None:
    repository.commit({"Chart.yaml": CHART_YAML, "templates/a.yaml": CONFIG})

    assert repository.charts.fetch(ChartRef(f"{repository.url}?branch=main")).name == "web"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "needs one of"),
        ("?path=charts/web", "needs one of"),
        ("?branch=main&tag=v1", "only one"),
        ("?branch=", "needs one of"),
        ("?sha=abc", "full hash"),
        ("?branch=--upload-pack=x", "name of a branch"),
        ("?branch=a..b", "name of a branch"),
        ("?branch=nope", "there is no branch 'nope'"),
        ("?tag=main", "there is no tag 'main'"),
        (f"?sha={'0' * 40}", "no commit"),
        ("?branch=main&path=nope", "is not there"),
        ("?branch=main&path=README.md", "no folder"),
        ("?branch=main&path=../x", "no folder in it"),
        ("?branch=main&path=charts", "no Chart.yaml"),
        ("?branch=main#x", "fragment"),
    ],
)
def test_an_address_that_names_no_chart_is_refused_in_words(repository: Repository, query: str, words: str) -> None:
    repository.commit(FILES)

    with pytest.raises(Rejected, match=words):
        repository.charts.fetch(ChartRef(repository.url + query))


@pytest.mark.parametrize(
    "name",
    [
        "git@github.com:acme/charts.git?sha=1",
        "ssh://git@github.com/acme/charts.git?branch=main",
        "file:///etc?branch=main",
        "ext::sh -c true?branch=main",
        "http://github.com/acme/charts.git?branch=main",
        "https://jane:hunter2@github.com/acme/charts.git?branch=main",
        "https://127.0.0.1/acme/charts.git?branch=main",
        "https://169.254.169.254/x.git?branch=main",
        "https://[::1]/x.git?branch=main",
        "https://2130706433/x.git?branch=main",
    ],
)
def test_defence_10_only_https_and_public_addresses_are_cloned(name: str) -> None:
    with pytest.raises(Rejected) as caught:
        HelmCharts(BUILT_IN).fetch(ChartRef(name))

    assert "hunter2" not in caught.value.message


def test_a_version_that_the_chart_is_not_is_refused(repository: Repository) -> None:
    repository.commit(FILES)
    name = f"{repository.url}?branch=main&path=charts/web"

    assert repository.charts.fetch(ChartRef(name, version="^1.2")).version == "1.2.3"
    with pytest.raises(Rejected, match="it is version 1\\.2\\.3"):
        repository.charts.fetch(ChartRef(name, version="^2"))


@pytest.mark.parametrize("place", ["charts/web/templates/passwd.yaml", "charts/web/files", "charts/web", "charts"])
def test_links_in_a_repository_are_not_followed(repository: Repository, place: str) -> None:
    files = {path: content for path, content in FILES.items() if not path.startswith(f"{place}/")}
    repository.commit({**files, place: Link("/etc/passwd")})

    with pytest.raises(Rejected, match="link"):
        repository.charts.fetch(ChartRef(f"{repository.url}?branch=main&path=charts/web"))


def test_defence_10_a_redirect_of_a_git_host_is_not_followed(repository: Repository) -> None:
    repository.commit(FILES)
    refs = "/acme/charts.git/info/refs?service=git-upload-pack"

    with http_pages({refs: f"{repository.url}/info/refs?service=git-upload-pack"}) as outside:
        charts = HelmCharts(BUILT_IN, {outside, repository.url.split("/")[2]})
        with pytest.raises(Rejected, match="redirects, which is not followed"):
            charts.fetch(ChartRef(f"http://{outside}/acme/charts.git?branch=main&path=charts/web"))


def test_defence_10_git_connects_to_the_address_that_was_checked(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit(FILES)
    port = int(repository.url.split(":")[2].split("/")[0])
    lookup = socket.getaddrinfo

    def answer(host: str, *arguments: object, **options: object) -> object:
        return lookup("127.0.0.1" if host == "charts.invalid" else host, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    charts = HelmCharts(BUILT_IN, {f"charts.invalid:{port}"})

    # git itself can't look this name up: it only gets there by the address that it was given
    assert charts.fetch(ChartRef(f"http://charts.invalid:{port}/acme/charts.git?branch=main&path=charts/web"))


def test_a_tree_that_holds_itself_many_times_is_refused_before_it_is_read(repository: Repository) -> None:
    tree = git_on_host(repository.path, "hash-object", "-w", "-t", "blob", "--stdin", stdin=b"x")
    lines = "".join(f"100644 blob {tree}\tf{n}\n" for n in range(10))
    for _ in range(9):
        tree = git_on_host(repository.path, "mktree", stdin=lines.encode())
        lines = "".join(f"040000 tree {tree}\td{n}\n" for n in range(10))
    environment = ("-c", "user.name=a", "-c", "user.email=a@b")
    commit = git_on_host(repository.path, *environment, "commit-tree", "-m", "bomb", tree)
    git_on_host(repository.path, "update-ref", "refs/heads/main", commit)

    with pytest.raises(Rejected, match="more than 2000 files"):
        repository.charts.fetch(ChartRef(f"{repository.url}?branch=main"))


def test_a_repository_that_is_too_large_is_given_up(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.commit({**FILES, "charts/web/big": os.urandom(3 * 1024**2)})
    monkeypatch.setattr(charts_git, "CAPS", Caps(1024**2, 2 * 1024**3, 20))

    with pytest.raises(Rejected, match="more than a chart may hold"):
        repository.charts.fetch(ChartRef(f"{repository.url}?branch=main&path=charts/web"))


def test_files_that_are_larger_than_a_chart_may_be_are_refused(repository: Repository) -> None:
    repository.commit({**FILES, "charts/web/zeros": b"0" * (21 * 1024**2)})

    with pytest.raises(Rejected, match="larger than 20 MB"):
        repository.charts.fetch(ChartRef(f"{repository.url}?branch=main&path=charts/web"))


def test_a_git_host_that_does_not_answer_is_waited_for() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{bound.getsockname()[1]}"

        with pytest.raises(Unavailable):
            HelmCharts(BUILT_IN, {host}).fetch(ChartRef(f"http://{host}/a.git?branch=main"))


def test_nothing_is_left_of_a_clone(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.commit(FILES)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))

    repository.charts.fetch(ChartRef(f"{repository.url}?branch=main&path=charts/web"))

    assert list((tmp_path / "temporary").iterdir()) == []

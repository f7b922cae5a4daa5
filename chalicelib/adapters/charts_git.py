"""Charts from Git: one folder of one commit, by the `git` program, from a host that a stranger named.

The address is checked as for http and git is told to connect to what was checked; redirects are off, nothing is sent
that was not stored for that very host. The clone is a temporary folder: shallow, treeless, capped in what it may take,
gone when the chart is read. No work tree, so that nothing in the repository is ever a path on this machine.
"""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

from chalicelib.adapters.git_memory import TREE, Entry, Tree
from chalicelib.adapters.git_objects import MissingObjects, checked, fetch_objects, list_refs, read_present
from chalicelib.adapters.git_run import BrokenClone, Caps, Git, Limits
from chalicelib.adapters.http import Address, PublicHttp
from chalicelib.core.chart_refs import GitChartRef
from chalicelib.core.charts import MAX_FILES, MAX_UNPACKED_BYTES
from chalicelib.core.errors import Rejected

LIMITS = Limits(remote_timeout_seconds=12)
CAPS = Caps(file_bytes=64 * 1024**2, memory_bytes=2 * 1024**3, processor_seconds=20)
MAX_TREE_BYTES = 4 * 1024**2  # all folders of one level together
MAX_DEPTH = 20  # folders above a chart, and again within it
_CONFIG = """[core]
	repositoryformatversion = 0
	bare = true
	bigFileThreshold = 8m
[remote "origin"]
	url = {url}
"""
_FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--depth=1")
_ROOTS = {"tag": "refs/tags", "branch": "refs/heads"}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class GitCharts:
    """Reads chart folders; `http` checks addresses and knows what each host may be sent."""

    http: PublicHttp

    def commit(self, ref: GitChartRef) -> str:
        """The commit that `ref` stands at now.

        Raises:
            Rejected: the host may not be asked, refuses, or has no such branch or tag.
            Unavailable: it does not answer.
        """
        if ref.kind == "sha":
            return ref.ref
        name = f"{_ROOTS[ref.kind]}/{ref.ref}"
        with _Workplace(self.http, ref.url) as git:
            found = _speaking(git, lambda: list_refs(git, name, name + "^{}"))
        commit = found.get(name + "^{}") or found.get(name)
        if commit is None:
            raise Rejected(f"chart {ref.url}: there is no {ref.kind} {ref.ref!r} in it")
        return commit

    def files(self, ref: GitChartRef, commit: str) -> dict[str, bytes]:
        """All files of the chart's folder at `commit`, by path within it.

        Raises:
            Rejected: it is not there, holds a link or a submodule, or is larger than a chart may be.
            Unavailable: the host does not answer.
        """
        with _Workplace(self.http, ref.url) as git:
            return _speaking(git, lambda: _files(git, ref, commit))


class _Workplace:
    """A temporary clone of one address, for the length of a `with`."""

    def __init__(self, http: PublicHttp, url: str) -> None:
        address = http.checked(url)
        authorization = http.authorization(url)
        self._header = f"Authorization: {authorization}" if authorization else None
        self._url = f"{address.origin}{address.target}"
        self._settings = _settings(address)
        self._folder = tempfile.TemporaryDirectory(prefix="chart-")

    def __enter__(self) -> Git:
        folder = Path(self._folder.name) / "clone.git"
        folder.mkdir()
        git = Git(folder, self._url, self._header, None, LIMITS, config=self._settings, caps=CAPS)
        git.local("init", "--quiet", "--bare", "--template=", "--initial-branch=none")
        (folder / "config").write_text(_CONFIG.format(url=self._url))
        return git

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def _settings(address: Address) -> dict[str, str]:
    """Connect to the address that was checked (libcurl's CURLOPT_RESOLVE), by this protocol only, without a proxy."""
    ip = f"[{address.ip}]" if ":" in address.ip else address.ip
    return {
        "http.curloptResolve": f"{address.host}:{address.port}:{ip}",
        "http.proxy": "",
        "protocol.http.allow": "always" if address.scheme == "http" else "never",
    }


def _speaking(git: Git, work: Callable[[], T]) -> T:
    """What `work` answers; a clone that git can't use is the fault of what was fetched."""
    try:
        return work()
    except MissingObjects as error:
        raise Rejected(f"chart {git.url}: {error} in it, or more than a chart may hold") from error
    except BrokenClone as error:
        raise Rejected(f"chart {git.url}: what was fetched can't be read, or is more than a chart may hold") from error


def _files(git: Git, ref: GitChartRef, commit: str) -> dict[str, bytes]:
    done = git.remote(*_FETCH, "--filter=blob:none", "origin", checked(commit))
    if done.code != 0:
        raise git.failure(done) or MissingObjects(git, f"commit {commit}")
    folder = _folder(git, ref, commit)
    entries = _below(git, ref, folder)
    shas = list(dict.fromkeys(entry.sha for entry in entries.values()))
    if len(_sizes(git, shas)) < len(shas):
        fetch_objects(git, [folder.sha], object_filter=f"blob:limit={MAX_UNPACKED_BYTES}")
    sizes = _sizes(git, shas)
    if len(sizes) < len(shas) or sum(sizes[entry.sha] for entry in entries.values()) > MAX_UNPACKED_BYTES:
        _refuse(ref, f"its files are larger than {MAX_UNPACKED_BYTES // 1024**2} MB together")
    found = read_present(git, shas)
    return {path: found[entry.sha] for path, entry in entries.items()}


def _folder(git: Git, ref: GitChartRef, commit: str) -> Entry:
    if not _sizes(git, [commit]):
        raise MissingObjects(git, f"commit {commit}")
    words = read_present(git, [commit])[commit].partition(b"\n")[0].split()
    if words[:1] != [b"tree"]:
        _refuse(ref, f"{commit[:10]} is no commit")
    entry = Entry(TREE, words[1].decode())
    parts = ref.path.split("/") if ref.path else []
    if len(parts) > MAX_DEPTH:
        _refuse(ref, f"path={ref.path!r} is deeper than {MAX_DEPTH} folders")
    for part in parts:
        inner = _trees(git, ref, [entry.sha])[entry.sha].get(part)
        if inner is None or not inner.is_tree:
            what = "is not there" if inner is None else "is no folder, and links are not followed"
            _refuse(ref, f"path={ref.path!r} {what} at {commit[:10]}")
        entry = inner
    return entry


def _below(git: Git, ref: GitChartRef, folder: Entry) -> dict[str, Entry]:
    """All files below the folder, counted on the way: a tree may hold itself many times over."""
    found: dict[str, Entry] = {}
    level = {"": folder}
    while level:
        content = _trees(git, ref, [entry.sha for entry in level.values()])
        if len(found) + sum(len(content[entry.sha]) for entry in level.values()) > MAX_FILES:
            _refuse(ref, f"it holds more than {MAX_FILES} files and folders")
        entries = {
            f"{path}/{name}" if path else name: entry
            for path, above in level.items()
            for name, entry in content[above.sha].items()
        }
        if odd := [path for path, entry in entries.items() if not entry.is_tree and not entry.is_file]:
            _refuse(ref, f"{odd[0]!r} is a symbolic link or a submodule, which is not followed")
        found |= {path: entry for path, entry in entries.items() if entry.is_file}
        level = {path: entry for path, entry in entries.items() if entry.is_tree}
        if any(path.count("/") > MAX_DEPTH for path in level):
            _refuse(ref, f"its folders are nested deeper than {MAX_DEPTH}")
    return found


def _trees(git: Git, ref: GitChartRef, shas: Iterable[str]) -> dict[str, Tree]:
    wanted = list(dict.fromkeys(shas))
    sizes = _sizes(git, wanted)
    if len(sizes) < len(wanted):
        fetch_objects(git, [sha for sha in wanted if sha not in sizes])
        sizes = _sizes(git, wanted)
    if sum(sizes.values()) > MAX_TREE_BYTES:
        _refuse(ref, "a folder in it is larger than a chart may have")
    found = read_present(git, wanted)
    if len(found) < len(wanted):
        raise MissingObjects(git, "folder of that name")
    return {sha: Tree(content) for sha, content in found.items()}


def _sizes(git: Git, shas: Iterable[str]) -> dict[str, int]:
    """The sizes of those of the objects that are in the clone, before any is read."""
    stdin = "".join(f"{checked(sha)}\n" for sha in shas).encode()
    lines = [line.split() for line in git.local("cat-file", "--batch-check", "--buffer", stdin=stdin).splitlines()]
    return {sha.decode(): int(rest[1]) for sha, *rest in lines if len(rest) == 2}


def _refuse(ref: GitChartRef, reason: str) -> NoReturn:
    raise Rejected(f"chart {ref.url}: {reason}")

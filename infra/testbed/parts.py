"""Which programs the test bed is made of, and where their builds are kept.

A build lives outside the checkout in a folder named by everything that went into it, so a change of a version or of
our own Go sources asks for a new build, and an old checkout still finds its own. Building is `build`'s job: this
module only looks, and never runs anything.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent / "go"
GO_TAGS = "providerless"  # leaves the cloud providers out
KUBERNETES_VERSION = "v1.36.3"
STAMP = "stamp.json"  # written last: a folder without it is not a build


@dataclass(frozen=True, slots=True)
class Asset:
    """Files of a Go module that the cluster needs at run time: `glob` of `module`, kept under `folder`."""

    module: str
    glob: str
    folder: str


@dataclass(frozen=True, slots=True)
class Part:
    """One program, the main package it is compiled from, and what is copied out of its module.

    `own_module` is a version: the part cannot share our go.mod, so one is derived from the module's own. `module` is
    that module where the package is deeper in it; `siblings` are modules beside it of the same version.
    """

    name: str
    package: str
    about: str
    sources: tuple[str, ...] = ()
    assets: tuple[Asset, ...] = ()
    own_module: str | None = None
    module: str = ""
    siblings: tuple[str, ...] = ()


_KWOK = "sigs.k8s.io/kwok"
_FLUX = "github.com/fluxcd"

PARTS: tuple[Part, ...] = (
    Part(
        name="testcluster",
        package="./cmd/testcluster",
        about="etcd, kube-apiserver, kube-controller-manager, kube-scheduler",
        sources=("cmd",),
    ),
    Part(
        name="kwok",
        package=f"{_KWOK}/cmd/kwok",
        about="the fake node and its pods",
        assets=(
            *(
                Asset(_KWOK, f"kustomize/crd/bases/kwok.x-k8s.io_{kind}.yaml", "crds")
                for kind in ("stages", "logs", "clusterlogs")
            ),
            Asset(_KWOK, "kustomize/stage/node/fast/node-initialize.yaml", "stages"),
            Asset(_KWOK, "kustomize/stage/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml", "stages"),
            Asset(_KWOK, "kustomize/stage/pod/fast/pod-*.yaml", "stages"),
        ),
    ),
    Part(
        name="source-controller",
        package=f"{_FLUX}/source-controller",
        about="Flux: fetches Git repositories",
        sources=("pkgartifact",),
        assets=(Asset(f"{_FLUX}/source-controller", "config/crd/bases/*.yaml", "crds"),),
    ),
    Part(
        name="kustomize-controller",
        package=f"{_FLUX}/kustomize-controller",
        about="Flux: applies what was fetched",
        sources=("pkgartifact",),
        assets=(Asset(f"{_FLUX}/kustomize-controller", "config/crd/bases/*.yaml", "crds"),),
    ),
    Part(
        name="notification-controller",
        package=f"{_FLUX}/notification-controller",
        about="Flux: posts events to providers",
        assets=(Asset(f"{_FLUX}/notification-controller", "config/crd/bases/*.yaml", "crds"),),
        own_module="v1.6.0",
        siblings=(f"{_FLUX}/notification-controller/api",),
    ),
    Part(
        name="cue",
        package="cuelang.org/go/cmd/cue",
        about="the official CUE command, which evaluates .cue manifests",
        own_module="v0.17.1",
        module="cuelang.org/go",
    ),
)
BY_NAME = {part.name: part for part in PARTS}
CONTROL_PLANE = ("testcluster", "kwok")
FLUX = ("source-controller", "kustomize-controller")
NOTIFICATIONS = ("notification-controller",)


def cache_root() -> Path:
    """Where builds are kept: `GIMLET_TESTBED`, else `~/.cache/gimlet-testbed`."""
    override = os.environ.get("GIMLET_TESTBED")
    return Path(override) if override else Path.home() / ".cache" / "gimlet-testbed"


def link_flags(part: Part) -> str:
    """The linker's flags: no symbols, and for the control plane the version that it reports."""
    flags = "-s -w"
    if part.name == "testcluster":
        major, minor, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
        values = {"gitVersion": KUBERNETES_VERSION, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
        flags += "".join(f" -X k8s.io/component-base/version.{name}={value}" for name, value in values.items())
    return flags


def build_key(part: Part) -> str:
    """Twelve hex digits that change with anything that goes into the build of `part`."""
    digest = hashlib.sha256(repr((part, GO_TAGS, link_flags(part))).encode())
    for path in _source_files(part):
        digest.update(path.relative_to(SOURCES).as_posix().encode() + b"\0")
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def folder(part: Part) -> Path:
    """The folder of the build of `part`, whether or not it was built."""
    return cache_root() / f"{part.name}-{build_key(part)}"


def binary(name: str) -> Path:
    """The program of the part called `name`."""
    return folder(BY_NAME[name]) / name


def is_built(part: Part) -> bool:
    """Whether a finished build of `part` is in the cache."""
    return (folder(part) / STAMP).is_file()


def missing(names: Iterable[str]) -> list[str]:
    """Those of `names` that were not built, in the order given."""
    return [name for name in names if not is_built(BY_NAME[name])]


def _source_files(part: Part) -> list[Path]:
    if part.own_module:
        return []
    roots = [SOURCES / name for name in part.sources]
    found = [path for root in roots for path in root.rglob("*") if path.is_file()]
    return sorted([SOURCES / "go.mod", SOURCES / "go.sum", *found])

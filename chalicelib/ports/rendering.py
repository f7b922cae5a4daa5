"""What rendering asks of the outside: resolved templates, rendered charts, fetched charts and what is kept of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chalicelib.core.manifests import ChartRef
from chalicelib.core.scalars import Value


@dataclass(frozen=True, slots=True)
class Resolved:
    """What one template came to, or why it came to nothing: `error` is empty when it worked."""

    text: str = ""
    error: str = ""


class Templates(Protocol):
    """Go templates with hermetic functions, for strings that strangers wrote."""

    def resolve(self, strings: Sequence[str], variables: Mapping[str, str]) -> list[Resolved]:
        """Resolve each of `strings` as a template of its own; answers in the same order.

        Raises:
            Rejected: together they took more time, memory or output than they may.
        """
        ...


class Cue(Protocol):
    """The official CUE command, without network, files or environment."""

    def evaluate(self, text: str, file: str) -> list[Value]:
        """What `configs` of a CUE file comes to; its members are manifests when they are as they should be.

        Raises:
            InvalidManifest: in the command's words, with line and column; or it takes more than it may.
            Rejected: there is no `cue` command here.
        """
        ...


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as fetched: its archive, and the pin that a release records."""

    name: str
    version: str
    repository: str
    digest: str
    archive: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChartOutput:
    """What the engine made of a chart: text by template path (`webapp/templates/service.yaml`).

    `crds` names the files under `crds/`, which are not rendered.
    """

    files: dict[str, str]
    crds: tuple[str, ...] = ()


class Engine(Protocol):
    """The official Helm engine, without cluster, network or file access."""

    def render(self, chart: Chart, values: Mapping[str, Value], release: str, namespace: str) -> ChartOutput:
        """Render `chart` as `helm template` does.

        Raises:
            Rejected: the chart refuses (its words, verbatim), or takes more time, memory or output than it may.
        """
        ...


class Charts(Protocol):
    """Where charts come from."""

    def fetch(self, ref: ChartRef) -> Chart:
        """Fetch the chart, a version range resolved once.

        Raises:
            Rejected: it does not exist, is unsafe, or may not be fetched from there.
            Unavailable: its repository does not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class OwnChart:
    """One of our charts: what forms need to ask for its values."""

    name: str
    version: str
    description: str
    values_schema: dict[str, Value] = field(repr=False)
    ui_schema: dict[str, Value] = field(repr=False)


class ChartShelf(Protocol):
    """Our own charts."""

    def charts(self) -> list[OwnChart]:
        """All of them, by name."""
        ...


class ChartCredentials(Protocol):
    """What an organisation stored for hosts that give it charts."""

    def __call__(self, host: str) -> str | None:
        """The value of `Authorization` for `host` (`host:port` where it has one of its own), or none.

        It is sent to that host and to no other. Raises `Rejected` when what is stored can't be sent.
        """
        ...


class ChartCache(Protocol):
    """Archives of one organisation's charts by digest (`sha256:…`). Forgetting is allowed, so nothing here fails.

    Whoever reads hashes again: what comes back is not to be trusted.
    """

    def get(self, digest: str) -> bytes | None:
        """The archive, or none when it is not there or can't be read now."""
        ...

    def put(self, digest: str, archive: bytes) -> None:
        """Keep an archive."""
        ...

    def digest_of(self, pin: str) -> str | None:
        """The digest of what was fetched from a place that never changes, such as a commit."""
        ...

    def keep_pin(self, pin: str, digest: str) -> None:
        """Keep what `digest_of` answers."""
        ...

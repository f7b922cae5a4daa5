"""What rendering asks of the outside: resolved templates, rendered charts, fetched charts."""

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

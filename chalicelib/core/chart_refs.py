"""What a manifest's `chart` points at: our own, a Helm repository, an OCI registry, or a folder of a Git repository.

Only reads the words; whether the place may be reached, and what is there, is for the adapters.
"""

import re
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import SplitResult, parse_qs, quote, urlsplit, urlunsplit

from chalicelib.core.errors import Rejected
from chalicelib.core.manifests import ChartRef

OCI = "oci://"
REF_KINDS = ("sha", "tag", "branch")

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# What git-check-ref-format allows, without what could be an option, a pattern or a second word.
_REF = re.compile(r"(?!.*(\.\.|//|@\{|\.lock(/|$)|/\.|\.$|/$))[A-Za-z0-9_][A-Za-z0-9._/@+#=,-]{0,199}")


@dataclass(frozen=True, slots=True)
class GitChartRef:
    """A chart in the folder `path` ("" is the root) of the repository at `url`, at `ref`, a `kind` of REF_KINDS."""

    url: str
    kind: str
    ref: str
    path: str

    def pinned(self, commit: str) -> str:
        """The same chart's name, at exactly this commit; a manifest may say it as it is."""
        return f"{self.url}?sha={commit}" + (f"&path={quote(self.path)}" if self.path else "")


@dataclass(frozen=True, slots=True)
class OciChartRef:
    """A chart in a registry: `host` with its port, and the repository's whole path in it."""

    host: str
    path: str


def is_git(ref: ChartRef) -> bool:
    """Whether the chart's name is meant as a Git address."""
    return not ref.name.startswith(OCI) and ("://" in ref.name or ref.name.startswith("git@"))


def is_oci(ref: ChartRef) -> bool:
    """Whether the chart is in an OCI registry."""
    return ref.name.startswith(OCI) or ref.repository.startswith(OCI)


def credential_reference(organization_id: str, host: str) -> str:
    """Where the secret for a host that gives charts is stored; names of parameters have no colon or bracket."""
    return f"{organization_id}/charts/{re.sub(r'[^a-z0-9.-]', '_', host.lower())}"


def authorization_in(line: str, host: str) -> str:
    """The value of `Authorization` in a stored header line. Raises `Rejected`, without the secret, when it is none."""
    value = line.partition(":")[2] if line.lower().startswith("authorization:") else line
    value = value.strip()
    if not value or not value.isascii() or not value.isprintable():
        raise Rejected(f"what is stored as the credential for {host} is no value of an Authorization header")
    return value


def check_name(name: str) -> None:
    """Refuse a chart name that is none, or that could be a path."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise Rejected(f"{name!r} is no chart name")


def git_chart(ref: ChartRef) -> GitChartRef:
    """The chart that an https Git address with `?sha=`, `?tag=` or `?branch=` and `path=` names.

    Raises:
        Rejected: it is no such address; the message shows it without what may be secret in it.
    """
    parts = _split(ref.name)
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.netloc else ref.name
    if parts.scheme not in ("https", "http") or ref.name.startswith("git@"):
        _refuse(shown.rpartition("@")[2], "a chart from Git needs an https address")
    if "@" in parts.netloc or parts.fragment:
        _refuse(shown, "an address with a name, a password or a fragment in it is not fetched")
    if ref.repository:
        _refuse(shown, "a chart from Git has no `repository` beside its name")
    query = parse_qs(parts.query, keep_blank_values=True)
    given = [(kind, value) for kind in REF_KINDS for value in query.get(kind, [])]
    if len(given) != 1 or not given[0][1]:
        _refuse(shown, "a chart from Git needs one of ?sha=, ?tag= or ?branch=, and only one")
    kind, name = given[0]
    if not (_SHA if kind == "sha" else _REF).fullmatch(name):
        rule = "the full hash of a commit" if kind == "sha" else f"the name of a {kind}"
        _refuse(shown, f"{kind}={name[:100]!r} is not {rule}")
    url = urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
    return GitChartRef(url, kind, name, _path(query.get("path", [""]), shown))


def oci_chart(ref: ChartRef) -> OciChartRef:
    """The chart that `oci://host/path` and a name, or both in the name, point at.

    Raises:
        Rejected: that is no place in a registry.
    """
    whole = ref.name if ref.name.startswith(OCI) else f"{ref.repository.rstrip('/')}/{ref.name}"
    parts = _split(whole)
    if ref.name.startswith(OCI) and ref.repository:
        _refuse(ref.name, "a chart whose name is an oci:// address has no `repository` beside it")
    if "@" in parts.netloc or parts.query or parts.fragment:
        _refuse(whole.rpartition("@")[2].partition("?")[0], "a registry's address is oci://host/path and no more")
    path = parts.path.strip("/")
    if not parts.netloc or not _OCI_PATH.fullmatch(path) or len(path) > 255:
        _refuse(whole, "it is no place in a registry: use lower case letters, digits and . _ - between slashes")
    return OciChartRef(parts.netloc.lower(), path)


_OCI_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"  # the distribution specification, "Pulling manifests"
_OCI_PATH = re.compile(rf"{_OCI_PART}(?:/{_OCI_PART})*")


def _split(url: str) -> SplitResult:
    if any(character.isspace() or not character.isprintable() or character == "\\" for character in url):
        raise Rejected(f"chart {url.rpartition('@')[2][:100]!r} is no address")
    try:
        return urlsplit(url)
    except ValueError as error:
        raise Rejected(f"chart {url.rpartition('@')[2][:100]!r} is no address") from error


def _path(given: list[str], shown: str) -> str:
    path = given[0].strip("/")
    parts = path.split("/") if path else []
    if len(given) > 1 or any(part in ("", ".", "..", ".git") for part in parts) or len(path) > 500:
        _refuse(shown, f"path={given[0][:100]!r} is no folder in it")
    return path


def _refuse(shown: str, reason: str) -> NoReturn:
    raise Rejected(f"chart {shown[:200]}: {reason}")

"""Charts from OCI registries, by the distribution API (github.com/opencontainers/distribution-spec) over `PublicHttp`.

A registry that wants a token is asked for one without a name, or with what is stored for the very host that gives
tokens. What comes is checked against the digests of the manifest. Reads only; anything but a chart is refused.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import NoReturn, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

import msgspec

from chalicelib.adapters.http import PublicHttp, Response
from chalicelib.core.chart_refs import OciChartRef
from chalicelib.core.charts import MAX_ARCHIVE_BYTES
from chalicelib.core.errors import Rejected, Unavailable

MAX_MANIFEST_BYTES = 1024**2
MAX_TAGS_BYTES = 4 * 1024**2
MAX_TOKEN_BYTES = 64 * 1024
MAX_TAG_PAGES = 20
ACCEPT = "application/vnd.oci.image.manifest.v1+json"
# The second is what Helm 3.0 to 3.6 pushed (helm.sh/docs/topics/registries, "Helm chart manifest").
LAYERS = ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_PARAMETER = re.compile(r'([a-zA-Z_]+)="([^"]*)"')
_NEXT = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')
_Answer = TypeVar("_Answer")


class _Layer(msgspec.Struct, rename="camel"):
    media_type: str = ""
    digest: str = ""
    size: int = 0


class _Manifest(msgspec.Struct):
    layers: list[_Layer] = []


class _Tags(msgspec.Struct):
    tags: list[str] | None = None


class _Token(msgspec.Struct):
    token: str = ""
    access_token: str = ""


@dataclass(frozen=True, slots=True)
class Layer:
    """The layer of a manifest that holds the chart."""

    digest: str
    size_bytes: int


class OciChart:
    """One chart's repository in a registry; keeps the token it was given, so make one for each fetch."""

    def __init__(self, ref: OciChartRef, http: PublicHttp) -> None:
        self._http = http
        self._shown = f"oci://{ref.host}/{ref.path}"
        self._base = f"{_origin(ref.host, http)}/v2/{ref.path}/"
        self._authorization: str | None = None

    def versions(self) -> list[str]:
        """All versions there are; a tag's `_` stands for the `+` that tags can't have."""
        found: list[str] = []
        url = self._base + "tags/list?n=1000"
        pages = 0
        while url:
            pages += 1
            if pages > MAX_TAG_PAGES:
                self._refuse(f"it has more than {MAX_TAG_PAGES} pages of tags: ask for an exact version")
            response = self._ask(url, MAX_TAGS_BYTES, "application/json")
            found += [tag.replace("_", "+") for tag in self._decoded(response.body, _Tags).tags or []]
            following = _NEXT.search(response.headers.get("link", ""))
            url = self._same_origin(urljoin(url, following[1])) if following else ""
        return found

    def layer(self, version: str) -> Layer:
        """Where the chart of this version is.

        Raises:
            Rejected: there is no such version, or it is no chart.
            Unavailable: the registry does not answer.
        """
        tag = version.replace("+", "_")
        if not _TAG.fullmatch(tag):
            self._refuse(f"{version!r} is no version")
        body = self._ask(self._base + f"manifests/{tag}", MAX_MANIFEST_BYTES, ACCEPT).body
        layers = [layer for layer in self._decoded(body, _Manifest).layers if layer.media_type in LAYERS]
        if len(layers) != 1 or not _DIGEST.fullmatch(layers[0].digest):
            self._refuse(f"what is there as {version} is no Helm chart")
        if layers[0].size > MAX_ARCHIVE_BYTES:
            self._refuse(f"its archive is larger than {MAX_ARCHIVE_BYTES // 1024**2} MB")
        return Layer(layers[0].digest, layers[0].size)

    def archive(self, layer: Layer) -> bytes:
        """The layer's bytes, which are what its digest says."""
        archive = self._ask(self._base + f"blobs/{layer.digest}", MAX_ARCHIVE_BYTES, "*/*").body
        if f"sha256:{hashlib.sha256(archive).hexdigest()}" != layer.digest:
            self._refuse("what was fetched is not what the digest in the registry's manifest says")
        return archive

    def _ask(self, url: str, limit_bytes: int, accept: str) -> Response:
        response = self._once(url, limit_bytes, accept)
        if response.status == 401 and self._authorization is None:
            self._authorization = self._authorized(response.headers.get("www-authenticate", ""))
            response = self._once(url, limit_bytes, accept)
        if response.status in (401, 403):
            self._refuse(f"the registry does not let us read it ({response.status})")
        if response.status == 404:
            self._refuse("the registry does not have it")
        return response

    def _once(self, url: str, limit_bytes: int, accept: str) -> Response:
        statuses = frozenset({200, 401, 403, 404})
        return self._http.ask(url, limit_bytes, accept=accept, authorization=self._authorization, statuses=statuses)

    def _authorized(self, challenge: str) -> str:
        """What to send, by what the registry asks for (distribution specification, token authentication)."""
        kind, _, rest = challenge.partition(" ")
        if kind.lower() == "basic":
            stored = self._http.authorization(self._base)
            return stored or self._refuse("the registry asks for a credential, and none is stored for it")
        parameters = dict(_PARAMETER.findall(rest))
        if kind.lower() != "bearer" or not parameters.get("realm"):
            self._refuse("the registry asks for a credential in a way that is not known here")
        query = urlencode({key: parameters[key] for key in ("service", "scope") if key in parameters})
        realm = parameters["realm"]
        url = realm + ("&" if "?" in realm else "?") + query
        answer = self._http.ask(url, MAX_TOKEN_BYTES, authorization=self._http.authorization(url))
        token = self._decoded(answer.body, _Token)
        if not (token.token or token.access_token):
            self._refuse("the registry gives no token")
        return f"Bearer {token.token or token.access_token}"

    def _same_origin(self, url: str) -> str:
        if urlsplit(url)[:2] != urlsplit(self._base)[:2]:
            self._refuse("the registry's next page is on another host")
        return url

    def _decoded(self, body: bytes, answer: type[_Answer]) -> _Answer:
        try:
            return msgspec.json.decode(body, type=answer)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise Rejected(f"chart {self._shown}: the registry's answer can't be read") from error

    def _refuse(self, reason: str) -> NoReturn:
        raise Rejected(f"chart {self._shown}: {reason}")


def _origin(host: str, http: PublicHttp) -> str:
    """Scheme and host. Only a host of `CHART_HOSTS` with a port of its own may speak plain http, so it is asked."""
    parts = urlsplit(f"https://{host}")
    try:
        name, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Rejected(f"{host!r} is no host") from error
    if port is None or not http.is_private(name, port):
        return f"https://{host}"
    try:
        http.ask(f"http://{host}/v2/", MAX_TOKEN_BYTES, statuses=frozenset({200, 401}))
    except (Rejected, Unavailable):
        return f"https://{host}"
    return f"http://{host}"

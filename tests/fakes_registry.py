"""An OCI registry on loopback that gives charts, with the token dance of the distribution specification."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
TOKEN = "token-of-the-registry"


@dataclass
class Registry:
    """What it has and how it behaves; `seen` are the requests it got: path and `Authorization`."""

    host: str = ""
    charts: dict[str, dict[str, bytes]] = field(default_factory=dict)
    auth: str = ""  # "", "bearer", "basic"
    realm: str = ""  # another host's token endpoint; its own when empty
    password: str = ""  # what tokens or requests need
    page: int = 1000
    layer_type: str = CHART_LAYER
    blobs: dict[str, bytes] = field(default_factory=dict)  # instead of what the digest says
    blobs_at: str = ""  # blobs are behind a redirect to here
    seen: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, path: str, authorization: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        self.seen.append((path, authorization))
        parts = urlsplit(path)
        if parts.path == "/token":
            return self._token(authorization)
        if not self._allows(authorization):
            return 401, {"WWW-Authenticate": self._challenge(parts.path)}, b""
        words = parts.path.removeprefix("/v2/").rsplit("/", 2)
        if len(words) != 3:
            return (200, {}, b"{}") if parts.path == "/v2/" else (404, {}, b"")
        name, kind, last = words
        tags = self.charts.get(name, {})
        if kind == "tags" and tags:
            return self._tags(name, sorted(tags), parse_qs(parts.query).get("last", [""])[0])
        if kind == "manifests" and last in tags:
            return 200, {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}, self._manifest(tags[last])
        if kind == "blobs" and self.blobs_at:
            return 307, {"Location": f"{self.blobs_at}/{last}"}, b""
        found = {digest(archive): archive for archive in tags.values()} | self.blobs
        return (200, {}, found[last]) if kind == "blobs" and last in found else (404, {}, b"")

    def _token(self, authorization: str) -> tuple[int, dict[str, str], bytes]:
        if self.password and authorization != basic(self.password):
            return 401, {}, b""
        return 200, {}, json.dumps({"token": TOKEN}).encode()

    def _allows(self, authorization: str) -> bool:
        wanted = {"": authorization, "bearer": f"Bearer {TOKEN}", "basic": basic(self.password)}
        return authorization == wanted[self.auth]

    def _challenge(self, path: str) -> str:
        if self.auth == "basic":
            return 'Basic realm="charts"'
        realm = self.realm or f"http://{self.host}/token"
        return f'Bearer realm="{realm}",service="charts",scope="repository:{path.split("/")[2]}:pull"'

    def _tags(self, name: str, tags: list[str], last: str) -> tuple[int, dict[str, str], bytes]:
        rest = [tag for tag in tags if tag > last]
        page = rest[: self.page]
        more = {"Link": f'</v2/{name}/tags/list?n={self.page}&last={page[-1]}>; rel="next"'}
        body = json.dumps({"name": name, "tags": page}).encode()
        return 200, more if len(rest) > len(page) else {}, body

    def _manifest(self, archive: bytes) -> bytes:
        layer = {"mediaType": self.layer_type, "digest": digest(archive), "size": len(archive)}
        return json.dumps({"schemaVersion": 2, "config": {}, "layers": [layer]}).encode()


def digest(archive: bytes) -> str:
    """As registries write it."""
    return f"sha256:{hashlib.sha256(archive).hexdigest()}"


def basic(password: str) -> str:
    """The header's value for `gimlet` with this password."""
    return "Basic " + base64.b64encode(f"gimlet:{password}".encode()).decode()


@contextmanager
def registry(**options: object) -> Iterator[Registry]:
    """Serve a registry on loopback; its `host` is `host:port`."""
    served = Registry(**options)  # type: ignore[arg-type]  # passed on

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = served.answer(self.path, self.headers.get("Authorization", ""))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.host = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

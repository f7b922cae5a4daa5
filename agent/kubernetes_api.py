"""The Kubernetes API as bytes: GET only. The `kubernetes` client finds the cluster and signs in, and does no more.

Its models are never used: a list of 5,000 pods as model objects costs hundreds of megabytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit
from urllib.request import proxy_bypass

import msgspec
import urllib3

from agent.settings import Misconfigured, is_loopback

CONNECT_SECONDS = 10
READ_SECONDS = 60
MAX_LINE_BYTES = 8 * 1024 * 1024  # one object is at most 1.5 MiB in etcd
PIECE_BYTES = 64 * 1024
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
METADATA_ONLY_WATCH = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"


class ClusterError(Exception):
    """The API did not give what was asked."""


class NotServed(ClusterError):
    """The kind does not exist here (404): no such CRD."""


class Forbidden(ClusterError):
    """Our role does not allow it (403)."""


class Gone(ClusterError):
    """The version or page is no longer known (410): list again."""


class Unreachable(ClusterError):
    """No answer, a broken one, 401 (a token about to rotate), 429 or 5xx: try again later."""


class Cluster(Protocol):
    """What the watchers need of a cluster."""

    def get(self, path: str, query: Mapping[str, str], *, accept: str = ...) -> bytes:
        """Body of a GET; raises `ClusterError`."""

    @contextmanager
    def lines(
        self, path: str, query: Mapping[str, str], *, accept: str, silence_seconds: float
    ) -> Iterator[Iterator[bytes]]:
        """Lines of a streamed GET until it ends; a silence longer than `silence_seconds` raises `Unreachable`."""


class KubernetesApi:
    """A `Cluster` over urllib3. Safe to use from many threads."""

    def __init__(self, configuration: Any) -> None:
        self._configuration = configuration
        self._pool = _pool(configuration)

    def get(self, path: str, query: Mapping[str, str], *, accept: str = "application/json") -> bytes:
        """See `Cluster`."""
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        with self._open(path, query, accept, timeout) as answer:
            try:
                data: bytes = answer.read()
            except urllib3.exceptions.HTTPError as error:
                raise Unreachable(f"{path}: {type(error).__name__}") from error
            return data

    @contextmanager
    def lines(
        self, path: str, query: Mapping[str, str], *, accept: str, silence_seconds: float
    ) -> Iterator[Iterator[bytes]]:
        """See `Cluster`."""
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=silence_seconds)
        with self._open(path, query, accept, timeout) as answer:
            yield _lines(path, answer)

    @contextmanager
    def _open(
        self, path: str, query: Mapping[str, str], accept: str, timeout: urllib3.Timeout
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        url = f"{self._configuration.host.rstrip('/')}{path}?{urlencode(query)}"
        headers = {"Accept": accept, "User-Agent": "gimlet-agent", **self._credentials()}
        try:
            answer = self._pool.request(
                "GET", url, headers=headers, timeout=timeout, preload_content=False, retries=False, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise Unreachable(f"{path}: {type(error).__name__}") from error
        try:
            _raise_for(path, answer)
            yield answer
        finally:
            answer.close()  # never back to the pool half read

    def _credentials(self) -> dict[str, str]:
        """Headers that sign in; the client refreshes rotated tokens when asked."""
        settings = self._configuration.auth_settings().values()
        return {each["key"]: each["value"] for each in settings if each["in"] == "header" and each["value"]}


def connect(kubeconfig: str) -> KubernetesApi:
    """The cluster of a kubeconfig file, or the one this pod runs in when there is none; raises `Misconfigured`."""
    from kubernetes import client, config

    configuration = client.Configuration()
    try:
        if kubeconfig:
            config.load_kube_config(kubeconfig, client_configuration=configuration, persist_config=False)  # type: ignore[no-untyped-call]  # untyped there
        else:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]  # untyped there
    except (config.ConfigException, OSError) as error:
        raise Misconfigured(f"no cluster: {error}") from error
    return KubernetesApi(configuration)


def _pool(configuration: Any) -> urllib3.PoolManager:
    options: dict[str, Any] = {
        "maxsize": 32,
        "cert_reqs": "CERT_REQUIRED" if configuration.verify_ssl else "CERT_NONE",
        "ca_certs": configuration.ssl_ca_cert,
        "ca_cert_data": getattr(configuration, "ca_cert_data", None),
        "cert_file": configuration.cert_file,
        "key_file": configuration.key_file,
    }
    if configuration.tls_server_name:
        options["server_hostname"] = configuration.tls_server_name
    options = {name: value for name, value in options.items() if value is not None}
    if configuration.proxy and not _is_direct(configuration.host):
        return urllib3.ProxyManager(configuration.proxy, **options)
    return urllib3.PoolManager(**options)


def _is_direct(url: str) -> bool:
    """True for hosts that the environment (`no_proxy`) or plain sense keeps from a proxy."""
    host = urlsplit(url).hostname or ""
    return is_loopback(host) or bool(proxy_bypass(host))


def _raise_for(path: str, answer: urllib3.BaseHTTPResponse) -> None:
    if answer.status == 200:
        return
    kinds: dict[int, type[ClusterError]] = {403: Forbidden, 404: NotServed, 410: Gone}
    raise kinds.get(answer.status, Unreachable)(f"{path}: HTTP {answer.status}")


def _lines(path: str, answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """Complete lines as they come; a cut last line is not a line."""
    rest = b""
    try:
        while piece := answer.read1(PIECE_BYTES):
            *whole, rest = (rest + piece).split(b"\n")
            yield from (line for line in whole if line.strip())
            if len(rest) > MAX_LINE_BYTES:
                raise Unreachable(f"{path}: a line over {MAX_LINE_BYTES} bytes")
    except urllib3.exceptions.HTTPError as error:
        raise Unreachable(f"{path}: {type(error).__name__}") from error


class Version(msgspec.Struct, rename="camel"):
    """Answer of `/version`."""

    git_version: str = ""


def kubernetes_version(cluster: Cluster) -> str:
    """The API server's version; empty when it does not say."""
    try:
        return msgspec.json.decode(cluster.get("/version", {}), type=Version).git_version
    except (ClusterError, msgspec.MsgspecError):
        return ""

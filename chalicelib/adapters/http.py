"""Fetching a URL that a stranger chose: over https, from public addresses only, within a size and a time.

A name is looked up once, every address it has is checked, and the connection goes to the address that was checked,
so that no second DNS answer can lead it elsewhere. Each redirect passes the same gate. A credential goes to the very
host it is stored for, and stays behind when a redirect leads elsewhere. Hosts named in `CHART_HOSTS` may be private and
may speak plain http.
"""

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urljoin, urlsplit

from chalicelib.core.errors import Rejected, Unavailable

TIMEOUT_SECONDS = 5.0
TOTAL_SECONDS = 20.0
MAX_REDIRECTS = 5
_PORTS = {"https": 443, "http": 80}
_REDIRECTS = (301, 302, 303, 307, 308)
_OK = frozenset({200})
Credentials = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect: the address that was checked, and whether what is there may be trusted with plain http."""

    scheme: str
    host: str
    port: int
    ip: str
    target: str

    @property
    def host_and_port(self) -> str:
        """The host as people write it: with its port where that is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port: what a credential belongs to."""
        return f"{self.scheme}://{self.host_and_port}"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class PublicHttp:
    """GET, and nothing else. `credentials` gives the value of `Authorization` for a host (`host` or `host:port`)."""

    def __init__(
        self,
        private_hosts: Set[str] = frozenset(),
        *,
        credentials: Credentials = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._credentials = credentials
        self._private_hosts = frozenset(host.strip().lower() for host in private_hosts if host.strip())
        self._clock = clock
        self._tls = ssl.create_default_context()

    def get(self, url: str, limit_bytes: int) -> bytes:
        """The body at `url`, at most `limit_bytes`.

        Raises:
            Rejected: the URL, an address or a redirect is not allowed; it is not there; it is larger.
            Unavailable: nobody answers, or with 429 or 5xx.
        """
        return self.ask(url, limit_bytes, authorization=self.authorization(url)).body

    def ask(
        self,
        url: str,
        limit_bytes: int,
        *,
        accept: str = "*/*",
        authorization: str | None = None,
        statuses: Set[int] = _OK,
    ) -> Response:
        """The answer at `url` when its status is one of `statuses`; `authorization` stays with the first origin.

        Raises as `get` does.
        """
        deadline = self._clock() + TOTAL_SECONDS
        headers = {"User-Agent": "gimlet", "Accept-Encoding": "identity", "Accept": accept}
        origin = ""
        for _ in range(MAX_REDIRECTS + 1):
            address = self.checked(url)
            origin = origin or address.origin
            own = {"Authorization": authorization} if authorization and address.origin == origin else {}
            response = self._once(address, {**headers, **own}, limit_bytes, statuses, deadline)
            if response.status not in _REDIRECTS:
                return response
            url = urljoin(url, response.headers.get("location", ""))
        raise Rejected(f"{_shown(url)} redirects more than {MAX_REDIRECTS} times")

    def authorization(self, url: str) -> str | None:
        """What the host of `url` may be sent as `Authorization`."""
        parts = urlsplit(url)
        host, port = _host_and_port(parts, url)
        return self._credentials(Address(parts.scheme, host, port, "", "").host_and_port)

    def is_private(self, host: str, port: int) -> bool:
        """Whether `CHART_HOSTS` names the host, with this port or with any."""
        return f"{host}:{port}" in self._private_hosts or host in self._private_hosts

    def checked(self, url: str) -> Address:
        """The address behind `url`, when it may be connected to. Raises `Rejected` and `Unavailable` as `get` does."""
        parts = urlsplit(url)
        host, port = _host_and_port(parts, url)
        private = self.is_private(host, port)
        if parts.scheme != "https" and not (parts.scheme == "http" and private):
            raise Rejected(f"{_shown(url)}: only https is fetched")
        if parts.username or parts.password:
            raise Rejected(f"{_shown(url)}: a URL with a name or password in it is not fetched")
        addresses = _looked_up(host, port)
        if not private and not all(_is_public(address) for address in addresses):
            raise Rejected(f"{host} has an address that is not public; only hosts named in CHART_HOSTS may")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Address(parts.scheme, host, port, addresses[0], target)

    def _once(
        self, address: Address, headers: Mapping[str, str], limit_bytes: int, statuses: Set[int], deadline: float
    ) -> Response:
        connection = _Pinned(address, self._tls)
        try:
            connection.request("GET", address.target, headers=dict(headers))
            response = connection.getresponse()
            heard = {name.lower(): value for name, value in response.getheaders()}
            if response.status in _REDIRECTS:
                return Response(response.status, heard, b"")
            _check_status(response.status, address, statuses)
            return Response(response.status, heard, self._body(response, address, limit_bytes, deadline))
        except ssl.SSLCertVerificationError as error:
            raise Rejected(f"{address.host} shows no certificate that can be trusted") from error
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"{address.host} does not answer: {type(error).__name__}") from error
        finally:
            connection.close()

    def _body(self, response: http.client.HTTPResponse, address: Address, limit_bytes: int, deadline: float) -> bytes:
        body = bytearray()
        while piece := response.read(65536):
            body += piece
            if len(body) > limit_bytes:
                raise Rejected(f"{address.host}{address.target} is larger than {limit_bytes // 1024**2} MB")
            if self._clock() > deadline:
                raise Unavailable(f"{address.host} took longer than {TOTAL_SECONDS:g} s")
        return bytes(body)


class _Pinned(http.client.HTTPConnection):
    """A connection to the checked address, speaking for the host it belongs to."""

    def __init__(self, address: Address, tls: ssl.SSLContext) -> None:
        super().__init__(address.host, address.port, timeout=TIMEOUT_SECONDS)
        self._address = address
        self._tls = tls

    def connect(self) -> None:
        """Connect to the address, never to the name."""
        self.sock = socket.create_connection((self._address.ip, self._address.port), TIMEOUT_SECONDS)
        if self._address.scheme == "https":
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._address.host)


def _host_and_port(parts: SplitResult, url: str) -> tuple[str, int]:
    try:
        host, port = (parts.hostname or "").lower().rstrip("."), parts.port
    except ValueError as error:
        raise Rejected(f"{_shown(url)} is no URL") from error
    if not host or parts.scheme not in _PORTS:
        raise Rejected(f"{_shown(url)}: only https is fetched")
    return host, port or _PORTS[parts.scheme]


def _looked_up(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise Unavailable(f"{host} has no address now") from error
    except UnicodeError as error:
        raise Rejected(f"{host!r} is no host name") from error
    return [str(entry[4][0]) for entry in found]


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None or address in _NAT64:
            return inner is not None and _is_public(str(inner))
    return address.is_global and not address.is_multicast and not address.is_reserved


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _check_status(status: int, address: Address, statuses: Set[int]) -> None:
    if status == 429 or status >= 500:
        raise Unavailable(f"{address.host} answers {status}")
    if status not in statuses:
        raise Rejected(f"{address.host}{address.target.partition('?')[0]} answers {status}")


def _shown(url: str) -> str:
    """The URL without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:200]

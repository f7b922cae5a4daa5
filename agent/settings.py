"""What the agent is told from outside, checked once. Only `__main__` hands in the environment.

Refuses an unencrypted address of another machine: the key would travel in the open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


class Misconfigured(ValueError):
    """The environment of the process can't be used; the message names everything that is wrong."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`url` is the WebSocket's. The key is read anew for each connection, so that a mounted secret may rotate."""

    url: str
    key: str = field(default="", repr=False)
    key_file: str = ""
    kubeconfig: str = ""
    health_host: str = "127.0.0.1"
    health_port: int | None = None

    def read_key(self) -> str:
        """The agent's key, without the line end of its file."""
        return self.key or Path(self.key_file).read_text().strip()


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Settings from the process environment; raises `Misconfigured` with all that is wrong at once."""
    wrong = [problem for problem in (_key_problem(environ), _port_problem(environ)) if problem]
    try:
        url = socket_url(environ.get("GIMLET_URL", ""), allow_insecure=environ.get("GIMLET_ALLOW_INSECURE") == "1")
    except Misconfigured as error:
        wrong.insert(0, str(error))
    if wrong:
        raise Misconfigured("; ".join(wrong))
    return Settings(
        url=url,
        key=environ.get("GIMLET_AGENT_KEY", ""),
        key_file=environ.get("GIMLET_AGENT_KEY_FILE", ""),
        kubeconfig=environ.get("KUBECONFIG", ""),
        health_host=environ.get("HEALTH_HOST", "127.0.0.1"),
        health_port=int(environ["HEALTH_PORT"]) if environ.get("HEALTH_PORT") else None,
    )


def socket_url(url: str, *, allow_insecure: bool) -> str:
    """`https://host` → `wss://host/ws`. Plain `http` only to this machine, or when it is allowed on purpose."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise Misconfigured("GIMLET_URL must be the http(s) address of Gimlet")
    scheme = SCHEMES[parts.scheme]
    if scheme == "ws" and not allow_insecure and not is_loopback(parts.hostname):
        raise Misconfigured(f"GIMLET_URL is not https, and {parts.hostname} is another machine")
    path = parts.path.rstrip("/")
    return f"{scheme}://{parts.netloc}{path if path.endswith('/ws') else path + '/ws'}"


def is_loopback(host: str) -> bool:
    """True for names and addresses of this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _key_problem(environ: Mapping[str, str]) -> str:
    if environ.get("GIMLET_AGENT_KEY") or environ.get("GIMLET_AGENT_KEY_FILE"):
        return ""
    return "GIMLET_AGENT_KEY or GIMLET_AGENT_KEY_FILE is missing"


def _port_problem(environ: Mapping[str, str]) -> str:
    port = environ.get("HEALTH_PORT", "")
    return "" if not port or (port.isdigit() and int(port) < 65536) else f"HEALTH_PORT is not a port: {port[:20]!r}"

"""`/healthz`, `/readyz` and `/metrics`, for kubelet and Prometheus.

GET only, one answer a connection, nothing secret.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

HEAD_SECONDS = 5.0
MAX_HEAD_BYTES = 8 * 1024

Answer = tuple[int, str]


async def serve_health(host: str, port: int, pages: Mapping[str, Callable[[], Answer]]) -> asyncio.Server:
    """Start serving; each page is asked when it is requested."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n"), HEAD_SECONDS)
            writer.write(response(head, pages))
            await asyncio.wait_for(writer.drain(), HEAD_SECONDS)
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # whoever asked has gone
        finally:
            writer.close()

    return await asyncio.start_server(answer, host, port, limit=MAX_HEAD_BYTES)


def response(head: bytes, pages: Mapping[str, Callable[[], Answer]]) -> bytes:
    """The whole HTTP/1.1 answer to a request line."""
    method, _, rest = head.decode("latin-1").partition(" ")
    path = rest.split(" ")[0].split("?")[0]
    status, body = pages[path]() if method == "GET" and path in pages else (404, "not found\n")
    reason = {200: "OK", 404: "Not Found", 503: "Service Unavailable"}[status]
    data = body.encode()
    lines = [
        f"HTTP/1.1 {status} {reason}",
        "Content-Type: text/plain; version=0.0.4; charset=utf-8",
        f"Content-Length: {len(data)}",
        "Connection: close",
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + data


def metrics_text(values: Mapping[str, float]) -> str:
    """Prometheus text of numbers; names ending in `_total` are counters."""
    lines = []
    for name, value in sorted(values.items()):
        lines += [f"# TYPE {name} {'counter' if name.endswith('_total') else 'gauge'}", f"{name} {value:g}"]
    return "\n".join(lines) + "\n"

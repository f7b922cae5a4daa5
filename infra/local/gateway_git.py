"""Passes `/git/*` on to the git host behind the gateway, bodies streamed both ways."""

from __future__ import annotations

from aiohttp import ClientError, ClientSession, ClientTimeout, web

PREFIX = "/git"
TIMEOUT_SECONDS = 300.0
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "host", "content-length", "expect"}


class GitGateway:
    """Passes requests on to the git host at `url`."""

    def __init__(self, url: str) -> None:
        self._url = url
        timeout = ClientTimeout(total=TIMEOUT_SECONDS)
        self._session = ClientSession(timeout=timeout, auto_decompress=False)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        url = self._url + request.raw_path.removeprefix(PREFIX)
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP]
        body = request.content.iter_any() if request.body_exists else None
        try:
            async with self._session.request(
                request.method, url, headers=headers, data=body, allow_redirects=False
            ) as answer:
                passed = web.StreamResponse(status=answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in _HOP_BY_HOP:
                        passed.headers.add(name, value)
                await passed.prepare(request)
                async for piece in answer.content.iter_any():
                    await passed.write(piece)
                await passed.write_eof()
                return passed
        except ClientError:
            return web.Response(status=502, text="the git host does not answer\n")

    async def close(self) -> None:
        await self._session.close()

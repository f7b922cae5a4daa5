"""The static site as CloudFront would serve it: files of one folder, the page for every other address, safe headers."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from aiohttp import web

from infra.site import ASSET_CACHE, ASSETS, PAGE_CACHE, SITE_HEADERS

_NOT_BUILT = "The page is not built yet: run `make frontend`.\n"


class SiteGateway:
    """Serves `folder`, which may come into being later."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        path = self._file(request.path)
        if path is None:
            return web.Response(status=404, text="Not found\n", headers=SITE_HEADERS)
        if not path.is_file():
            return web.Response(status=503, text=_NOT_BUILT, headers=SITE_HEADERS)
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        cache = ASSET_CACHE if path.is_relative_to(self._folder / ASSETS) else PAGE_CACHE
        headers = SITE_HEADERS | {"Cache-Control": cache, "Content-Type": kind}
        return web.FileResponse(path, headers=headers)

    def _file(self, address: str) -> Path | None:
        """The file of an address: the page when it names none, nothing when it names a missing asset."""
        path = self._folder.joinpath(address.lstrip("/")).resolve()
        if path.is_file() and path.is_relative_to(self._folder):
            return path
        return None if address.startswith(f"/{ASSETS}/") else self._folder / "index.html"

"""The public origin of the local system: site, `/api`, `/v1`, `/hook*`, `/health`, `/ws` and `/git` on one port.

It only decides who answers. Requests for another host than this machine are refused, so that no name in the DNS can
be pointed at it.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from infra.limits import REST_BODY_BYTES
from infra.local.gateway_git import PREFIX, GitGateway
from infra.local.gateway_rest import RestGateway
from infra.local.gateway_site import SiteGateway
from infra.local.gateway_sockets import SocketGateway
from infra.site import API_PREFIXES, SOCKET_PATH

_OUR_NAMES = {"localhost", "127.0.0.1"}


@dataclass(frozen=True, slots=True)
class Gateway:
    """Who answers what."""

    rest: RestGateway
    sockets: SocketGateway
    site: SiteGateway
    git: GitGateway

    def application(self) -> web.Application:
        application = web.Application(client_max_size=REST_BODY_BYTES + 1)
        application.router.add_route("*", "/{path:.*}", self._handle)
        return application

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.host.rpartition(":")[0] not in _OUR_NAMES and request.host not in _OUR_NAMES:
            return web.Response(status=421, text="This is a local system: ask for localhost.\n")
        if request.path == SOCKET_PATH:
            return await self._socket(request)
        if request.path.startswith(f"{PREFIX}/"):
            return await self.git.handle(request)
        if is_api(request.path):
            return await self.rest.handle(request)
        return await self.site.handle(request)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if not web.WebSocketResponse().can_prepare(request):
            return web.Response(status=426, headers={"Upgrade": "websocket"})
        return await self.sockets.handle(request)


def is_api(path: str) -> bool:
    """Whether `path` belongs to the REST API: `/hook` with anything behind it, the others as whole parts."""
    first = "/" + path.split("/")[1]
    return first in API_PREFIXES or first.startswith("/hook")

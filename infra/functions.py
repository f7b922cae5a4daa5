"""The deployed functions, as values: how each is packaged, how much it gets, and how long it may run.

`app.py` says what starts a function and what it does; here is only what the platform must be told. It refuses to know
any SDK or template language.
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.queues import INTAKE, RENDER, TRAIN

RELAY_BATCHING_SECONDS = 0  # what happened is shown at once


@dataclass(frozen=True, slots=True)
class Function:
    """One handler of `app.py`."""

    name: str
    resource: str
    """What Chalice calls it in the template."""
    memory_mb: int
    timeout_seconds: int
    image: bool = False
    """Packaged as an image (git, Helm, YAML) instead of the zip."""
    storage_mb: int = 512
    handler: str = ""

    @property
    def entry(self) -> str:
        """The handler that Lambda calls."""
        return self.handler or f"app.{self.name}"

    @property
    def policy(self) -> str:
        """The file below `infra/policies` with what it may do."""
        return f"{self.name}.json"


# 29 s is where API Gateway gives up on an answer; the synchronous call to `render` takes 25 s of it at most.
API = Function("api_handler", "APIHandler", memory_mb=1024, timeout_seconds=29, handler="app.app")
CONNECT = Function("websocket_connect", "WebsocketConnect", memory_mb=512, timeout_seconds=29)
MESSAGE = Function("websocket_message", "WebsocketMessage", memory_mb=512, timeout_seconds=29)
DISCONNECT = Function("websocket_disconnect", "WebsocketDisconnect", memory_mb=512, timeout_seconds=29)
RELAY = Function("relay", "Relay", memory_mb=512, timeout_seconds=60)
SWEEP = Function("sweep", "Sweep", memory_mb=512, timeout_seconds=60)
# The render child alone may address 2 GiB; the storage holds partial clones, which outlive an invocation.
IMAGE_FUNCTIONS = tuple(
    Function(queue.function, resource, memory_mb, queue.function_timeout_seconds, image=True, storage_mb=4096)
    for queue, resource, memory_mb in ((INTAKE, "Intake", 2048), (RENDER, "Render", 3072), (TRAIN, "Train", 2048))
)
ZIP_FUNCTIONS = (API, CONNECT, MESSAGE, DISCONNECT, RELAY, SWEEP)
FUNCTIONS = (*ZIP_FUNCTIONS, *IMAGE_FUNCTIONS)

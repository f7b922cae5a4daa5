"""The whole system on one machine: MiniStack, git host, functions, gateway, pollers, streams, schedule.

`LocalSystem` starts and stops them in order, and knows their addresses. What it refuses: to know the product beyond
the names of its functions and settings; seeding a demo and starting clusters is `demo.py`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import socket
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any

from aiohttp import web

from infra.local.aws_calls import AwsCalls
from infra.local.functions import ProcessFunctions
from infra.local.gateway import Gateway
from infra.local.gateway_git import PREFIX as GIT_PREFIX
from infra.local.gateway_git import GitGateway
from infra.local.gateway_private import PrivateGateway
from infra.local.gateway_rest import RestGateway
from infra.local.gateway_site import SiteGateway
from infra.local.gateway_sockets import SocketGateway, SocketLimits
from infra.local.git_server import GitServer, OnPush
from infra.local.invoke import Event, InlineFunctions
from infra.local.ministack import CREDENTIALS, MiniStack
from infra.local.pollers import QueuePoller
from infra.local.resources import Resources, create_resources
from infra.local.schedules import Schedule
from infra.local.streams import StreamReader
from infra.local.wakes import Wakes
from infra.queues import QUEUES, RELAY_DEAD_NAME

VISIBILITY_SECONDS = 2
CALL_TIMEOUT_SECONDS = 300.0
STOP_TIMEOUT_SECONDS = 1.0
AWS_FOLDER = "aws"  # below the state folder
SITE_FOLDER = Path(__file__).resolve().parents[2] / "frontend" / "dist"


class LocalSystem:
    """The system on free loopback ports, its state below `state_dir`; usable in `with`. One at a time in a process.

    `functions`: "process" (a child that can be killed and started again) or "inline" (threads of this process, which
    gets the settings into its environment). `functions_aws_endpoint` is where the functions reach AWS when not
    directly, such as a counting proxy before `.aws_endpoint`. `shuffle` puts messages of a socket out of order.
    `settings` are added to what the functions' settings would be. `prepare` runs when AWS and the settings are there
    and before any function is called. All addresses are known before `start()`.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        functions: str = "process",
        functions_aws_endpoint: str | None = None,
        queue_visibility_seconds: int = VISIBILITY_SECONDS,
        shuffle: bool = False,
        socket_limits: SocketLimits | None = None,
        app_module: str = "app",
        settings: dict[str, str] | None = None,
        port: int = 0,
        on_push: OnPush | None = None,
        site_folder: Path = SITE_FOLDER,
        prepare: Callable[[LocalSystem], None] | None = None,
    ) -> None:
        self.state_dir = state_dir.resolve()
        self.state_dir.mkdir(parents=True, exist_ok=True)
        self._kind, self._app_module = functions, app_module
        self._functions_aws_endpoint = functions_aws_endpoint
        self._visibility_seconds = queue_visibility_seconds
        self._shuffle, self._socket_limits, self._extra = shuffle, socket_limits, settings or {}
        self._site_folder, self._prepare = site_folder, prepare
        self._public = socket.create_server(("127.0.0.1", port))
        self._private = socket.create_server(("127.0.0.1", 0))
        self._wakes = Wakes()
        self._ministack = MiniStack(self.state_dir / AWS_FOLDER, on_write=self._wakes.tell)
        self.git = GitServer(self.state_dir / "git", on_push=on_push)
        self.settings: dict[str, str] = {}
        self.resources: Resources
        self._functions: ProcessFunctions | InlineFunctions
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gateway", daemon=True)
        self._serving = contextlib.AsyncExitStack()
        self._started = contextlib.ExitStack()
        self._started.callback(self._loop.close)
        self._started.callback(self._public.close)
        self._started.callback(self._private.close)
        self._started.callback(self.git.stop)

    @property
    def url(self) -> str:
        """The public origin."""
        return f"http://localhost:{self._public.getsockname()[1]}"

    @property
    def private_url(self) -> str:
        """Where the functions post to sockets and call each other."""
        return f"http://127.0.0.1:{self._private.getsockname()[1]}"

    @property
    def aws_endpoint(self) -> str:
        return self._ministack.endpoint

    @property
    def functions_pid(self) -> int:
        """The process id of the functions; 0 when they do not run or run inline."""
        return self._functions.pid if isinstance(self._functions, ProcessFunctions) else 0

    def git_url(self, name: str) -> str:
        """The address people and functions clone the repository `name` from."""
        return f"{self.url}{GIT_PREFIX}/{name}.git"

    def start(self) -> LocalSystem:
        """Start everything; return when requests are answered. What was started is stopped when a part fails."""
        try:
            self._started.callback(self._ministack.stop)
            self._ministack.start()
            self.resources = create_resources(self.aws_endpoint, visibility_seconds=self._visibility_seconds)
            self.git.root.mkdir(parents=True, exist_ok=True)
            self.git.start()
            self.settings = self._make_settings()
            self._functions = self._start_functions()
            if self._prepare is not None:
                self._prepare(self)
            self._thread.start()
            self._started.callback(self._stop_thread)
            self._run(self._serve())
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop everything that was started, the newest first; the state is saved."""
        self._started.close()

    def _stop_thread(self) -> None:
        try:
            self._run(self._stop_serving())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def __enter__(self) -> LocalSystem:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def kill_functions(self) -> None:
        """SIGKILL the functions' process; what it did not finish comes back as on AWS."""
        self._process().kill()

    def start_functions(self) -> None:
        """Start the functions' process again, unless it runs; return when it answers."""
        self._process().start()

    def invoke(self, name: str, event: Event) -> Any:
        """Run one function and return its answer.

        Raises:
            FunctionFailed: it raised.
            FunctionsDown: the functions' process does not run.
        """
        return self._run(self._functions.invoke(name, event))

    def _process(self) -> ProcessFunctions:
        if not isinstance(self._functions, ProcessFunctions):
            raise RuntimeError("the functions run inline")
        return self._functions

    def _make_settings(self) -> dict[str, str]:
        endpoint = self._functions_aws_endpoint or self.aws_endpoint
        clones = self.state_dir / "clones"
        clones.mkdir(exist_ok=True)
        return {
            **self.resources.settings(endpoint),
            "PUBLIC_URL": self.url,
            "WEBSOCKET_ENDPOINT": self.private_url,
            "RENDER_FUNCTION": "render",
            "CHART_HOSTS": "",
            "CLONE_DIR": str(clones),
            "SECRETS_PREFIX": "gimlet",
            "LOCAL": "1",
            "NOTICE": "",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ENDPOINT_URL_LAMBDA": self.private_url,
            "AWS_REGION": CREDENTIALS["region_name"],
            "AWS_DEFAULT_REGION": CREDENTIALS["region_name"],
            "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
            "AWS_EC2_METADATA_DISABLED": "true",
            "POWERTOOLS_TRACE_DISABLED": "true",
            "POWERTOOLS_SERVICE_NAME": "gimlet",
        } | self._extra

    def _start_functions(self) -> ProcessFunctions | InlineFunctions:
        if self._kind == "inline":
            os.environ.update(self.settings)
            inline = InlineFunctions(self._app_module)
            self._started.callback(inline.close)
            inline.load()
            return inline
        log = self.state_dir / "functions.log"
        process = ProcessFunctions(self.settings, app_module=self._app_module, log=log)
        self._started.callback(process.stop)
        process.start()
        return process

    async def _serve(self) -> None:
        self._wakes.attach(self._loop)
        self._serving.callback(self._wakes.detach)
        if isinstance(self._functions, ProcessFunctions):
            self._serving.push_async_callback(self._functions.close)
        self._calls = AwsCalls(self.aws_endpoint)
        self._serving.push_async_callback(self._calls.close)
        git = GitGateway(self.git.url)
        self._serving.push_async_callback(git.close)
        app = importlib.import_module(self._app_module).app
        rest = RestGateway(self._functions, app.routes, app.api.binary_types)
        sockets = SocketGateway(self._functions, shuffle=self._shuffle, socket_limits=self._socket_limits)
        gateway = Gateway(rest, sockets, SiteGateway(self._site_folder), git)
        private = PrivateGateway(self._functions, sockets)
        await self._listen(gateway.application(), self._public)
        await self._listen(private.application(), self._private)
        self._serving.push_async_callback(sockets.close)
        for work in self._background():
            self._serving.push_async_callback(_cancel, asyncio.create_task(work))

    async def _listen(self, application: web.Application, listener: socket.socket) -> None:
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=STOP_TIMEOUT_SECONDS)
        await runner.setup()
        self._serving.push_async_callback(runner.cleanup)
        await web.SockSite(runner, listener).start()

    def _background(self) -> list[Coroutine[Any, Any, None]]:
        urls, calls, functions = self.resources.queue_urls, self._calls, self._functions
        hidden = {"visibility_seconds": self._visibility_seconds}
        pollers = [
            QueuePoller(queue, urls[queue.function], calls, functions, self._wakes, **hidden) for queue in QUEUES
        ]
        dead, arns = urls[RELAY_DEAD_NAME], self.resources.stream_arns
        readers = [StreamReader(table, arn, calls, functions, self._wakes, dead) for table, arn in arns.items()]
        return [*(poller.run() for poller in pollers), *(reader.run() for reader in readers), Schedule(functions).run()]

    async def _stop_serving(self) -> None:
        await self._serving.aclose()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        done: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return done.result(CALL_TIMEOUT_SECONDS)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task], timeout=STOP_TIMEOUT_SECONDS)

"""Calls the functions of `app.py` as Lambda would: one event in, one JSON value out, a deadline, a context.

Handlers run in threads of a pool, never on the event loop. It refuses to know what an event means.
"""

from __future__ import annotations

import asyncio
import contextvars
import importlib
import json
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from infra import functions
from infra.limits import LAMBDA_TIMEOUT_SECONDS
from infra.local.ministack import ACCOUNT, REGION

API = functions.API.name  # the REST function: the Chalice app itself
THREADS = 64
TIMEOUT_SECONDS = {function.name: float(function.timeout_seconds) for function in functions.FUNCTIONS}
MEMORY_MIB = {function.name: function.memory_mb for function in functions.FUNCTIONS}

Event = dict[str, Any]


class FunctionFailed(Exception):
    """The function raised, or answered what is no JSON."""

    def __init__(self, kind: str, message: str, trace: list[str]) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind, self.message, self.trace = kind, message, trace

    def payload(self) -> Event:
        """What Lambda answers in place of a result."""
        return {"errorMessage": self.message, "errorType": self.kind, "stackTrace": self.trace}


class FunctionTimedOut(FunctionFailed):
    """The function did not answer in its time."""


class FunctionDied(FunctionFailed):
    """The process ended while the function ran."""


class FunctionsDown(Exception):
    """There is no process to run the function in; nothing of it ran."""


class Functions(Protocol):
    """Something that runs functions by name."""

    def invoke(self, name: str, event: Event) -> Coroutine[Any, Any, Any]:
        """Run `name` on `event` and return its JSON value.

        Raises:
            FunctionFailed: it raised, ran too long, or its process died.
            FunctionsDown: nothing runs functions now.
        """

    async def wait_until_up(self) -> None:
        """Return when there is something to run functions in."""


@dataclass(slots=True)
class LambdaContext:
    """The second argument of a handler (Lambda guide, "Using the Lambda context object to retrieve function
    information")."""

    function_name: str
    timeout_seconds: float
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 512
    log_stream_name: str = "local"
    identity: None = None
    client_context: None = None
    started_at: float = field(default_factory=time.monotonic)

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.function_name}"

    @property
    def log_group_name(self) -> str:
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.started_at + self.timeout_seconds - time.monotonic()) * 1000))


class InlineFunctions:
    """Runs the handlers of the module `app_module` in threads of this process."""

    def __init__(self, app_module: str = "app") -> None:
        self._module = app_module
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="function")
        self._handlers: dict[str, Callable[[Event, LambdaContext], Any]] = {}
        self._loading = threading.Lock()

    async def invoke(self, name: str, event: Event) -> Any:
        timeout_seconds = TIMEOUT_SECONDS.get(name, LAMBDA_TIMEOUT_SECONDS)
        context = LambdaContext(name, timeout_seconds, memory_limit_in_mb=MEMORY_MIB.get(name, 512))
        run = contextvars.Context().run  # what one handler sets is gone for the next
        work = asyncio.get_running_loop().run_in_executor(self._pool, run, self._run, name, json.dumps(event), context)
        try:
            return json.loads(await asyncio.wait_for(asyncio.shield(work), timeout_seconds))
        except TimeoutError:
            work.add_done_callback(lambda done: done.cancelled() or done.exception())
            message = f"{context.aws_request_id} Task timed out after {timeout_seconds:.2f} seconds"
            raise FunctionTimedOut("Sandbox.Timedout", message, []) from None

    async def wait_until_up(self) -> None:
        return None

    def load(self) -> None:
        """Import the module now, so that the first event does not wait for it."""
        self._handler(API)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, name: str, event: str, context: LambdaContext) -> str:
        try:
            return json.dumps(self._handler(name)(json.loads(event), context))
        except Exception as error:
            trace = traceback.format_exception(error)
            raise FunctionFailed(type(error).__name__, str(error), trace) from error

    def _handler(self, name: str) -> Callable[[Event, LambdaContext], Any]:
        with self._loading:
            if name not in self._handlers:
                module = importlib.import_module(self._module)
                _make_thread_safe(module.app)
                self._handlers[name] = module.app if name == API else getattr(module, name)
            return self._handlers[name]


def _make_thread_safe(app: Any) -> None:
    """Keep Chalice's current request by thread, as its own local server does."""
    from chalice.local import LocalChalice

    if not isinstance(app, LocalChalice):
        app.__dict__.pop("current_request", None)
        app.__class__ = LocalChalice

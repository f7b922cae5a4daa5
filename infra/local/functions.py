"""The functions in a process of their own: `python -m infra.local.functions`, and the gateway's way to it.

The child serves invocations over loopback to who knows its key, tells its port through a pipe, and ends when its
standard input does, so that it never outlives the gateway. It may be killed at any instant: a call under way is then
a function that died, and later calls find nothing until it is started again.
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import io
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from aiohttp import ClientConnectorError, ClientError, ClientSession, ClientTimeout, TCPConnector, web

from infra.limits import LAMBDA_TIMEOUT_SECONDS
from infra.local.invoke import Event, FunctionDied, FunctionFailed, FunctionsDown, FunctionTimedOut, InlineFunctions
from infra.testbed import parts

KEY_VARIABLE = "GIMLET_FUNCTIONS_KEY"
KEY_HEADER = "X-Functions-Key"
START_TIMEOUT_SECONDS = 30.0
MAX_EVENT_BYTES = 64 * 1024 * 1024
_ROOT = Path(__file__).resolve().parents[2]
_FAILURES = {kind.__name__: kind for kind in (FunctionFailed, FunctionTimedOut)}


class ProcessFunctions:
    """Runs functions in a child process that can be killed and started again."""

    def __init__(self, settings: dict[str, str], *, app_module: str = "app", log: Path | None = None) -> None:
        self._environment = _clean_environment() | settings | {KEY_VARIABLE: secrets.token_urlsafe(24)}
        self._module = app_module
        self._log = log
        self._child: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._session: ClientSession | None = None

    @property
    def pid(self) -> int:
        """The child's process id; 0 when it does not run."""
        child = self._child
        return child.pid if child is not None and child.poll() is None else 0

    def start(self) -> None:
        """Start the child, unless it runs, and wait until it answers."""
        if self.pid:
            return
        self._reap()
        reading, writing = os.pipe()
        command = [sys.executable, "-m", "infra.local.functions", "--ready-fd", str(writing), "--app", self._module]
        with open(self._log or os.devnull, "ab") as log:
            child = subprocess.Popen(
                command, cwd=_ROOT, env=self._environment, stdin=subprocess.PIPE, stdout=log, stderr=log,
                pass_fds=[writing], start_new_session=True,
            )  # fmt: skip
        os.close(writing)
        watch = threading.Timer(START_TIMEOUT_SECONDS, child.kill)
        watch.start()
        with os.fdopen(reading) as ready:
            port = ready.readline().strip()
        watch.cancel()
        if not port:
            _end(child)
            raise RuntimeError("the functions did not start")
        self._port, self._child = int(port), child

    def kill(self) -> None:
        """End the child by SIGKILL, as a machine that goes away would."""
        if self._child is not None:
            self._child.send_signal(signal.SIGKILL)
        self._reap()

    def stop(self) -> None:
        """Ask the child to end, and make sure of it."""
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(5)
        except subprocess.TimeoutExpired:
            self._child.kill()
        self._reap()

    def _reap(self) -> None:
        if self._child is not None:
            _end(self._child)
            self._child = None

    async def invoke(self, name: str, event: Event) -> Any:
        if not self.pid:
            raise FunctionsDown("the functions' process does not run")
        headers = {KEY_HEADER: self._environment[KEY_VARIABLE], "Content-Type": "application/json"}
        body = io.BytesIO(json.dumps(event).encode())
        try:
            url = f"http://127.0.0.1:{self._port}/{name}"
            async with self._client().post(url, data=body, headers=headers) as answer:
                answered = json.loads(await answer.read())
        except ClientConnectorError as error:
            raise FunctionsDown("the functions' process does not answer") from error
        except (ClientError, TimeoutError, ValueError) as error:
            raise FunctionDied("Runtime.ExitError", "the process ended", []) from error
        if "failure" in answered:
            raise _FAILURES[answered["failure"]](answered["kind"], answered["message"], answered["trace"])
        return answered["result"]

    async def wait_until_up(self) -> None:
        while not self.pid:
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _client(self) -> ClientSession:
        if self._session is None:
            # a connection each: one that outlived its process would look like a function that died
            connector = TCPConnector(limit=0, force_close=True)
            self._session = ClientSession(connector=connector, timeout=ClientTimeout(total=LAMBDA_TIMEOUT_SECONDS))
        return self._session


def _end(child: subprocess.Popen[bytes]) -> None:
    child.wait()
    if child.stdin is not None:
        child.stdin.close()


def _clean_environment() -> dict[str, str]:
    """What any program needs, and nothing of the person who started us. A `cue` of the test bed is on the PATH."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "SSL_CERT_FILE")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    if parts.is_built(parts.BY_NAME["cue"]):
        built = str(parts.binary("cue").parent)
        environment["PATH"] = os.pathsep.join([environment.get("PATH", os.defpath), built])
    return environment


def _application(functions: InlineFunctions, key: str) -> web.Application:
    async def invoke(request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.headers.get(KEY_HEADER, ""), key):
            return web.Response(status=403)
        try:
            result = await functions.invoke(request.match_info["name"], await request.json())
            return web.json_response({"result": result})
        except FunctionFailed as failure:
            told = {"kind": failure.kind, "message": failure.message, "trace": failure.trace}
            print("".join(failure.trace) or failure.message, file=sys.stderr, flush=True)
            return web.json_response({"failure": type(failure).__name__, **told})

    application = web.Application(client_max_size=MAX_EVENT_BYTES)
    application.router.add_post("/{name}", invoke)
    return application


async def _serve(ready_fd: int, app_module: str) -> None:
    functions = InlineFunctions(app_module)
    functions.load()
    runner = web.AppRunner(_application(functions, os.environ.pop(KEY_VARIABLE)), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    with os.fdopen(ready_fd, "w") as ready:
        ready.write(f"{runner.addresses[0][1]}\n")
    await asyncio.to_thread(sys.stdin.buffer.read)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ready-fd", type=int, required=True)
    parser.add_argument("--app", default="app")
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.ready_fd, arguments.app))
    os._exit(0)  # handlers may still run in threads; they are as good as killed


if __name__ == "__main__":
    main()

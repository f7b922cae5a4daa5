"""Templates and charts of strangers, evaluated in a child process that can do nothing else (`sandbox_child`).

One fresh child for each question: emptied environment, limits on memory, CPU and wall clock, no sockets, no other
programs, a temporary folder that is deleted, its pipes for all talk. It refuses to evaluate anything in this process.
A child may be started before its question is known (`spares`); it still answers one question and ends.
"""

import atexit
import ctypes
import importlib.util
import selectors
import subprocess
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from chalicelib.core.errors import Rejected
from chalicelib.core.scalars import Value
from chalicelib.ports.rendering import Chart, ChartOutput, Resolved

WALL_CLOCK_SECONDS = 10.0
OUTPUT_BYTES = 5 * 1024**2
STDERR_BYTES = 16 * 1024
_CHILD = Path(__file__).with_name("sandbox_child.py")
_READY = b"ready\n"
_PR_SET_DUMPABLE = 4
_Answer = TypeVar("_Answer")


class _RenderAnswer(msgspec.Struct):
    files: dict[str, str] = {}
    crds: list[str] = []
    error: str = ""


class _ResolveAnswer(msgspec.Struct):
    text: str = ""
    error: str = ""


class Sandbox:
    """Implements the ports `Templates` and `Engine`."""

    def __init__(
        self,
        *,
        wall_clock_seconds: float = WALL_CLOCK_SECONDS,
        output_bytes: int = OUTPUT_BYTES,
        spares: bool = False,
    ) -> None:
        self._wall_clock_seconds = wall_clock_seconds
        self._output_bytes = output_bytes
        self._spares: dict[str, _Child] | None = {} if spares else None
        self._lock = threading.Lock()
        make_undumpable()
        if spares:
            atexit.register(self.close)
            for operation in ("resolve", "render"):
                self._keep_spare(operation)

    def close(self) -> None:
        """End the children that wait for a question."""
        with self._lock:
            waiting, self._spares = list((self._spares or {}).values()), None
        for child in waiting:
            child.end()

    def resolve(self, strings: Sequence[str], variables: Mapping[str, str]) -> list[Resolved]:
        """See `Templates.resolve`. A text without `{{` is its own result and costs no child."""
        places = [index for index, text in enumerate(strings) if "{{" in text]
        resolved = [Resolved(text) for text in strings]
        if places:
            request = {"strings": [strings[index] for index in places], "variables": variables}
            answers = self._ask("resolve", request, list[_ResolveAnswer])
            for index, answer in zip(places, answers, strict=True):
                resolved[index] = Resolved(answer.text, answer.error)
        return resolved

    def render(self, chart: Chart, values: Mapping[str, Value], release: str, namespace: str) -> ChartOutput:
        """See `Engine.render`."""
        request = {
            "archive": b64encode(chart.archive).decode(),
            "values": values,
            "release": release,
            "namespace": namespace,
        }
        answer = self._ask("render", request, _RenderAnswer)
        if answer.error:
            raise Rejected(f"chart {chart.name}: {answer.error.strip()}")
        return ChartOutput(answer.files, tuple(answer.crds))

    def _ask(self, operation: str, request: object, answer_type: type[_Answer]) -> _Answer:
        child = self._spare(operation) or _Child(operation)
        try:
            conversation = _Conversation(child.process, msgspec.json.encode(request), self._output_bytes)
            output = conversation.hold(time.monotonic() + self._wall_clock_seconds, self._wall_clock_seconds)
        finally:
            child.end()
            self._keep_spare(operation)
        return msgspec.json.decode(output, type=answer_type)

    def _spare(self, operation: str) -> "_Child | None":
        with self._lock:
            child = self._spares.pop(operation, None) if self._spares else None
        if child is not None and child.process.poll() is not None:
            child.end()
            return None
        return child

    def _keep_spare(self, operation: str) -> None:
        with self._lock:
            if self._spares is not None and operation not in self._spares:
                self._spares[operation] = _Child(operation)


class _Child:
    """One child process and its temporary folder; `arguments` are by default where its libraries are."""

    def __init__(self, operation: str, *arguments: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="render-")
        self.process = _start(operation, self._folder.name, arguments or _library_folders())

    def end(self) -> None:
        """Stop the child if it runs, and delete what it had."""
        _end(self.process)
        self._folder.cleanup()


class _Conversation:
    """Writes the request and reads the answer at the same time, within limits."""

    def __init__(self, child: subprocess.Popen[bytes], request: bytes, output_bytes: int) -> None:
        if child.stdin is None or child.stdout is None or child.stderr is None:
            raise AssertionError("the child has three pipes")
        self.child = child
        self.stdin, self.stdout, self.stderr = child.stdin, child.stdout, child.stderr
        self.request = memoryview(request)
        self.limit = output_bytes + len(_READY)
        self.heard = {self.stdout: bytearray(), self.stderr: bytearray()}

    def hold(self, deadline: float, allowed_seconds: float) -> bytes:
        self._exchange(deadline, allowed_seconds)
        return self._answer()

    def listen(self, deadline: float, allowed_seconds: float) -> tuple[int, bytes, bytes]:
        self._exchange(deadline, allowed_seconds)
        output = bytes(self.heard[self.stdout]).removeprefix(_READY)
        return self.child.wait(timeout=1), output, bytes(self.heard[self.stderr])

    def _exchange(self, deadline: float, allowed_seconds: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.stdin, selectors.EVENT_WRITE)
            selector.register(self.stdout, selectors.EVENT_READ)
            selector.register(self.stderr, selectors.EVENT_READ)
            while self.stdout in selector.get_map() or self.stderr in selector.get_map():
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Rejected(f"rendering took longer than {allowed_seconds:g} s")
                for key, _ in selector.select(left):
                    self._move(selector, key.fileobj)

    def _move(self, selector: selectors.BaseSelector, pipe: object) -> None:
        if pipe is self.stdin:
            self._write(selector)
            return
        source = self.stdout if pipe is self.stdout else self.stderr
        piece = source.read1(65536) if hasattr(source, "read1") else source.read(65536)
        if not piece:
            selector.unregister(source)
        elif source is self.stdout:
            self.heard[source] += piece
            if len(self.heard[source]) > self.limit:
                raise Rejected(f"the rendered output is larger than {(self.limit - len(_READY)) // 1024**2} MB")
        elif len(self.heard[source]) < STDERR_BYTES:
            self.heard[source] += piece

    def _write(self, selector: selectors.BaseSelector) -> None:
        try:
            written = self.stdin.write(self.request[:65536])
        except BrokenPipeError:
            written = len(self.request)
        self.request = self.request[written:]
        if not self.request:
            selector.unregister(self.stdin)
            _close(self.stdin)

    def _answer(self) -> bytes:
        code = self.child.wait(timeout=1)
        output = bytes(self.heard[self.stdout])
        if code == 1 or not output.startswith(_READY):  # 1 is an exception nobody expected, there as here
            tail = bytes(self.heard[self.stderr][-800:]).decode(errors="replace")
            raise RuntimeError(f"the sandbox child failed (exit {code}): {tail}")
        if code:
            raise Rejected("rendering used more memory or processor time than it may")
        return output.removeprefix(_READY)


def converse(
    operation: str,
    arguments: Sequence[str],
    request: bytes,
    wall_clock_seconds: float,
    output_bytes: int = OUTPUT_BYTES,
) -> tuple[int, bytes, bytes]:
    """Ask a child that becomes another program: its exit code, what it wrote, and the start of its complaints.

    Raises:
        Rejected: it took more time or wrote more than it may.
    """
    make_undumpable()
    child = _Child(operation, *arguments)
    try:
        conversation = _Conversation(child.process, request, output_bytes)
        return conversation.listen(time.monotonic() + wall_clock_seconds, wall_clock_seconds)
    finally:
        child.end()


def _start(operation: str, folder: str, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-S", str(_CHILD), operation, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, env={}, cwd=folder, bufsize=0, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
    )


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            _close(pipe)


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return


@cache
def _library_folders() -> tuple[str, ...]:
    folders = []
    for name in ("gotpl", "helm_python", "goduration", "gotime"):
        spec = importlib.util.find_spec(name)
        if spec is None or not spec.submodule_search_locations:
            raise RuntimeError(f"the package {name} is not installed: charts and templates can't be rendered")
        folders.append(str(Path(next(iter(spec.submodule_search_locations))).parent))
    return tuple(dict.fromkeys(folders))


@cache
def make_undumpable() -> None:
    """Keep children of the same user from reading this process's memory and environment through `/proc`.

    Raises:
        OSError: the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "this process can't make itself undumpable")

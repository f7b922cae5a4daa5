"""CUE manifests, evaluated by the official `cue` command in the sandbox's child process.

The file is handed over on stdin in an empty folder, so there is no module: nothing can be imported but CUE's own
packages, and nothing embedded. It refuses to look for the command anywhere but where it was told to.
"""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from chalicelib.adapters.sandbox import WALL_CLOCK_SECONDS, converse
from chalicelib.core.errors import InvalidManifest, Problem, Rejected
from chalicelib.core.json_trees import read_json
from chalicelib.core.scalars import Value
from chalicelib.core.trees import MAX_DOCUMENT_BYTES

MODULE = "cuelang.org/go/cmd/cue"
HOW_TO_GET_IT = f"install it with `go install {MODULE}@v0.17.1` and have it on the PATH"
_PLACE = re.compile(r"^\s+(?:-|standard input):(\d+):(\d+)\s*$", re.MULTILINE)
_MEMBER = re.compile(r"configs\.(\d+)((?:\.[^\s:]+)?): ")
_NO_CONFIGS = 'reference "configs" not found'
_NO_IMPORT = "import failed"


class CueCommand:
    """Implements `Cue`. `find` says where the command is, or none."""

    def __init__(
        self, find: Callable[[], str | None] | None = None, *, wall_clock_seconds: float = WALL_CLOCK_SECONDS
    ) -> None:
        self._find = find or on_the_path
        self._wall_clock_seconds = wall_clock_seconds

    def evaluate(self, text: str, file: str) -> list[Value]:
        """See `Cue.evaluate`."""
        if len(text.encode()) > MAX_DOCUMENT_BYTES:
            raise _invalid(Problem("", f"the file is larger than {MAX_DOCUMENT_BYTES // 1024**2} MiB", file=file))
        command = self._find()
        if command is None:
            message = f"CUE manifests need the cue command, which is not installed here: {HOW_TO_GET_IT}"
            raise _invalid(Problem("", message, "or write the manifest as YAML", file=file))
        try:
            code, output, complaint = converse("cue", [command], text.encode(), self._wall_clock_seconds)
        except Rejected as error:
            raise _invalid(Problem("", error.message.replace("rendering", "evaluating CUE"), file=file)) from error
        if complaint.startswith(b"Traceback"):
            raise RuntimeError(f"the sandbox child failed: {complaint[-800:].decode(errors='replace')}")
        if code != 0:
            raise _invalid(_problem(code, complaint.decode(errors="replace"), file))
        value = read_json(output.decode(errors="replace"), file=file).value
        if not isinstance(value, list):
            hint = "configs: [{app: ..., env: ..., namespace: ...}]"
            raise _invalid(Problem("configs", "`configs` must be a list of manifests", hint, file=file))
        return value


def on_the_path() -> str | None:
    """The `cue` command on the PATH, by its whole path."""
    found = shutil.which("cue")
    return str(Path(found).resolve()) if found else None


def _problem(code: int, complaint: str, file: str) -> Problem:
    """The command's first complaint, with its place in the file."""
    if code < 0 or code == 2 or "out of memory" in complaint[:200]:  # killed, or a panic of the Go runtime
        return Problem("", "evaluating CUE used more memory or processor time than it may", file=file)
    if _NO_CONFIGS in complaint:
        hint = "configs: [{app: ..., env: ..., namespace: ...}]"
        return Problem("configs", "the file has no `configs`, which must be a list of manifests", hint, file=file)
    first = complaint.strip().split("\n", 1)[0].rstrip(":").strip()[:500]
    place = _PLACE.search(complaint)
    member = _MEMBER.match(first)
    path = f"configs[{member[1]}]{member[2]}" if member else ""
    hint = "only CUE's own packages can be imported, nothing from the network" if _NO_IMPORT in first else ""
    line, column = (int(place[1]), int(place[2])) if place else (None, None)
    return Problem(path, first or f"the cue command ended with {code}", hint, line, column, file)


def _invalid(problem: Problem) -> InvalidManifest:
    return InvalidManifest((problem,))

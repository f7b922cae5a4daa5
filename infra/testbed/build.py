"""Builds the parts of the test bed from the Go module proxy: `python -m infra.testbed.build [PART ...]`.

Each part is compiled in a temporary folder and renamed into the cache when it is whole, so an interrupted build
leaves nothing that looks finished. Builds only what is missing, never removes a build. Needs the standard library only.
"""

import argparse
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from infra.testbed.parts import (
    BY_NAME,
    GO_TAGS,
    PARTS,
    SOURCES,
    STAMP,
    Asset,
    Part,
    cache_root,
    folder,
    is_built,
    link_flags,
)

GO_AT_LEAST = (1, 26)  # the `go` line of go/go.mod
PROGRESS_SECONDS = 30
GO_ENVIRONMENT = {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}


class CannotBuild(Exception):
    """A part was not built; the message says why and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Build or check the parts that were asked for; the exit code is 1 when one is missing."""
    parser = argparse.ArgumentParser(prog="python -m infra.testbed.build", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one of {', '.join(BY_NAME)}; all when left out")
    parser.add_argument("--check", action="store_true", help="only say which parts are there")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.parts if name not in BY_NAME]:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(BY_NAME)}")
    wanted = [part for part in PARTS if part.name in (options.parts or BY_NAME)]
    if options.check:
        return check(wanted)
    try:
        build_missing(wanted)
    except CannotBuild as error:
        print(f"testbed: {error}", file=sys.stderr)
        return 1
    return 0


def check(parts: Sequence[Part]) -> int:
    """Say of each of `parts` whether it was built; 1 when one was not."""
    for part in parts:
        state = "built  " if is_built(part) else "MISSING"
        print(f"{state} {part.name:24} {part.about}")
    absent = [part.name for part in parts if not is_built(part)]
    if absent:
        print(f"To build what is missing: python -m infra.testbed.build {' '.join(absent)}")
    return 1 if absent else 0


def build_missing(parts: Sequence[Part]) -> None:
    """Build those of `parts` that are not in the cache; a second caller waits for the first.

    Raises:
        CannotBuild: Go is missing or too old, or the compiler failed.
    """
    if all(is_built(part) for part in parts):
        _say("everything is built")
        return
    require_go()
    _say("the first build downloads 2 GB and takes some 15 minutes of two cores, later ones reuse what was compiled")
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    with _only_builder(root):
        for part in parts:
            if not is_built(part):
                build(part, root)


def require_go() -> None:
    """Check that a Go new enough is on the path.

    Raises:
        CannotBuild: there is none, or it is too old.
    """
    wanted = ".".join(map(str, GO_AT_LEAST))
    advice = f"install Go {wanted} or newer (https://go.dev/dl/) and put it on the PATH"
    if shutil.which("go") is None:
        raise CannotBuild(f"Go is not installed: {advice}")
    printed = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout
    found = re.match(r"go(\d+)\.(\d+)", printed)
    if found is None or (int(found[1]), int(found[2])) < GO_AT_LEAST:
        raise CannotBuild(f"Go {printed.strip()} is too old: {advice}")


def build(part: Part, root: Path) -> None:
    """Compile `part` and move it into the cache under `root` when it is whole.

    Raises:
        CannotBuild: the compiler failed; its words are in the message.
    """
    started = time.monotonic()
    _say(f"building {part.name} ({part.about})")
    with tempfile.TemporaryDirectory(dir=root, prefix=f".{part.name}-") as temporary:
        output = Path(temporary) / "part"
        output.mkdir()
        module = SOURCES if part.own_module is None else _derive_module(part, Path(temporary) / "module")
        command = ["go", "build", "-trimpath", "-tags", GO_TAGS, "-ldflags", link_flags(part)]
        _run([*command, "-o", str(output / part.name), part.package], module, part)
        for asset in part.assets:
            _copy(asset, module, output, part)
        seconds = round(time.monotonic() - started)
        (output / STAMP).write_text(json.dumps({"part": part.name, "seconds": seconds}) + "\n")
        output.rename(folder(part))
    size_mb = (folder(part) / part.name).stat().st_size // 1_000_000
    _say(f"built {part.name} in {seconds} s, {size_mb} MB")


def _derive_module(part: Part, module: Path) -> Path:
    """Write a module whose dependencies are exactly those that `part` was released with.

    The `replace` lines of a dependency are ignored by Go, so its go.mod becomes ours, without the line that points
    its API at a sibling folder.
    """
    name = part.module or part.package
    described = _run(["go", "mod", "download", "-json", f"{name}@{part.own_module}"], cache_root(), part)
    origin = Path(json.loads(described)["Dir"])
    module.mkdir()
    for file in ("go.mod", "go.sum"):
        (module / file).write_bytes((origin / file).read_bytes())
    edits = ["-module=gimlet.test/derived", *(f"-dropreplace={sibling}" for sibling in part.siblings)]
    edits += [f"-require={one}@{part.own_module}" for one in (name, *part.siblings)]
    _run(["go", "mod", "edit", *edits], module, part)
    return module


def _copy(asset: Asset, module: Path, output: Path, part: Part) -> None:
    origin = _run(["go", "list", "-m", "-f", "{{.Dir}}", asset.module], module, part).strip()
    found = sorted(Path(origin).glob(asset.glob))
    if not found:
        raise CannotBuild(f"{part.name}: no {asset.glob} in {asset.module}")
    target = output / asset.folder
    target.mkdir(exist_ok=True)
    for path in found:
        shutil.copyfile(path, target / path.name)  # the module cache is read-only; its modes stay behind


def _run(command: Sequence[str], folder_: Path, part: Part) -> str:
    """Run `command` in `folder_`, saying every half minute that it still runs; its stdout."""
    mode = "-mod=readonly" if part.own_module is None else "-mod=mod"
    environment = os.environ | GO_ENVIRONMENT | {"GOFLAGS": f"-buildvcs=false {mode}"}
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, cwd=folder_, env=environment, stdout=out, stderr=err)
        while True:
            try:
                code = process.wait(PROGRESS_SECONDS)
                break
            except subprocess.TimeoutExpired:
                _say(f"still building {part.name} after {round(time.monotonic() - started)} s")
        out.seek(0)
        err.seek(0)
        if code != 0:
            raise CannotBuild(f"{part.name}: {' '.join(command[:3])} failed:\n{err.read()[-2000:]}")
        return out.read()


@contextmanager
def _only_builder(root: Path) -> Iterator[None]:
    """Hold the lock of `root`: two builds at once would compile everything twice."""
    with (root / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _say(text: str) -> None:
    print(f"testbed: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

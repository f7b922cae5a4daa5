"""Finds the browser of the browser tests, and installs Debian's when it may: `python -m infra.testbed.chromium`.

Playwright's own download is not used: the tests start whatever Chromium the machine has.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
INSTALL = ("apt-get", "install", "-y", "--no-install-recommends", "chromium")
INSTALL_TIMEOUT_SECONDS = 600


class NoBrowser(Exception):
    """There is no Chromium; the message says how to get one."""


def find_chromium() -> Path | None:
    """The Chromium on the PATH, if there is one."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return Path(found) if found else None


def ensure_chromium() -> Path:
    """The Chromium of this machine, installed first when it is missing and we are root on Debian.

    Raises:
        NoBrowser: it is missing and cannot be installed from here.
    """
    if found := find_chromium():
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise NoBrowser(f"no Chromium on the PATH; on Debian, as root: {' '.join(INSTALL)}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(INSTALL, env=environment, timeout=INSTALL_TIMEOUT_SECONDS, check=False)
    found = find_chromium()
    if done.returncode != 0 or found is None:
        raise NoBrowser(f"`{' '.join(INSTALL)}` ended with {done.returncode} and left no Chromium; try apt-get update")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Print where the browser is; with `--check` never install it. 1 when there is none."""
    parser = argparse.ArgumentParser(prog="python -m infra.testbed.chromium", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only look")
    options = parser.parse_args(arguments)
    try:
        found = find_chromium() if options.check else ensure_chromium()
    except NoBrowser as error:
        print(f"testbed: {error}", file=sys.stderr)
        return 1
    print(found or "MISSING chromium")
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())

"""`python3 -m infra.setup STEP...`: brings a checkout to where a target of the Makefile can run.

Steps: `system:SET` checks (or, as root on Debian, installs) what the machine must have; `python`, `frontend` and
`site` install packages and build the page. What is missing is said before anything is downloaded.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence

from infra.setup import steps, system

PYTHON_AT_LEAST = (3, 11)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the steps that were asked for; 1 when something is missing or a step failed."""
    parser = argparse.ArgumentParser(prog="python3 -m infra.setup", description=__doc__)
    parser.add_argument("steps", nargs="+", choices=[*(f"system:{name}" for name in system.SETS), *steps.STEPS])
    parser.add_argument("--check", action="store_true", help="only look at what the machine has")
    options = parser.parse_args(arguments)
    try:
        require_python()
        check_system(options.steps, install=not options.check)
        if not options.check:
            steps.run([name for name in options.steps if name in steps.STEPS])
    except (system.Missing, steps.StepFailed) as error:
        print(f"setup: {error}".replace("\n", "\nsetup: "), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("setup: stopped; what was not finished is done again next time", file=sys.stderr)
        return 130
    return 0


def require_python() -> None:
    """Check the interpreter.

    Raises:
        Missing: it is too old, or cannot make the virtual environment that is not there yet.
    """
    if sys.version_info[:2] < PYTHON_AT_LEAST:
        wanted = ".".join(map(str, PYTHON_AT_LEAST))
        advice = f"say which one to use: make PYTHON=python{wanted} …"
        raise system.Missing(f"missing: Python {wanted} or newer, this is {sys.version.split()[0]}; {advice}")
    if steps.VENV.exists():
        return
    probe = [sys.executable, "-c", "import ensurepip, venv"]
    if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        raise system.Missing("missing: Python's venv module; on Debian, as root: apt-get install python3-venv")


def check_system(names: Sequence[str], *, install: bool) -> None:
    """Check the system sets among `names`; all that is missing is named at once.

    Raises:
        Missing: something is not there and could not be installed.
    """
    chosen = [name.removeprefix("system:") for name in names if name.startswith("system:")]
    needs = list(dict.fromkeys(need for name in chosen for need in system.SETS[name]))
    system.require(needs, install=system.apt_install if install and system.can_install() else None)


if __name__ == "__main__":
    sys.exit(main())

"""What only an installation's owner may do, done through the product's own use cases: the first organisation, a token
that is known beforehand, a code that signs in.

It runs where the functions' settings are the environment: in this process, or as `python -m infra.local.bootstrap`,
which reads the wish from its standard input and writes the outcome to its standard output, so that no secret is
seen in a list of processes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

ORGANIZATION_ID = "demo"
PERSON = "local"
TIMEOUT_SECONDS = 30
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall hold afterwards; everything may be wished again."""

    organization: str = "Demo"
    token: str = ""
    """The text of a token with every scope; empty: one is made."""
    moved_from: str = ""
    """The public origin that stored addresses of repositories begin with, when it is another one now."""
    moved_to: str = ""
    gap: bool = True
    """Whether pushes may have been missed: the next sweep compares every repository with its host."""
    sign_in: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """The token that works, and a code that signs a person in once."""

    token: str
    code: str


def bootstrap(wish: Wish) -> Outcome:
    """Fulfil `wish` with the adapters that the settings in the environment name.

    Raises:
        ValueError: the wished token has not the form of one.
    """
    from chalicelib import wiring
    from chalicelib.core.actors import Actor, Scope
    from chalicelib.core.organizations import token_text
    from chalicelib.usecases import bootstrap as usecase

    records, clock, chance = wiring.records(), wiring.clock(), wiring.chance()
    usecase.make_organization(ORGANIZATION_ID, wish.organization, records)
    token = wish.token or token_text(chance.id(), chance.secret())
    if not usecase.keep_token(ORGANIZATION_ID, token, records, clock, scopes=tuple(Scope)):
        raise ValueError("an API token is gim_<16 of a-z and 0-9>_<32 to 64 letters, digits, - or _>")
    if wish.moved_from and wish.moved_from != wish.moved_to:
        _move_repositories(wish.moved_from, wish.moved_to)
    if wish.gap:
        usecase.note_gap(records)
    person = Actor("person", PERSON, "you")
    code = usecase.make_sign_in_code(ORGANIZATION_ID, person, records, clock, chance) if wish.sign_in else ""
    return Outcome(token, code)


def _move_repositories(before: str, after: str) -> None:
    """Let repositories that we host follow our public origin to another port."""
    from dataclasses import replace

    from chalicelib import wiring
    from chalicelib.core.records import repositories_pk
    from chalicelib.core.repositories import Repository
    from chalicelib.ports.records import Replace

    page = wiring.records().list_index(Repository, "index1", repositories_pk(ORGANIZATION_ID), limit=100)
    for one in page.items:
        if one.url.startswith(before):
            moved = replace(one, url=after + one.url.removeprefix(before), version=one.version + 1)
            wiring.records().write(Replace(moved))


def bootstrap_in_child(wish: Wish, settings: dict[str, str]) -> Outcome:
    """The same in a process of its own, whose environment holds `settings`.

    Raises:
        RuntimeError: it failed; the message holds the end of what it said.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "infra.local.bootstrap"],
        input=json.dumps(asdict(wish)),
        cwd=_ROOT,
        env=kept | settings,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the first organisation could not be made:\n{done.stderr[-2000:]}")
    return Outcome(**json.loads(done.stdout))


if __name__ == "__main__":
    json.dump(asdict(bootstrap(Wish(**json.load(sys.stdin)))), sys.stdout)

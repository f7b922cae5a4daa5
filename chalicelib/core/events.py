"""Every change of a release appends an event in the same transaction; notices, ledger and activity only read these."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.core.actors import Actor


@dataclass(frozen=True, slots=True)
class Transition:
    """`subject` is `RELEASE#<id>`; `number` is the release's version after it."""

    organization_id: str
    subject: str
    number: int
    name: str
    actor: Actor
    cause: str
    at: datetime
    before: str
    after: str
    version: int = 1

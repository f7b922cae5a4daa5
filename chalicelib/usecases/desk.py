"""The desk where requests are taken: recorded, numbered by chance and time, passed on."""

from dataclasses import dataclass

from chalicelib.ports.queues import Queues
from chalicelib.ports.records import Records
from chalicelib.ports.stores import Chance, Clock


@dataclass(frozen=True, slots=True)
class Desk:
    """What taking a request needs."""

    records: Records
    queues: Queues
    clock: Clock
    chance: Chance

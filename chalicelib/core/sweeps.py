"""Rows of the net under everything: when the last sweep ran, and which environment an agent's key belongs to."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SweepRow:
    """When the last sweep ran: a gap means that every repository is compared once."""

    ran_at: datetime
    version: int = 1


@dataclass(frozen=True, slots=True)
class AgentKeyRow:
    """Finds the environment of an agent's key; the hash is judged against the environment's own list."""

    id: str
    organization_id: str
    environment_id: str
    version: int = 1

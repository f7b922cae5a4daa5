"""Facts outlive releases: what became live where and when. Never expiring."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Fact:
    """A release became live in an environment."""

    organization_id: str
    environment_id: str
    app: str
    release_id: str
    artifact_id: str
    live_at: datetime
    ended_at: datetime | None = None
    outcome: str = "live"
    version: int = 1

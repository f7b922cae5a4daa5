"""Git repositories that an organisation imported, their hooks, and what is known of their branches."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Host(StrEnum):
    """The kind of Git host: decides how it is read and what its payloads look like."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    GIT = "git"


class Use(StrEnum):
    """What the repository is for."""

    APPLICATION = "application"
    GITOPS = "gitops"


@dataclass(frozen=True, slots=True)
class Repository:
    """An imported repository. `host` says how it is read, `hook_payload` what its webhooks look like."""

    id: str
    organization_id: str
    path: str
    url: str
    host: Host
    hook_payload: Host
    use: Use
    default_branch: str = "main"
    hook_id: str = ""
    credential: str = ""  # reference
    push_spacing_seconds: int = 0
    heads_compared_at: datetime | None = None
    created_at: datetime | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook that we registered: its id names repository, tenant and secret."""

    id: str
    organization_id: str
    repository_id: str
    provider: Host
    secret: str  # reference
    last_delivery_at: datetime | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook delivery whose effects are stored; written by the worker, never by the API."""

    organization_id: str
    provider: str
    id: str
    repository_id: str
    outcome: str
    processed_at: datetime
    version: int = 1


@dataclass(frozen=True, slots=True)
class Branch:
    """The row of one ref: its last processed head, and how many decisions it had."""

    organization_id: str
    repository_id: str
    ref: str
    head: str
    number: int
    version: int = 1

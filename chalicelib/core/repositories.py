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


class Artifacts(StrEnum):
    """What makes the repository's artifacts: each push, or its CI, for which pushes then wait."""

    PUSH = "push"
    CI = "ci"


PREVIEW_DAYS = 14


@dataclass(frozen=True, slots=True)
class Repository:
    """An imported repository. `host` says how it is read, `hook_payload` what its webhooks look like.

    `ci_artifact_at`: when CI first shipped an artifact; with `artifacts: push` the switch is offered then.
    """

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
    artifacts: Artifacts = Artifacts.PUSH
    ci_artifact_at: datetime | None = None
    preview_days: int = PREVIEW_DAYS
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


@dataclass(frozen=True, slots=True)
class Preview:
    """The instance of one manifest for one branch: its name is chosen once, and looked up when it goes.

    `of` is the app that the manifest names; `app` the one that was made of it.
    """

    organization_id: str
    repository_id: str
    environment_id: str
    environment: str
    of: str
    branch: str
    expires_at: datetime
    app: str = ""
    pull_request: int = 0
    fork: bool = False
    version: int = 1


@dataclass(frozen=True, slots=True)
class PreviewName:
    """The name of an app in an environment, taken by one preview."""

    organization_id: str
    environment_id: str
    app: str
    repository_id: str
    branch: str
    version: int = 1

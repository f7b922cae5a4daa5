"""Decisions: what each manifest of an artifact says to its version, and which releases follow."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.core.actors import Actor
from chalicelib.core.errors import Problem
from chalicelib.core.policies import CleanupPolicy
from chalicelib.core.releases import Kind


@dataclass(frozen=True, slots=True)
class AppDecision:
    """Yes or no for one manifest, with the reason in words. `release_id` is set when it is yes.

    `cleanup` is the manifest's policy, and `cleanup_app` the app that goes with this branch: when the branch is gone
    they can't be read any more. Of a deleted branch's decision `kind` is delete.
    """

    environment: str
    app: str
    deploy: bool
    reason: str
    file: str = ""
    source_index: int = 0
    manifest_index: int = 0
    release_id: str = ""
    problems: tuple[Problem, ...] = ()
    kind: Kind = Kind.DEPLOY
    cleanup: CleanupPolicy | None = None
    cleanup_app: str = ""
    preview_branch: str = ""  # `app` is a preview of this branch …
    preview_of: str = ""  # … and of the app that the manifest names


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A stored decision; its key is (repository, ref, number), or the artifact for CI's."""

    organization_id: str
    repository_id: str
    ref: str
    number: int
    artifact_id: str
    sha: str
    request_id: str
    actor: Actor
    cause_kind: str
    cause_id: str
    items: tuple[AppDecision, ...]
    received_at: datetime
    decided_at: datetime
    version: int = 1


@dataclass(frozen=True, slots=True)
class Request:
    """What someone asked; its id is what `/api` returns. `state`: new, processed, error."""

    id: str
    organization_id: str
    kind: str  # release, rollback, delete
    actor: Actor
    created_at: datetime
    automatic: bool
    state: str = "new"
    error: str = ""
    artifact_id: str = ""
    environment: str = ""
    app: str = ""
    release_ids: tuple[str, ...] = ()
    version: int = 1

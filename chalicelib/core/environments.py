"""Environments: where releases go, which GitOps repository holds them, which agent and hooks speak for them."""

import re
from dataclasses import dataclass
from datetime import datetime

from chalicelib.core.errors import Rejected

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")
PROTECTED_NAMES = frozenset({"prod", "production"})


@dataclass(frozen=True, slots=True)
class AgentKey:
    """A key of the environment's agent, by its hash. Two may be valid while one is rotated out."""

    id: str
    secret_hash: str
    created_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AgentPresence:
    """When an agent was last known to be there. `state`: never, online, away."""

    state: str = "never"
    since: datetime | None = None
    agent_version: str = ""
    kubernetes_version: str = ""
    connection_id: str = ""


@dataclass(frozen=True, slots=True)
class Environment:
    """One column of the apps page. Settings are part of the value, with its author and instant."""

    id: str
    organization_id: str
    name: str
    position: int
    gitops_repository_id: str
    repo_per_env: bool = False
    protected: bool = False
    create_namespaces: bool = True
    kustomization_per_app: bool = True
    agent_keys: tuple[AgentKey, ...] = ()
    webhook_secret: str = ""  # reference
    ingress_suffix: str = ""  # a preview's host is its app and this
    presence: AgentPresence = AgentPresence()
    changed_by: str = ""
    created_at: datetime | None = None
    version: int = 1

    def folder(self) -> str:
        """Prefix of the environment's files in its GitOps repository: empty, or `<name>/`."""
        return "" if self.repo_per_env else f"{self.name}/"


def check_environment_name(name: str) -> str:
    """The name, or `Rejected` with the rule it breaks."""
    if not _NAME.fullmatch(name):
        raise Rejected(f"environment name {name[:60]!r} must be 1 to 32 of a-z, 0-9 and '-', from a letter to no '-'")
    return name

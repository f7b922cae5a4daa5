"""Where each record lives: its key, its places in the indexes, and the document that browsers see of it.

Keys that could be another tenant's start with the organisation. The rows found before the tenant is known (tokens,
sessions, codes, hooks, agent keys) are keyed by an unguessable or opaque id and name their organisation inside.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.core.apps import App
from chalicelib.core.artifacts import Artifact
from chalicelib.core.decisions import DecisionRecord, Request
from chalicelib.core.environments import Environment
from chalicelib.core.events import Transition
from chalicelib.core.facts import Fact
from chalicelib.core.identity import derive_id
from chalicelib.core.organizations import OneTimeCode, Organization, Session, Token
from chalicelib.core.releases import OPEN, Release
from chalicelib.core.repositories import Branch, Delivery, Hook, Preview, PreviewName, Repository
from chalicelib.core.sweeps import AgentKeyRow, SweepRow
from chalicelib.core.trains import Attempt, Chain, ChainCommit, Waiting


@dataclass(frozen=True, slots=True)
class Key:
    """Primary key of a row."""

    pk: str
    sk: str


@dataclass(frozen=True, slots=True)
class Place:
    """A row's place in an index; rows come sorted by `sk`."""

    index: str  # index1, index2
    pk: str
    sk: str


def organization_key(organization_id: str) -> Key:
    return Key(f"ORG#{organization_id}", "ORG")


def token_key(token_id: str) -> Key:
    return Key(f"TOKEN#{token_id}", "TOKEN")


def session_key(id_hash: str) -> Key:
    return Key(f"SESSION#{id_hash}", "SESSION")


def code_key(code_hash: str) -> Key:
    return Key(f"CODE#{code_hash}", "CODE")


def agent_key_key(key_id: str) -> Key:
    return Key(f"AGENTKEY#{key_id}", "AGENTKEY")


def environment_key(organization_id: str, environment_id: str) -> Key:
    return Key(f"ORG#{organization_id}", f"ENV#{environment_id}")


def environment_name_key(organization_id: str, name: str) -> Key:
    return Key(f"ORG#{organization_id}", f"ENVNAME#{name}")


def repository_key(organization_id: str, repository_id: str) -> Key:
    return Key(f"ORG#{organization_id}", f"REPO#{repository_id}")


def hook_key(hook_id: str) -> Key:
    return Key(f"HOOK#{hook_id}", "HOOK")


def delivery_key(organization_id: str, provider: str, delivery_id: str) -> Key:
    return Key(f"ORG#{organization_id}#DELIVERY#{provider}#{delivery_id}", "DELIVERY")


def branch_key(organization_id: str, repository_id: str, ref: str) -> Key:
    return Key(f"ORG#{organization_id}#REPO#{repository_id}", f"REF#{ref}")


def decision_key(organization_id: str, repository_id: str, ref: str, number: int) -> Key:
    return Key(f"ORG#{organization_id}#REPO#{repository_id}", f"DECISION#{ref}#{number:012d}")


def preview_key(organization_id: str, repository_id: str, branch: str, environment_id: str = "", of: str = "") -> Key:
    """A preview; its `sk` without environment and app begins those of all previews of the branch."""
    below = f"#{environment_id}#{of}" if of else "#"
    return Key(f"ORG#{organization_id}#REPO#{repository_id}#PREVIEWS", f"PREVIEW#{derive_id(branch)}{below}")


def preview_name_key(organization_id: str, environment_id: str, app: str) -> Key:
    return Key(f"ORG#{organization_id}#APP#{environment_id}", f"PREVIEWNAME#{app}")


def previews_pk(organization_id: str) -> str:
    """Partition of index1 with all previews, by their end."""
    return f"ORG#{organization_id}#PREVIEWS"


def artifact_key(organization_id: str, artifact_id: str) -> Key:
    return Key(f"ORG#{organization_id}#ARTIFACT#{artifact_id}", "ARTIFACT")


def request_key(organization_id: str, request_id: str) -> Key:
    return Key(f"ORG#{organization_id}#REQUEST#{request_id}", "REQUEST")


def release_key(organization_id: str, release_id: str) -> Key:
    return Key(f"ORG#{organization_id}#RELEASE#{release_id}", "RELEASE")


def app_key(organization_id: str, environment_id: str, app: str) -> Key:
    return Key(f"ORG#{organization_id}#APP#{environment_id}", f"APP#{app}")


def train_pk(organization_id: str, gitops_repository_id: str) -> str:
    return f"ORG#{organization_id}#TRAIN#{gitops_repository_id}"


def waiting_key(organization_id: str, gitops_repository_id: str, release_id: str) -> Key:
    return Key(train_pk(organization_id, gitops_repository_id), f"WAITING#{release_id}")


def attempt_key(organization_id: str, gitops_repository_id: str) -> Key:
    return Key(train_pk(organization_id, gitops_repository_id), "ATTEMPT")


def chain_key(organization_id: str, gitops_repository_id: str) -> Key:
    return Key(train_pk(organization_id, gitops_repository_id), "CHAIN")


def chain_commit_key(organization_id: str, gitops_repository_id: str, sha: str) -> Key:
    return Key(f"ORG#{organization_id}#CHAIN#{gitops_repository_id}", f"COMMIT#{sha}")


def sweep_key() -> Key:
    return Key("SWEEP", "SWEEP")


def releases_of_app_pk(organization_id: str, environment_id: str, app: str) -> str:
    """Partition of index1 with an app's releases, by creation."""
    return f"ORG#{organization_id}#RELEASES#{environment_id}#{app}"


def releases_of_environment_pk(organization_id: str, environment_id: str) -> str:
    """Partition of index2 with an environment's releases, by creation."""
    return f"ORG#{organization_id}#RELEASES#{environment_id}"


def organizations_pk() -> str:
    """Partition of index1 with all organisations: read by `sweep` only."""
    return "ORGANIZATIONS"


def environments_pk(organization_id: str) -> str:
    return f"ORG#{organization_id}#ENVIRONMENTS"


def repositories_pk(organization_id: str) -> str:
    return f"ORG#{organization_id}#REPOSITORIES"


def tokens_pk(organization_id: str) -> str:
    return f"ORG#{organization_id}#TOKENS"


def artifacts_pk(organization_id: str) -> str:
    return f"ORG#{organization_id}#ARTIFACTS"


def artifact_by_sha_pk(organization_id: str, sha: str) -> str:
    return f"ORG#{organization_id}#SHA#{sha}"


def open_releases_pk(organization_id: str) -> str:
    """Partition of index2 with the releases that have not ended their way to Git: what `sweep` looks after."""
    return f"ORG#{organization_id}#OPEN"


def apps_pk(organization_id: str) -> str:
    return f"ORG#{organization_id}#APPS"


def requests_of_artifact_pk(organization_id: str, artifact_id: str) -> str:
    return f"ORG#{organization_id}#REQUESTS#{artifact_id}"


def decisions_of_sha_pk(organization_id: str, sha: str) -> str:
    return f"ORG#{organization_id}#DECISIONS#{sha}"


def _instant(release: Release) -> str:
    return f"{release.created_at.timestamp():017.6f}#{release.id}"


_KEYS: dict[type, Callable[[Any], Key]] = {
    Organization: lambda r: organization_key(r.id),
    Token: lambda r: token_key(r.id),
    Session: lambda r: session_key(r.id_hash),
    OneTimeCode: lambda r: code_key(r.code_hash),
    AgentKeyRow: lambda r: agent_key_key(r.id),
    Environment: lambda r: environment_key(r.organization_id, r.id),
    Repository: lambda r: repository_key(r.organization_id, r.id),
    Hook: lambda r: hook_key(r.id),
    Delivery: lambda r: delivery_key(r.organization_id, r.provider, r.id),
    Branch: lambda r: branch_key(r.organization_id, r.repository_id, r.ref),
    DecisionRecord: lambda r: decision_key(r.organization_id, r.repository_id, r.ref, r.number),
    Preview: lambda r: preview_key(r.organization_id, r.repository_id, r.branch, r.environment_id, r.of),
    PreviewName: lambda r: preview_name_key(r.organization_id, r.environment_id, r.app),
    Artifact: lambda r: artifact_key(r.organization_id, r.id),
    Request: lambda r: request_key(r.organization_id, r.id),
    Release: lambda r: release_key(r.organization_id, r.id),
    App: lambda r: app_key(r.organization_id, r.environment_id, r.app),
    Waiting: lambda r: waiting_key(r.organization_id, r.gitops_repository_id, r.release_id),
    Attempt: lambda r: attempt_key(r.organization_id, r.gitops_repository_id),
    Chain: lambda r: chain_key(r.organization_id, r.gitops_repository_id),
    ChainCommit: lambda r: chain_commit_key(r.organization_id, r.gitops_repository_id, r.sha),
    Transition: lambda r: Key(f"ORG#{r.organization_id}#{r.subject}", f"EVENT#{r.number:012d}"),
    Fact: lambda r: Key(f"ORG#{r.organization_id}#FACTS#{r.environment_id}#{r.app}", f"FACT#{r.release_id}"),
    SweepRow: lambda _: sweep_key(),
}

_PLACES: dict[type, Callable[[Any], tuple[Place, ...]]] = {
    Organization: lambda r: (Place("index1", organizations_pk(), r.id),),
    Token: lambda r: (Place("index1", tokens_pk(r.organization_id), r.id),),
    Environment: lambda r: (Place("index1", environments_pk(r.organization_id), f"{r.position:06d}#{r.name}"),),
    Repository: lambda r: (Place("index1", repositories_pk(r.organization_id), r.path),),
    Preview: lambda r: (
        Place(
            "index1", previews_pk(r.organization_id), f"{r.expires_at.timestamp():017.6f}#{r.environment_id}#{r.app}"
        ),
    ),
    Artifact: lambda r: (
        Place("index1", artifacts_pk(r.organization_id), f"{r.created:012d}#{r.id}"),
        Place("index2", artifact_by_sha_pk(r.organization_id, r.version_of.sha), f"{r.created:012d}#{r.id}"),
    ),
    DecisionRecord: lambda r: (
        Place("index1", decisions_of_sha_pk(r.organization_id, r.sha), f"{r.decided_at.timestamp():017.6f}#{r.number}"),
    ),
    Request: lambda r: (
        (Place("index1", requests_of_artifact_pk(r.organization_id, r.artifact_id), r.id),) if r.artifact_id else ()
    ),
    Release: lambda r: (
        Place("index1", releases_of_app_pk(r.organization_id, r.environment_id, r.app), _instant(r)),
        Place("index2", open_releases_pk(r.organization_id), r.id)
        if r.state in OPEN
        else Place("index2", releases_of_environment_pk(r.organization_id, r.environment_id), _instant(r)),
    ),
    App: lambda r: (Place("index1", apps_pk(r.organization_id), f"{r.app}#{r.environment_id}"),),
}


def key_of(record: object) -> Key:
    """The primary key of any record."""
    return _KEYS[type(record)](record)


def places_of(record: object) -> tuple[Place, ...]:
    """Where the record stands in the indexes."""
    find = _PLACES.get(type(record))
    return find(record) if find else ()

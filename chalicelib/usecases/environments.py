"""Environments: made by an admin with an agent key and a webhook secret, both shown once."""

import re
from dataclasses import dataclass, replace

from chalicelib.core import flux
from chalicelib.core.actors import Caller
from chalicelib.core.environments import PROTECTED_NAMES, AgentKey, Environment, check_environment_name
from chalicelib.core.errors import DuplicateRecord, NotFound, Rejected
from chalicelib.core.identity import derive_id
from chalicelib.core.organizations import agent_key_text, hash_secret
from chalicelib.core.records import agent_key_key, environment_key, environments_pk
from chalicelib.core.repositories import Use
from chalicelib.core.sweeps import AgentKeyRow
from chalicelib.ports.records import Create, Page, Records, Remove, Replace
from chalicelib.ports.stores import Chance, Clock, Secrets
from chalicelib.usecases.repositories import get_repository

MAX_ENVIRONMENTS = 200
_INGRESS_SUFFIX = re.compile(r"(?=.{0,200}\Z)([a-z0-9-]{0,40}(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+)?")


@dataclass(frozen=True, slots=True)
class NewEnvironment:
    """What an admin asks for."""

    name: str
    gitops_repository_id: str
    position: int = 0
    repo_per_env: bool = False
    protected: bool | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A new environment with its secrets, shown once."""

    environment: Environment
    agent_key: str
    webhook_secret: str


def environment_id(organization_id: str, name: str) -> str:
    """Names are unique in an organisation, so the id is made of both."""
    return derive_id("environment", organization_id, name)[:16]


def make_environment(
    caller: Caller, wanted: NewEnvironment, records: Records, secrets: Secrets, clock: Clock, chance: Chance
) -> Made:
    """Make an environment. Raises `Rejected` when the name is taken or the repository is none for manifests."""
    name = check_environment_name(wanted.name)
    if find_environment(caller.organization_id, name, records):
        raise Rejected(f"environment {name!r} is there already")
    repository = get_repository(caller.organization_id, wanted.gitops_repository_id, records)
    if repository.use is not Use.GITOPS:
        raise Rejected(f"repository {repository.path!r} is an application's: an environment needs a GitOps repository")
    key, row, text = _new_key(caller.organization_id, environment_id(caller.organization_id, name), clock, chance)
    webhook_secret = chance.secret()
    environment = Environment(
        id=row.environment_id,
        organization_id=caller.organization_id,
        name=name,
        position=wanted.position,
        gitops_repository_id=repository.id,
        repo_per_env=wanted.repo_per_env,
        protected=name in PROTECTED_NAMES if wanted.protected is None else wanted.protected,
        agent_keys=(key,),
        webhook_secret=f"environments/{row.environment_id}/{key.id}",  # no other attempt writes over this one's
        changed_by=caller.actor.name,
        created_at=clock(),
    )
    secrets.put(environment.webhook_secret, webhook_secret)
    try:
        records.write(Create(environment), Create(row))
    except DuplicateRecord as error:
        raise Rejected(f"environment {name!r} is there already") from error
    return Made(environment, text, webhook_secret)


def rotate_agent_key(
    caller: Caller, name: str, records: Records, clock: Clock, chance: Chance, *, revoke: bool = False
) -> str:
    """A new agent key; the old ones go on working unless `revoke`."""
    environment = get_environment(caller.organization_id, name, records)
    key, row, text = _new_key(caller.organization_id, environment.id, clock, chance)
    kept = () if revoke else environment.agent_keys[-1:]
    gone = [Remove(agent_key_key(old.id)) for old in environment.agent_keys if old not in kept]
    changed = replace(
        environment, agent_keys=(*kept, key), changed_by=caller.actor.name, version=environment.version + 1
    )
    records.write(Replace(changed), Create(row), *gone)
    return text


def change_environment(caller: Caller, name: str, ingress_suffix: str, records: Records) -> Environment:
    """Change the environment's settings. Raises `Rejected` for a suffix that no host name may end with."""
    if not _INGRESS_SUFFIX.fullmatch(ingress_suffix):
        raise Rejected(f"ingress suffix {ingress_suffix[:80]!r} must read like .preview.example.org or be empty")
    environment = get_environment(caller.organization_id, name, records)
    changed = replace(
        environment,
        ingress_suffix=ingress_suffix,
        changed_by=caller.actor.name,
        version=environment.version + 1,
    )
    records.write(Replace(changed))
    return changed


def list_environments(caller: Caller, cursor: str, limit: int, records: Records) -> Page[Environment]:
    """Environments in their order."""
    pk = environments_pk(caller.organization_id)
    return records.list_index(Environment, "index1", pk, cursor=cursor, limit=limit)


def get_environment(organization_id: str, name: str, records: Records) -> Environment:
    """The environment of this name. Raises `NotFound`."""
    found = find_environment(organization_id, name, records)
    if found is None:
        raise NotFound(f"there is no environment {name[:60]!r}")
    return found


def find_environment(organization_id: str, name: str, records: Records) -> Environment | None:
    """The environment of this name, or none."""
    return records.get(Environment, environment_key(organization_id, environment_id(organization_id, name)))


def flux_files(caller: Caller, name: str, records: Records) -> dict[str, str]:
    """What to apply to the cluster so that Flux follows the environment. No secret is among it."""
    environment = get_environment(caller.organization_id, name, records)
    repository = get_repository(caller.organization_id, environment.gitops_repository_id, records)
    return flux.connect_files(environment, repository.url, repository.default_branch)


def _new_key(organization_id: str, environment: str, clock: Clock, chance: Chance) -> tuple[AgentKey, AgentKeyRow, str]:
    secret = chance.secret()
    key = AgentKey(chance.id(), hash_secret(secret), clock())
    return key, AgentKeyRow(key.id, organization_id, environment), agent_key_text(key.id, secret)

"""What live state asks of the records: whose key this is, what a session may, whether an agent is there, and where
an agent's sights go."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.core.actors import Caller, Permission, permissions_of
from chalicelib.core.environments import AgentPresence, Environment
from chalicelib.core.errors import StaleRecord
from chalicelib.core.organizations import Session, read_agent_key
from chalicelib.core.records import agent_key_key, environment_key, session_key
from chalicelib.core.sweeps import AgentKeyRow
from chalicelib.core.topics import environment_topic
from chalicelib.ports.connections import AgentIdentity
from chalicelib.ports.live import AgentInfo, DocumentStore
from chalicelib.ports.queues import Queues
from chalicelib.ports.records import Records, Replace
from chalicelib.ports.stores import Clock
from chalicelib.usecases.track_release import Seen, cause_in, observe
from chalicelib.wire import bodies

ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class RecordedAgentKeys:
    """The port `AgentKeys` on records."""

    records: Records

    def agent_of(self, key: str, at: datetime) -> AgentIdentity | None:
        """See `AgentKeys.agent_of`."""
        presented = read_agent_key(key)
        row = self.records.get(AgentKeyRow, agent_key_key(presented.id)) if presented else None
        if presented is None or row is None:
            return None
        environment = self.records.get(Environment, environment_key(row.organization_id, row.environment_id))
        if environment is None:
            return None
        for known in environment.agent_keys:
            valid = known.expires_at is None or known.expires_at > at
            if known.id == presented.id and valid and hmac.compare_digest(known.secret_hash, presented.secret_hash):
                return AgentIdentity(row.organization_id, environment.id, environment.name, known.id)
        return None


@dataclass(frozen=True, slots=True)
class RecordedAccess:
    """The port `Access` on records."""

    records: Records
    clock: Clock

    def permissions_of(self, caller: Caller) -> frozenset[Permission]:
        """See `Access.permissions_of`."""
        session = self.records.get(Session, session_key(caller.session_id))
        if session is None or session.is_over(self.clock()):
            return frozenset()
        return permissions_of(session.scopes)


@dataclass(frozen=True, slots=True)
class RecordedPresence:
    """The port `EnvironmentPresence` on records."""

    records: Records

    def online(self, organization: str, environment_id: str, info: AgentInfo, at: datetime) -> None:
        """See `EnvironmentPresence.online`."""
        there = AgentPresence("online", at, info.agent_version, info.kubernetes_version, info.connection_id)

        def change(now: AgentPresence) -> AgentPresence:
            same = now.state == "online" and now.connection_id == info.connection_id
            return now if same else there

        self._change(organization, environment_id, change)

    def away(self, organization: str, environment_id: str, connection_id: str, since: datetime) -> None:
        """See `EnvironmentPresence.away`."""

        def change(now: AgentPresence) -> AgentPresence:
            if now.connection_id != connection_id or now.state == "away":
                return now
            return replace(now, state="away", since=since)

        self._change(organization, environment_id, change)

    def _change(self, organization: str, environment_id: str, change: Callable[[AgentPresence], AgentPresence]) -> None:
        for _ in range(ATTEMPTS):
            environment = self.records.get(Environment, environment_key(organization, environment_id))
            if environment is None:
                return
            presence = change(environment.presence)
            if presence is environment.presence:
                return
            try:
                self.records.write(Replace(replace(environment, presence=presence, version=environment.version + 1)))
            except StaleRecord:
                continue
            return
        raise StaleRecord("the environment is being written by many at once")


@dataclass(frozen=True, slots=True)
class RecordedProgress:
    """The port `ReleaseProgress` on records: the app document tells the cause when something is wrong."""

    records: Records
    documents: DocumentStore
    queues: Queues
    clock: Clock

    def observe(self, agent: AgentIdentity, app: str, kustomization: bodies.FluxObject, observed_at: datetime) -> None:
        """See `ReleaseProgress.observe`."""
        cause = "" if kustomization.ready == "True" else self._cause(agent, app)
        seen = Seen(agent.organization, agent.environment_id, app, kustomization, observed_at, cause)
        observe(seen, self.records, self.queues, self.clock)

    def _cause(self, agent: AgentIdentity, app: str) -> str:
        doc = self.documents.get(environment_topic(agent.organization, agent.environment_id), f"app/{app}")
        return cause_in(doc.body) if doc is not None and doc.body is not None else ""

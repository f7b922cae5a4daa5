"""Agents whose end nobody heard of: an environment that says online is held against its socket."""

from datetime import datetime

from chalicelib.core.environments import Environment
from chalicelib.core.records import environments_pk
from chalicelib.ports.connections import Connections, Sockets
from chalicelib.ports.live import EnvironmentPresence
from chalicelib.ports.records import Records
from chalicelib.usecases.live_presence import OnlineEnvironment, check_agent

MOST = 200  # environments of an organisation


def check_agents(
    organization_id: str,
    records: Records,
    connections: Connections,
    sockets: Sockets,
    presence: EnvironmentPresence,
    now: datetime,
) -> int:
    """Note as away each agent that is gone; answers how many are there."""
    page = records.list_index(Environment, "index1", environments_pk(organization_id), limit=MOST)
    there = 0
    for environment in page.items:
        if environment.presence.state == "online":
            online = OnlineEnvironment(organization_id, environment.id, environment.presence.connection_id)
            there += check_agent(online, connections, sockets, presence, now)
    return there

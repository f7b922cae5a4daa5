"""The composition root: the only place that names adapters. Lazy and cached, so that a function loads what it uses."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.settings import settings

if TYPE_CHECKING:
    from chalicelib.adapters.connections_table import ConnectionsTable, SubscriptionsTable, TicketsTable
    from chalicelib.adapters.documents_table import DocumentsTable
    from chalicelib.adapters.git_host import GitHost
    from chalicelib.adapters.gitops import GitRepo
    from chalicelib.adapters.records_table import RecordsTable
    from chalicelib.adapters.sandbox import Sandbox
    from chalicelib.adapters.sockets import ApiGatewaySockets
    from chalicelib.adapters.sqs import SqsQueues
    from chalicelib.adapters.topics_table import TopicsTable
    from chalicelib.core.repositories import Repository
    from chalicelib.ports.git import RepoAddress
    from chalicelib.ports.live import LivePorts, Pace
    from chalicelib.ports.queues import RenderCall
    from chalicelib.ports.rendering import Charts, ChartShelf
    from chalicelib.ports.stores import Chance, Clock, Secrets, Trees
    from chalicelib.usecases.decide_push import Intake
    from chalicelib.usecases.desk import Desk
    from chalicelib.usecases.live_records import RecordedAgentKeys, RecordedPresence
    from chalicelib.usecases.live_relay import RelayPorts
    from chalicelib.usecases.render_release import Kitchen
    from chalicelib.usecases.run_train import Train

CHARTS_FOLDER = Path(__file__).resolve().parent.parent / "infra" / "charts"


@cache
def records() -> "RecordsTable":
    """The records table."""
    from chalicelib.adapters.dynamodb import Table
    from chalicelib.adapters.records_table import RecordsTable
    from chalicelib.adapters.sources import now_us

    return RecordsTable(Table(settings().records_table), Table(settings().documents_table), now_us)


@cache
def documents() -> "DocumentsTable":
    """Live documents and cards."""
    from chalicelib.adapters.documents_table import DocumentsTable
    from chalicelib.adapters.dynamodb import Table

    return DocumentsTable(Table(settings().documents_table))


@cache
def topics() -> "TopicsTable":
    """Any topic, stored or projected."""
    from chalicelib.adapters.dynamodb import Table
    from chalicelib.adapters.topics_table import TopicsTable

    return TopicsTable(Table(settings().documents_table), Table(settings().records_table))


@cache
def connections() -> "ConnectionsTable":
    """Open sockets."""
    from chalicelib.adapters.connections_table import ConnectionsTable
    from chalicelib.adapters.dynamodb import Table

    return ConnectionsTable(Table(settings().documents_table))


@cache
def subscriptions() -> "SubscriptionsTable":
    """Who looks at what."""
    from chalicelib.adapters.connections_table import SubscriptionsTable
    from chalicelib.adapters.dynamodb import Table

    return SubscriptionsTable(Table(settings().documents_table))


@cache
def tickets() -> "TicketsTable":
    """One-use proofs for browsers' sockets."""
    from chalicelib.adapters.connections_table import TicketsTable
    from chalicelib.adapters.dynamodb import Table

    return TicketsTable(Table(settings().documents_table))


@cache
def sockets() -> "ApiGatewaySockets":
    """Posts to open sockets."""
    from chalicelib.adapters.sockets import ApiGatewaySockets

    return ApiGatewaySockets(settings().websocket_endpoint)


@cache
def queues() -> "SqsQueues":
    """The queues between functions."""
    from chalicelib.adapters.sqs import SqsQueues

    return SqsQueues(settings().intake_queue_url, settings().render_queue_url, settings().train_queue_url)


@cache
def secrets() -> "Secrets":
    """Secrets by reference."""
    from chalicelib.adapters.ssm import SsmSecrets

    return SsmSecrets(settings().secrets_prefix)


@cache
def trees() -> "Trees":
    """Rendered trees by digest."""
    from chalicelib.adapters.s3 import S3Trees

    return S3Trees(settings().bucket)


@cache
def render_call() -> "RenderCall":
    """What the API asks of the image function."""
    from chalicelib.adapters.function_call import LambdaRenderCall

    return LambdaRenderCall(settings().render_function)


def clock() -> "Clock":
    """The time now."""
    from chalicelib.adapters.sources import utc_now

    return utc_now


@cache
def chance() -> "Chance":
    """Unguessable text."""
    from chalicelib.adapters.sources import SystemChance

    return SystemChance()


def desk() -> "Desk":
    """Where requests are taken."""
    from chalicelib.usecases.desk import Desk

    return Desk(records(), queues(), clock(), chance())


@cache
def agent_keys() -> "RecordedAgentKeys":
    """The environments' agent keys."""
    from chalicelib.usecases.live_records import RecordedAgentKeys

    return RecordedAgentKeys(records())


@cache
def presence() -> "RecordedPresence":
    """Whether an environment's agent is there."""
    from chalicelib.usecases.live_records import RecordedPresence

    return RecordedPresence(records())


@cache
def live() -> "LivePorts":
    """All that a message of a socket may need."""
    from chalicelib.ports.live import LivePorts
    from chalicelib.usecases.live_records import RecordedProgress

    return LivePorts(
        documents=documents(),
        topics=topics(),
        cards=documents(),
        connections=connections(),
        subscriptions=subscriptions(),
        sockets=sockets(),
        presence=presence(),
        progress=RecordedProgress(records(), documents(), queues(), clock()),
    )


@cache
def pace() -> "Pace":
    """The passing of time."""
    from chalicelib.adapters.pace import RealPace

    return RealPace()


@cache
def relay_ports() -> "RelayPorts":
    """All that relaying needs."""
    from chalicelib.usecases.live_records import RecordedAccess
    from chalicelib.usecases.live_relay import RelayPorts

    access = RecordedAccess(records(), clock())
    return RelayPorts(subscriptions(), connections(), sockets(), access, pace())


@cache
def sandbox() -> "Sandbox":
    """Templates and the engine, in a child process."""
    from chalicelib.adapters.sandbox import Sandbox

    return Sandbox(spares=True)


@cache
def chart_shelf() -> "ChartShelf":
    """Our own charts."""
    from chalicelib.adapters.chart_shelf import FolderShelf

    return FolderShelf(CHARTS_FOLDER)


@cache
def kitchen() -> "Kitchen":
    """What rendering takes."""
    from chalicelib.adapters.cue import CueCommand
    from chalicelib.usecases.render_release import Kitchen

    return Kitchen(sandbox(), sandbox(), charts, _reader, trees(), CueCommand())


@cache
def charts(organization_id: str) -> "Charts":
    """Charts as an organisation may fetch them."""
    from chalicelib.adapters.charts import HelmCharts
    from chalicelib.adapters.s3_charts import S3Charts
    from chalicelib.core.chart_refs import authorization_in, credential_reference

    def credentials(host: str) -> str | None:
        line = secrets().get(credential_reference(organization_id, host))
        return authorization_in(line, host) if line is not None else None

    cache = S3Charts(settings().bucket, organization_id)
    return HelmCharts(CHARTS_FOLDER, settings().chart_hosts, credentials=credentials, cache=cache)


@cache
def intake() -> "Intake":
    """What `intake` works with."""
    from chalicelib.adapters.cue import CueCommand
    from chalicelib.usecases.decide_push import Intake

    return Intake(records(), _source, sandbox(), queues(), clock(), CueCommand())


def train(repository: "Repository") -> "Train":
    """The train of a repository."""
    from chalicelib.usecases.run_train import Train

    return Train(repository, _gitops(repository, "train"), records(), trees(), clock())


def _reader(repository: "Repository") -> "GitRepo":
    return _gitops(repository, "render")


def _gitops(repository: "Repository", user: str) -> "GitRepo":
    return _gitops_at(_address(repository), user)


@cache
def _gitops_at(address: "RepoAddress", user: str) -> "GitRepo":
    """One object a repository: it keeps what it read."""
    from chalicelib.adapters.gitops import GitRepo

    return GitRepo(address, Path(settings().clone_dir) / user, _credential)


def _source(repository: "Repository") -> "GitHost":
    return _source_at(_address(repository))


@cache
def _source_at(address: "RepoAddress") -> "GitHost":
    from chalicelib.adapters.git_host import GitHost

    return GitHost(address, Path(settings().clone_dir) / "intake", _credential)


def _address(repository: "Repository") -> "RepoAddress":
    from chalicelib.ports.git import RepoAddress

    return RepoAddress(repository.url, repository.default_branch, repository.credential or None)


def _credential(reference: str) -> str:
    """The header line behind a reference. Raises `Rejected` when there is none."""
    from chalicelib.core.errors import Rejected

    value = secrets().get(reference)
    if value is None:
        raise Rejected("the repository's credential is not stored any more")
    return value

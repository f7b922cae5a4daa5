"""Bodies of the documents that browsers show, by topic. Instants are RFC 3339 UTC text. Limits: `docs/live.md`.

`env:<environment id>` is written by the environment's agent; `apps`, `releases` and `environments` are projections of
records. Readers ignore fields they do not know and show unknown hops, states and words as they are.
"""

import msgspec

# ---- env:<environment id>, from the agent

READINESS_LOST = "ReadinessLost"  # reason of a pod that was ready since its containers started, and no longer is


class Condition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A condition of a Kubernetes object that is not fine."""

    type: str
    status: str
    reason: str = ""
    message: str = ""


class Workload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A Deployment, StatefulSet or DaemonSet in numbers of pods."""

    kind: str
    namespace: str
    name: str
    wanted: int = 0
    updated: int = 0
    ready: int = 0
    available: int = 0
    images: list[str] = []
    git_sha: str = ""
    settled: bool = True  # the controller has observed the newest generation
    suspended: bool = False
    conditions: list[Condition] = []


class Pod(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`pod/<app or ->/<namespace>/<name>`, ≤ 600 bytes. `state` is the word of `docs/live.md`, Pod state."""

    namespace: str
    name: str
    workload: str = ""  # "Deployment/shop"
    state: str
    ready: bool = False
    restarts: int = 0
    since: str = ""
    reason: str = ""
    message: str = ""  # cut to 256
    last_exit: str = ""


class Service(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A Service in front of the app."""

    namespace: str
    name: str
    ports: list[int] = []


class JobRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A Job or CronJob and how its last run ended."""

    kind: str
    namespace: str
    name: str
    active: int = 0
    succeeded: int = 0
    failed: int = 0
    suspended: bool = False
    last_run_at: str = ""
    reason: str = ""


class FluxObject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`flux/<kind>/<namespace>/<name>`: readiness of a Flux object."""

    kind: str
    namespace: str
    name: str
    app: str = ""
    ready: str = "Unknown"  # True, False, Unknown
    reason: str = ""
    message: str = ""
    reconciling: str = ""  # message of the condition Reconciling while it is True
    last_attempted: str = ""  # revision
    last_applied: str = ""  # revision
    suspended: bool = False
    since: str = ""


class App(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`app/<app>`, ≤ 24 KB: all that health needs. `more` says how many entries of a list were cut."""

    app: str
    repository: str = ""
    commit: str = ""
    workloads: list[Workload] = []
    services: list[Service] = []
    urls: list[str] = []
    links: dict[str, str] = {}
    owner: str = ""
    jobs: list[JobRun] = []
    kustomization: FluxObject | None = None
    pods: list[Pod] = []  # the five worst; none that is fine
    pod_states: dict[str, int] = {}
    more: dict[str, int] = {}


class WarningEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A warning event of an object of the app."""

    object: str
    reason: str
    message: str = ""
    count: int = 1
    last_at: str = ""


class Events(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`events/<app>`: the newest ten warnings."""

    app: str
    warnings: list[WarningEvent] = []


class Namespace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`namespace/<ns>`: what no app owns, in counts."""

    namespace: str
    pods: int = 0
    pod_states: dict[str, int] = {}
    workloads: int = 0


class Cluster(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`cluster`: the cluster as a whole."""

    kubernetes_version: str = ""
    missing_kinds: list[str] = []


# ---- apps


class Health(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A health word. `next` is a calmer word that holds from its instant on."""

    word: str  # Healthy, Progressing, Degraded, Failing, Suspended
    reason: str = ""
    object: str = ""
    since: str = ""
    next: "NextHealth | None" = None


class NextHealth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The word that readers show from `at` on."""

    word: str
    at: str


class DesiredRelease(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The release that the GitOps repository now holds for the app."""

    id: str
    sha: str
    commit: str
    message: str = ""  # ≤ 80
    who: str = ""
    at: str = ""
    state: str = ""


class UnderWay(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The newest release that has not come to its end."""

    id: str
    sha: str
    hop: str
    state: str
    reason: str = ""  # ≤ 120
    since: str = ""


class LiveSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Pods of the app in numbers, and the commit they say they run."""

    wanted: int = 0
    ready: int = 0
    commit: str = ""


class Hold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Automatic releases are stopped."""

    by: str
    why: str = ""
    since: str = ""


class Card(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`<app>/<environment id>` in topic `apps`, ≤ 600 bytes: what one cell of the apps page shows."""

    app: str
    environment: str
    environment_id: str
    repository: str = ""
    desired: DesiredRelease | None = None
    under_way: UnderWay | None = None
    live: LiveSummary | None = None
    health: Health | None = None
    hold: Hold | None = None


# ---- releases, environments


class Reason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a hop waits or ended as it did. `kind` is stable, `text` is for people."""

    kind: str
    text: str
    until: str = ""
    needs: str = ""


class Hop(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step of a release. `state`: waiting, running, done, failed, skipped."""

    name: str  # received, decided, rendered, committed, fetched, applied, healthy, live
    state: str
    started_at: str = ""
    ended_at: str = ""
    reason: Reason | None = None


class Version(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The commit an artifact was made from."""

    repository: str
    sha: str
    branch: str = ""
    event: str = "push"
    tag: str = ""
    message: str = ""
    author: str = ""
    url: str = ""


class Release(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`<environment id>/<app>/<release id>` in topic `releases`, and `GET /v1/releases/{id}`."""

    id: str
    request_id: str
    app: str
    environment: str
    environment_id: str
    kind: str  # deploy, rollback, delete
    state: str
    hops: list[Hop] = []
    reason: Reason | None = None
    version: Version | None = None
    artifact_id: str = ""
    actor: str = ""
    cause: str = ""
    commit: str = ""  # of the GitOps repository
    restores: str = ""
    created_at: str = ""
    live_at: str = ""


class Presence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether the environment's agent is there. `state`: never, online, away."""

    state: str = "never"
    since: str = ""
    agent_version: str = ""
    kubernetes_version: str = ""


class Environment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`<environment id>` in topic `environments`."""

    id: str
    name: str
    position: int = 0
    protected: bool = False
    apps_repository: str = ""
    agent: Presence = Presence()

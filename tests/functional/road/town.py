"""The whole write path on fakes: hosts, queues, tables and workers in memory, in a few milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from chalicelib.core.actors import Actor, Caller, Scope, permissions_of
from chalicelib.core.environments import Environment
from chalicelib.core.payloads import PullAction, PullRequest, Push
from chalicelib.core.releases import Release
from chalicelib.core.repositories import Host, Repository, Use
from chalicelib.ports.git import RepoAddress
from chalicelib.usecases.decide_push import Intake
from chalicelib.usecases.desk import Desk
from chalicelib.usecases.environments import NewEnvironment, make_environment
from chalicelib.usecases.intake import take_in
from chalicelib.usecases.render_release import Kitchen, render_release
from chalicelib.usecases.repositories import import_repository
from chalicelib.usecases.run_train import Train, run_train
from tests.fakes_git import FakeGitOpsRepo, FakeGitServer, FakeSourceRepo
from tests.fakes_records import FakeChance, FakeClock, FakeQueues, FakeRecords, FakeSecrets, FakeTrees
from tests.fakes_rendering import FakeCharts, FakeCue, FakeEngine, FakeTemplates

ADMIN = Caller("acme", Actor("person", "jane", "Jane"), permissions_of((Scope.ADMIN,)))
MAIN = "refs/heads/main"


def manifest(app: str = "shop", env: str = "staging", *, branch: str = "main", value: str = "{{ .SHA }}") -> str:
    """A manifest that renders one ConfigMap with a value in it."""
    return f"""app: {app}
env: {env}
namespace: {app}
deploy:
  branch: {branch}
  event: push
manifests: |
  apiVersion: v1
  kind: ConfigMap
  metadata:
    name: {app}
  data:
    value: "{value}"
"""


class DeafRepo(FakeGitOpsRepo):
    """Pushes, and dies before it hears the answer."""

    def push(self, tip: str, expected: str | None) -> None:
        super().push(tip, expected)
        raise ConnectionError("killed")


@dataclass
class Town:
    """One organisation, its GitOps repository, and everything that works for it."""

    records: FakeRecords = field(default_factory=FakeRecords)
    queues: FakeQueues = field(default_factory=FakeQueues)
    trees: FakeTrees = field(default_factory=FakeTrees)
    secrets: FakeSecrets = field(default_factory=FakeSecrets)
    clock: FakeClock = field(default_factory=FakeClock)
    chance: FakeChance = field(default_factory=FakeChance)
    hosts: FakeGitServer = field(default_factory=FakeGitServer)
    gitops: Repository = field(init=False)

    def __post_init__(self) -> None:
        self.gitops = self.repository("acme/gitops", Use.GITOPS)

    @property
    def desk(self) -> Desk:
        return Desk(self.records, self.queues, self.clock, self.chance)

    @property
    def intake(self) -> Intake:
        return Intake(self.records, self.source, FakeTemplates(), self.queues, self.clock, FakeCue())

    def repository(self, path: str, use: Use = Use.APPLICATION, hook: Host = Host.GITHUB) -> Repository:
        """Import a repository."""
        url = f"https://git.example/{path}"
        self.hosts.create(url)
        made = Repository(
            id=self.chance.id(),
            organization_id="acme",
            path=path,
            url=url,
            host=Host.GIT,
            hook_payload=hook,
            use=use,
            hook_id=self.chance.id() if use is Use.APPLICATION else "",
        )
        import_repository(ADMIN, made, self.desk, self.secrets)
        self.settle()
        return made

    def environment(self, name: str, **options: bool) -> Environment:
        """Make an environment."""
        wanted = NewEnvironment(name, self.gitops.id, **options)
        return make_environment(ADMIN, wanted, self.records, self.secrets, self.clock, self.chance).environment

    def source(self, repository: Repository) -> FakeSourceRepo:
        return FakeSourceRepo(self.hosts, RepoAddress(repository.url, repository.default_branch))

    def gitops_repo(self, repository: Repository) -> FakeGitOpsRepo:
        return FakeGitOpsRepo(self.hosts, RepoAddress(repository.url, repository.default_branch))

    def commit(self, repository: Repository, files: dict[str, str | None], ref: str = MAIN, **options: object) -> Push:
        """A developer pushes; answers what a webhook would say, and delivers nothing."""
        before = self.hosts.refs[repository.url].get(ref, "")
        changes = {path: None if text is None else text.encode() for path, text in files.items()}
        after = self.hosts.commit(repository.url, ref, changes, **options)  # type: ignore[arg-type] # passed on
        return Push(ref, before, after)

    def deliver(self, repository: Repository, push: Push, delivery: str = "") -> None:
        """The webhook's message reaches the intake queue."""
        self.queues.send_intake(
            {
                "kind": "push",
                "organization_id": "acme",
                "repository_id": repository.id,
                "provider": "github",
                "delivery_id": delivery or self.chance.id(),
                "ref": push.ref,
                "before": push.before,
                "after": push.after,
                "received_at": self.clock().isoformat(),
            }
        )

    def push(self, repository: Repository, files: dict[str, str | None], ref: str = MAIN) -> Push:
        """Push, deliver, and let everything that follows happen."""
        push = self.commit(repository, files, ref)
        self.deliver(repository, push)
        self.settle()
        return push

    def pushed(self, ref: str, before: str, after: str) -> Push:
        """What a webhook says of a ref that moved."""
        return Push(ref, before, after)

    def tell(self, repository: Repository, **facts: object) -> None:
        """A webhook's message of any kind reaches the intake queue."""
        envelope = {"organization_id": "acme", "repository_id": repository.id, "provider": "github"}
        times = {"delivery_id": self.chance.id(), "received_at": self.clock().isoformat()}
        self.queues.send_intake({**envelope, **times, **facts})

    def tell_deleted(self, repository: Repository, ref: str) -> None:
        """A webhook says that a ref is gone."""
        self.tell(repository, kind="deleted", ref=ref)

    def tell_pull(
        self,
        repository: Repository,
        action: PullAction,
        source: str,
        *,
        number: int = 7,
        target: str = "main",
        fork: bool = False,
        sha: str = "",
        labels: tuple[str, ...] = (),
    ) -> None:
        """A webhook says something of a pull request."""
        head = sha or self.hosts.refs[repository.url].get(f"refs/heads/{source}", "0" * 39 + "1")
        pull = PullRequest(action, number, head, source, target, fork, labels, "jane")
        self.tell(repository, kind="pull_request", pull=msgspec.to_builtins(pull))

    def delete(self, repository: Repository, ref: str) -> None:
        """A developer deletes a branch or tag, the host tells, and everything that follows happens."""
        del self.hosts.refs[repository.url][ref]
        self.tell_deleted(repository, ref)
        self.settle()

    def settle(self) -> None:
        """Work until no message is left."""
        while self.queues.intake or self.queues.render or self.queues.rings:
            self.settle_one()

    def settle_one(self) -> None:
        """Work on one message, the first function's first."""
        if self.queues.intake:
            self._intake()
        elif self.queues.render:
            self._render()
        else:
            self._train()

    def _intake(self) -> None:
        take_in(self.queues.intake[0], self.intake)
        del self.queues.intake[0]

    def _render(self) -> None:
        message = self.queues.render[0]
        charts = FakeCharts()
        kitchen = Kitchen(FakeTemplates(), FakeEngine(), lambda _: charts, self.gitops_repo, self.trees, FakeCue())
        ids = (message["organization_id"], message["release_id"])
        render_release(*ids, kitchen, self.records, self.queues, self.clock)
        del self.queues.render[0]

    def _train(self) -> None:
        self.run_train()
        del self.queues.rings[0]

    def run_train(self, repo: FakeGitOpsRepo | None = None) -> int | None:
        """Wake the train once."""
        repo = repo or self.gitops_repo(self.gitops)
        return run_train(Train(self.gitops, repo, self.records, self.trees, self.clock), self.queues)

    def train_that_dies_after_its_push(self) -> None:
        """Wake a train whose host takes the push and whose answer is never heard."""
        repo = DeafRepo(self.hosts, RepoAddress(self.gitops.url, self.gitops.default_branch))
        run_train(Train(self.gitops, repo, self.records, self.trees, self.clock), self.queues)

    def releases(self, app: str = "shop") -> list[Release]:
        """The app's releases, oldest first."""
        found = [one for one in self.records.all(Release) if one.app == app]
        return sorted(found, key=lambda one: (one.environment, one.number))

    def states(self, app: str = "shop") -> list[str]:
        return [one.state.value for one in self.releases(app)]

    def log(self) -> list[str]:
        """Subjects of the GitOps repository's commits, oldest first."""
        head = self.hosts.refs[self.gitops.url].get(MAIN)
        return [one.message.split("\n")[0] for one in self.hosts.chain(None, head, 1000)] if head else []

    def file(self, path: str) -> str | None:
        """A file at the GitOps repository's head."""
        head = self.hosts.refs[self.gitops.url].get(MAIN)
        content = self.hosts.get(head)[1].get(path) if head else None
        return content.decode() if isinstance(content, bytes) else None

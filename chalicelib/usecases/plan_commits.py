"""Which of the waiting releases are committed now, and what each changes: read the branch, ask `core.plans`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.core import flux
from chalicelib.core.apps import App, is_held
from chalicelib.core.environments import Environment
from chalicelib.core.errors import Failure, NotFound, Unavailable
from chalicelib.core.namespaces import namespaces_of
from chalicelib.core.plans import ChangeSet, Standing, Wanted, plan_delete, plan_deploy, plan_rollback
from chalicelib.core.records import app_key, environment_key
from chalicelib.core.releases import Kind, Reason, Release, State
from chalicelib.ports.git import CommitPlan, FileChange, GitOpsRepo
from chalicelib.ports.records import Records
from chalicelib.ports.stores import Trees

AUTHOR_NAME = "Gimlet"
AUTHOR_EMAIL = "gimlet@gimlet.io"


@dataclass(frozen=True, slots=True)
class Planned:
    """A release and its commit."""

    release: Release
    commit: CommitPlan


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The branch holds it already, by this commit."""

    commit: str


@dataclass(frozen=True, slots=True)
class SortedOut:
    """Releases to commit, and those that end here with state and reason."""

    chosen: tuple[Release, ...]
    ended: tuple[tuple[Release, State, Reason], ...]


def sort_out(waiting: Sequence[Release], records: Records, now: datetime) -> SortedOut:
    """Apply holds first; of the rest the highest number of each app goes, above the committed one."""
    ended: list[tuple[Release, State, Reason]] = []
    passing: dict[tuple[str, str], list[Release]] = {}
    rows: dict[tuple[str, str], App | None] = {}
    for release in waiting:
        key = (release.environment_id, release.app)
        if key not in rows:
            rows[key] = records.get(App, app_key(release.organization_id, *key))
        reason = _held(release, rows[key], now)
        if reason:
            ended.append((release, State.HELD, reason))
        else:
            passing.setdefault(key, []).append(release)
    chosen = []
    for key, group in passing.items():
        best = max(group, key=lambda release: release.number)
        row = rows[key]
        if row is not None and best.number <= row.committed_number:
            by = row.desired.id if row.desired else "a newer release"
            ended += [(release, State.SUPERSEDED, _superseded(by)) for release in group]
            continue
        chosen.append(best)
        ended += [(release, State.SUPERSEDED, _superseded(best.id)) for release in group if release is not best]
    return SortedOut(tuple(chosen), tuple(ended))


def _held(release: Release, app: App | None, now: datetime) -> Reason | None:
    if not release.automatic or app is None or app.hold is None or not is_held(app, now):
        return None
    hold = app.hold
    return Reason("hold", f"{hold.by.name} holds automatic releases since {hold.since:%Y-%m-%d %H:%M} UTC: {hold.why}")


def _superseded(by: str) -> Reason:
    return Reason("superseded", f"a newer release of the app goes instead: {by}")


@dataclass(slots=True)
class Planner:
    """Plans against one head; reads only the folders that the chosen releases write."""

    repo: GitOpsRepo
    records: Records
    trees: Trees
    head: str | None
    environments: dict[str, Environment] = field(default_factory=dict)

    def prefetch(self, chosen: Sequence[Release]) -> None:
        """Fetch all folders that will be read, together; a release that can't be planned says so when it is."""
        folders = []
        for release in chosen:
            try:
                folders.append(self._folder(release))
            except NotFound:
                continue
        if self.head is not None and folders:
            self.repo.prefetch(self.head, folders)

    def plan(self, release: Release) -> Planned | Unchanged | Reason:
        """The release's commit, or that nothing changes, or why it can't be."""
        try:
            change = self._change(release)
        except Unavailable:
            raise
        except Failure as error:
            return Reason("rejected", error.message)
        if change is None:
            return Unchanged(self._holder(release))
        changes = tuple(FileChange(path, content) for path, content in sorted(change.changes.items()))
        at = int(release.created_at.timestamp())
        return Planned(release, CommitPlan(changes, change.message, AUTHOR_NAME, AUTHOR_EMAIL, at))

    def _change(self, release: Release) -> ChangeSet | None:
        environment = self._environment(release)
        if release.kind is Kind.DELETE:
            return plan_delete(release, environment, self._standing(release, environment))
        if release.kind is Kind.ROLLBACK:
            restored = self._files(release.restores_commit, f"{environment.folder()}{release.app}")
            return plan_rollback(release, environment, restored, self._standing(release, environment))
        files = self.trees.get(release.organization_id, release.tree)
        wanted = Wanted({name: text.encode() for name, text in files.items()}, namespaces_of(files))
        standing = self._standing(release, environment, wanted.namespaces)
        return plan_deploy(release, environment, wanted, standing)

    def _standing(self, release: Release, environment: Environment, namespaces: tuple[str, ...] = ()) -> Standing:
        if self.head is None:
            return Standing({})
        files = self._files(self.head, self._folder(release))
        kustomization = self.repo.read_file(self.head, flux.kustomization_path(environment, release.app))
        present = frozenset(
            name
            for name in namespaces
            if self.repo.read_file(self.head, flux.namespace_path(environment, name)) is not None
        )
        return Standing(files, kustomization, present)

    def _files(self, commit: str, folder: str) -> Mapping[str, bytes]:
        prefix = f"{folder}/"
        return {path.removeprefix(prefix): content for path, content in self.repo.read(commit, folder).items()}

    def _folder(self, release: Release) -> str:
        return f"{self._environment(release).folder()}{release.app}"

    def _environment(self, release: Release) -> Environment:
        known = self.environments.get(release.environment_id)
        if known is None:
            known = self.records.get(Environment, environment_key(release.organization_id, release.environment_id))
            if known is None:
                raise NotFound(f"environment {release.environment!r} does not exist any more")
            self.environments[release.environment_id] = known
        return known

    def _holder(self, release: Release) -> str:
        row = self.records.get(App, app_key(release.organization_id, release.environment_id, release.app))
        return row.desired.commit if row and row.desired else ""

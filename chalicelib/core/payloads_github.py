"""GitHub's webhooks. Source: docs.github.com/webhooks/webhook-events-and-payloads.

Gitea spells pushes, deletions, pull requests and statuses alike, and reads them here too.
"""

from collections.abc import Callable

import msgspec

from chalicelib.core import payloads
from chalicelib.core.payloads import (
    Checks,
    CheckState,
    Event,
    HostRepository,
    Ignored,
    Installation,
    Ping,
    PullAction,
    PullRequest,
    RepositoryChanged,
    https_url,
    read_body,
    short_text,
)

PULL_ACTIONS = {
    "opened": PullAction.OPENED,
    "reopened": PullAction.OPENED,
    "synchronize": PullAction.UPDATED,
    "synchronized": PullAction.UPDATED,  # Gitea
    "edited": PullAction.UPDATED,  # its target may be another one now
    "closed": PullAction.CLOSED,
    "labeled": PullAction.LABELLED,
    "label_updated": PullAction.LABELLED,  # Gitea
}
_INSTALLATION_ACTIONS = {
    "created": "created",
    "deleted": "deleted",
    "suspend": "suspended",
    "unsuspend": "unsuspended",
    "added": "repositories",
    "removed": "repositories",
}
_REPOSITORY_ACTIONS = {
    "renamed": "changed",
    "transferred": "changed",
    "edited": "changed",
    "archived": "archived",
    "unarchived": "unarchived",
    "deleted": "deleted",
}
_FAILED = frozenset({"failure", "cancelled", "timed_out", "action_required", "startup_failure", "stale", "error"})
_RUNNING = frozenset({"in_progress"})


class _Push(msgspec.Struct):
    ref: str
    before: str
    after: str


class _Delete(msgspec.Struct):
    ref: str
    ref_type: str


class _Named(msgspec.Struct):
    name: str


class _User(msgspec.Struct):
    login: str


class _Repository(msgspec.Struct):
    id: int
    full_name: str
    default_branch: str = ""


class _RepositoryId(msgspec.Struct):
    id: int


class _Side(msgspec.Struct):
    ref: str
    sha: str
    repo: _RepositoryId | None = None  # none where a fork was deleted


class _Pull(msgspec.Struct):
    number: int
    head: _Side
    base: _Side
    labels: list[_Named] | None = None


class _PullRequest(msgspec.Struct):
    action: str
    pull_request: _Pull
    sender: _User | None = None


class _Check(msgspec.Struct):
    head_sha: str
    name: str | None = None
    status: str | None = None
    conclusion: str | None = None
    html_url: str | None = None
    app: _Named | None = None


class _CheckRun(msgspec.Struct):
    check_run: _Check


class _CheckSuite(msgspec.Struct):
    check_suite: _Check


class _WorkflowRun(msgspec.Struct):
    workflow_run: _Check


class _Status(msgspec.Struct):
    sha: str
    state: str
    context: str
    target_url: str | None = None


class _InstallationFacts(msgspec.Struct):
    id: int
    account: _User


class _Installation(msgspec.Struct):
    action: str
    installation: _InstallationFacts
    repositories: list[_Repository] = []
    repositories_added: list[_Repository] = []
    repositories_removed: list[_Repository] = []


class _RepositoryEvent(msgspec.Struct):
    action: str
    repository: _Repository


def decode(event: str, body: bytes) -> Event:
    """The event in a body; `event` is what the header says. Raises `Rejected` with what is wrong."""
    reader = _READERS.get(event)
    return reader(body) if reader else Ignored(short_text(event, 40))


def read_push(body: bytes) -> Event:
    """A push; one to nowhere is a deletion."""
    push = read_body(body, _Push, "push")
    return payloads.moved(push.ref, push.before, push.after)


def read_delete(body: bytes) -> Event:
    """A deleted branch or tag."""
    gone = read_body(body, _Delete, "delete")
    return payloads.deleted(gone.ref_type, gone.ref)


def read_pull_request(body: bytes) -> Event:
    """A pull request. One whose fork is not named any more counts as a fork's."""
    told = read_body(body, _PullRequest, "pull request")
    action = PULL_ACTIONS.get(told.action)
    if action is None:
        return Ignored(f"pull request {short_text(told.action, 40)}")
    pull = told.pull_request
    same = pull.head.repo is not None and pull.base.repo is not None and pull.head.repo.id == pull.base.repo.id
    return PullRequest(
        action=action,
        number=payloads.pull_number(pull.number),
        head_sha=payloads.sha(pull.head.sha),
        source_branch=payloads.ref_name(pull.head.ref),
        target_branch=payloads.ref_name(pull.base.ref),
        is_fork=not same,
        labels=tuple(short_text(label.name, 100) for label in (pull.labels or [])[:100]),
        by=short_text(told.sender.login, 100) if told.sender else "",
    )


def read_status(body: bytes) -> Event:
    """A commit status."""
    told = read_body(body, _Status, "status")
    state = {"success": CheckState.PASSED, "pending": CheckState.RUNNING}.get(told.state, CheckState.FAILED)
    return Checks(payloads.sha(told.sha), short_text(told.context), state, https_url(told.target_url))


def _read_ping(_: bytes) -> Event:
    return Ping()


def _read_check_run(body: bytes) -> Event:
    return _check(read_body(body, _CheckRun, "check run").check_run)


def _read_check_suite(body: bytes) -> Event:
    return _check(read_body(body, _CheckSuite, "check suite").check_suite)


def _read_workflow_run(body: bytes) -> Event:
    return _check(read_body(body, _WorkflowRun, "workflow run").workflow_run)


def _check(check: _Check) -> Event:
    name = check.name or (check.app.name if check.app else "") or "checks"
    return Checks(payloads.sha(check.head_sha), short_text(name), _state(check), https_url(check.html_url))


def _state(check: _Check) -> CheckState:
    if check.conclusion == "success":
        return CheckState.PASSED
    if check.conclusion in ("neutral", "skipped"):
        return CheckState.SKIPPED
    if check.conclusion in _FAILED:
        return CheckState.FAILED
    return CheckState.RUNNING if check.status in _RUNNING else CheckState.WAITING


def _read_installation(body: bytes) -> Event:
    told = read_body(body, _Installation, "installation")
    action = _INSTALLATION_ACTIONS.get(told.action)
    if action is None:
        return Ignored(f"installation {short_text(told.action, 40)}")
    return Installation(
        action=action,
        id=str(told.installation.id),
        account=short_text(told.installation.account.login, 100),
        added=tuple(
            map(_host_repository, [*told.repositories, *told.repositories_added] if action != "deleted" else [])
        ),
        removed=tuple(map(_host_repository, told.repositories_removed)),
    )


def _read_repository(body: bytes) -> Event:
    told = read_body(body, _RepositoryEvent, "repository")
    action = _REPOSITORY_ACTIONS.get(told.action)
    if action is None:
        return Ignored(f"repository {short_text(told.action, 40)}")
    branch = payloads.ref_name(told.repository.default_branch) if told.repository.default_branch else ""
    return RepositoryChanged(action, _host_repository(told.repository), branch)


def _host_repository(repository: _Repository) -> HostRepository:
    return HostRepository(str(repository.id), short_text(repository.full_name))


_READERS: dict[str, Callable[[bytes], Event]] = {
    "push": read_push,
    "delete": read_delete,
    "pull_request": read_pull_request,
    "check_run": _read_check_run,
    "check_suite": _read_check_suite,
    "workflow_run": _read_workflow_run,
    "status": read_status,
    "installation": _read_installation,
    "installation_repositories": _read_installation,
    "repository": _read_repository,
    "ping": _read_ping,
}

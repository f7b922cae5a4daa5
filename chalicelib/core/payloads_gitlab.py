"""GitLab's webhooks. Source: docs.gitlab.com/user/project/integrations/webhook_events.

GitLab signs nothing: its token in `X-Gitlab-Token` is the secret itself. What an update of a merge request changed is
told by `oldrev` (its commits) and `changes` (its labels).
"""

from collections.abc import Callable

import msgspec

from chalicelib.core import payloads
from chalicelib.core.payloads import (
    Checks,
    CheckState,
    Event,
    Ignored,
    PullAction,
    PullRequest,
    https_url,
    read_body,
    short_text,
)

_ACTIONS = {
    "open": PullAction.OPENED,
    "reopen": PullAction.OPENED,
    "close": PullAction.CLOSED,
    "merge": PullAction.CLOSED,
}
_STATES = {
    "success": CheckState.PASSED,
    "failed": CheckState.FAILED,
    "canceled": CheckState.FAILED,
    "canceling": CheckState.FAILED,
    "running": CheckState.RUNNING,
    "skipped": CheckState.SKIPPED,
}


class _Push(msgspec.Struct):
    ref: str
    before: str
    after: str


class _Commit(msgspec.Struct):
    id: str


class _Request(msgspec.Struct):
    iid: int
    source_branch: str
    target_branch: str
    source_project_id: int
    target_project_id: int
    last_commit: _Commit
    action: str | None = None
    oldrev: str | None = None


class _Label(msgspec.Struct):
    title: str


class _User(msgspec.Struct):
    username: str = ""


class _LabelChange(msgspec.Struct):
    current: list[_Label] = []


class _Changes(msgspec.Struct):
    labels: _LabelChange | None = None


class _MergeRequest(msgspec.Struct):
    object_attributes: _Request
    labels: list[_Label] | None = None
    changes: _Changes | None = None
    user: _User | None = None


class _Pipeline(msgspec.Struct):
    sha: str
    status: str
    name: str | None = None
    url: str | None = None


class _PipelineEvent(msgspec.Struct):
    object_attributes: _Pipeline


class _Build(msgspec.Struct):
    sha: str
    build_name: str
    build_status: str


def decode(event: str, body: bytes) -> Event:
    """The event in a body; `event` is what the header says. Raises `Rejected` with what is wrong."""
    reader = _READERS.get(event)
    return reader(body) if reader else Ignored(short_text(event, 40))


def _read_push(body: bytes) -> Event:
    push = read_body(body, _Push, "push")
    return payloads.moved(push.ref, push.before, push.after)


def _read_merge_request(body: bytes) -> Event:
    told = read_body(body, _MergeRequest, "merge request")
    request = told.object_attributes
    action = _ACTIONS.get(request.action or "") or _update(told)
    if action is None:
        return Ignored(f"merge request {short_text(request.action or 'without action', 40)}")
    return PullRequest(
        action=action,
        number=payloads.pull_number(request.iid),
        head_sha=payloads.sha(request.last_commit.id),
        source_branch=payloads.ref_name(request.source_branch),
        target_branch=payloads.ref_name(request.target_branch),
        is_fork=request.source_project_id != request.target_project_id,
        labels=tuple(short_text(label.title, 100) for label in (told.labels or [])[:100]),
        by=short_text(told.user.username, 100) if told.user else "",
    )


def _update(told: _MergeRequest) -> PullAction | None:
    if told.object_attributes.action != "update":
        return None
    if told.object_attributes.oldrev:
        return PullAction.UPDATED
    changed = told.changes.labels if told.changes else None
    return PullAction.LABELLED if changed and changed.current else None


def _read_pipeline(body: bytes) -> Event:
    pipeline = read_body(body, _PipelineEvent, "pipeline").object_attributes
    name = short_text(pipeline.name or "pipeline")
    return Checks(payloads.sha(pipeline.sha), name, _state(pipeline.status), https_url(pipeline.url))


def _read_job(body: bytes) -> Event:
    build = read_body(body, _Build, "job")
    return Checks(payloads.sha(build.sha), short_text(build.build_name), _state(build.build_status))


def _state(status: str) -> CheckState:
    return _STATES.get(status, CheckState.WAITING)


_READERS: dict[str, Callable[[bytes], Event]] = {
    "Push Hook": _read_push,
    "Tag Push Hook": _read_push,
    "Merge Request Hook": _read_merge_request,
    "Pipeline Hook": _read_pipeline,
    "Job Hook": _read_job,
}

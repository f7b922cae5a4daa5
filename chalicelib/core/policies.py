"""Which versions go to an environment unasked, and which deleted branches take an app with them.

`decide` is the one place that answers "why was this deployed?" and "why not?": every answer carries a sentence for
people. It knows nothing of protected environments, forks or image builds: those answer before or after it.
"""

from dataclasses import dataclass
from enum import StrEnum

from chalicelib.core.globs import compile_glob, matches

DEPLOY_ALL = "[DEPLOY: ALL]"


class Event(StrEnum):
    """What happened to the version; a version that says nothing was pushed."""

    PUSH = "push"
    TAG = "tag"
    PR = "pr"


@dataclass(frozen=True, slots=True)
class Version:
    """What a policy looks at. `branch` is matched as given (for `pr` intake sets the target branch).

    `changed_paths` is None when nobody told which files changed.
    """

    event: Event = Event.PUSH
    branch: str = ""
    tag: str = ""
    message: str = ""
    changed_paths: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class DeployPolicy:
    """The `deploy` object of a manifest; an empty field is a condition that is not set."""

    branch: str = ""
    tag: str = ""
    event: Event | None = None
    commit_message_patterns: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CleanupPolicy:
    """The `cleanup` object of a manifest; `app` is a template over `BRANCH` only."""

    app: str = ""
    branch: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Yes or no, and why; the reason is kept and shown."""

    deploy: bool
    reason: str


def decide(policy: DeployPolicy | None, version: Version) -> Decision:
    """Whether `policy` sends `version` to its environment unasked. All conditions that are set must hold."""
    if policy is None or policy == DeployPolicy():
        return Decision(False, "no deploy policy: this app is deployed by hand")
    refusal = (
        _branch_refuses(policy, version)
        or _tag_refuses(policy, version)
        or _event_refuses(policy, version)
        or _message_refuses(policy, version)
        or _paths_refuse(policy, version)
    )
    return Decision(False, refusal) if refusal else Decision(True, _agreement(policy, version))


def cleanup_matches(policy: CleanupPolicy | None, deleted_branch: str) -> bool:
    """Whether the deletion of `deleted_branch` takes the policy's app with it."""
    return bool(policy and policy.app and policy.branch and matches(policy.branch, deleted_branch))


def _branch_refuses(policy: DeployPolicy, version: Version) -> str:
    if not policy.branch:
        return ""
    if policy.event is None:
        return f"the policy names branch {policy.branch!r} without an event: add 'event: push' or 'event: pr'"
    if version.event is Event.TAG:
        return f"the policy asks for branch {policy.branch!r}, and this is a tag"
    if not matches(policy.branch, version.branch):
        return f"branch {version.branch!r} does not match {policy.branch!r}"
    return ""


def _tag_refuses(policy: DeployPolicy, version: Version) -> str:
    if not policy.tag:
        return ""
    if version.event is not Event.TAG or not version.tag:
        return f"the policy asks for tag {policy.tag!r}, and this is a {version.event} without a tag event"
    if not matches(policy.tag, version.tag):
        return f"tag {version.tag!r} does not match {policy.tag!r}"
    return ""


def _event_refuses(policy: DeployPolicy, version: Version) -> str:
    if policy.tag and policy.event is None:
        return f"the policy names tag {policy.tag!r} without an event: add 'event: tag'"
    if policy.event is not None and policy.event is not version.event:
        return f"the policy asks for event '{policy.event}', and this is a '{version.event}'"
    return ""


def _message_refuses(policy: DeployPolicy, version: Version) -> str:
    patterns = policy.commit_message_patterns
    if not patterns or DEPLOY_ALL in version.message:
        return ""
    if any(compile_glob(pattern, literal_brackets=True).matches(version.message) for pattern in patterns):
        return ""
    return f"the commit message matches none of {', '.join(map(repr, patterns))}"


def _paths_refuse(policy: DeployPolicy, version: Version) -> str:
    if not policy.paths:
        return ""
    if version.changed_paths is None:
        return "the policy asks for changed paths, and which files changed is not known"
    globs = [compile_glob(pattern) for pattern in policy.paths]
    if any(glob.matches(path) for glob in globs for path in version.changed_paths):
        return ""
    return f"no changed file matches {', '.join(map(repr, policy.paths))}"


def _agreement(policy: DeployPolicy, version: Version) -> str:
    held = [f"event is '{version.event}'"] if policy.event else []
    held += [f"branch {version.branch!r} matches {policy.branch!r}"] if policy.branch else []
    held += [f"tag {version.tag!r} matches {policy.tag!r}"] if policy.tag else []
    held += ["the commit message matches"] if policy.commit_message_patterns else []
    held += ["a changed file matches"] if policy.paths else []
    return " and ".join(held)

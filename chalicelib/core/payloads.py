"""What webhooks tell, as the few facts we act on, and how every host's payload is read: strictly, and nothing more.

A payload is written by an attacker. What is needed and is not as it should be is `Rejected` with a sentence; unknown
fields are not looked at. Names of refs follow git's own rules, so that none can be mistaken for a pattern or an option.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import msgspec

from chalicelib.core.errors import Rejected

REF_BYTES = 400  # DynamoDB: 1,024 bytes a sort key
TEXT_LIMIT = 200
BRANCHES = "refs/heads/"
TAGS = "refs/tags/"
_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_NO_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|//|@\{|(^|/)\.|^-|\.lock(/|$)|[./]$|^/")

Body = TypeVar("Body")


@dataclass(frozen=True, slots=True)
class Push:
    """A branch or tag moved. `before` is empty for a new ref."""

    ref: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RefDeleted:
    """A branch or tag is said to be gone; whoever acts on it asks the host first."""

    ref: str


class PullAction(StrEnum):
    """What happened to a pull request, as far as we act on it."""

    OPENED = "opened"
    UPDATED = "updated"
    CLOSED = "closed"
    LABELLED = "labelled"


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request (GitLab: merge request); branches by their short names. `labels` are those it has now."""

    action: PullAction
    number: int
    head_sha: str
    source_branch: str
    target_branch: str
    is_fork: bool
    labels: tuple[str, ...] = ()
    by: str = ""


class CheckState(StrEnum):
    """How a check of a commit stands."""

    WAITING = "waiting"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Checks:
    """One check of one commit: a check run or suite, a status, a workflow run, a pipeline."""

    sha: str
    name: str
    state: CheckState
    url: str = ""


@dataclass(frozen=True, slots=True)
class HostRepository:
    """A repository by the host's numeric id, which renames do not change."""

    id: str
    path: str


@dataclass(frozen=True, slots=True)
class Installation:
    """Our app was installed, removed or suspended on an account, or sees other repositories than before."""

    action: str  # created, deleted, suspended, unsuspended, repositories
    id: str
    account: str
    added: tuple[HostRepository, ...] = ()
    removed: tuple[HostRepository, ...] = ()


@dataclass(frozen=True, slots=True)
class RepositoryChanged:
    """The repository was renamed, moved, archived, deleted, or has another default branch."""

    action: str  # changed, archived, unarchived, deleted
    repository: HostRepository
    default_branch: str


@dataclass(frozen=True, slots=True)
class Ping:
    """The host tries whether we answer."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event that changes nothing of ours; `event` names it."""

    event: str


Event = Push | RefDeleted | PullRequest | Checks | Installation | RepositoryChanged | Ping | Ignored


def read_body(body: bytes, kind: type[Body], event: str) -> Body:
    """The body as `kind`. Raises `Rejected` with what is wrong."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Rejected(f"this is no {event} event: {error}"[:300]) from error


def is_nested_within(value: object, levels: int) -> bool:
    """Whether a decoded JSON value has at most so many levels of lists and objects in each other."""
    level = [value]
    for _ in range(levels + 1):
        level = [inner for outer in level if isinstance(outer, dict | list) for inner in _members(outer)]
        if not level:
            return True
    return False


def _members(outer: dict[object, object] | list[object]) -> list[object]:
    return list(outer.values()) if isinstance(outer, dict) else outer


def moved(ref: str, before: str, after: str) -> Push | RefDeleted | Ignored:
    """What a push says: a moved ref, a deleted one (`after` is all zeros), or one that is none of ours."""
    if not ref.startswith("refs/"):
        raise Rejected(f"{ref[:80]!r} is no full ref")
    if not ref.startswith((BRANCHES, TAGS)):
        return Ignored(f"push to {short_text(ref, 60)}")
    name, old, new = ref_name(ref), sha_or_none(before), sha_or_none(after)
    return Push(name, old, new) if new else RefDeleted(name)


def deleted(kind: str, name: str) -> RefDeleted | Ignored:
    """What a deletion says, which names branch and tag shortly."""
    prefix = {"branch": BRANCHES, "tag": TAGS}.get(kind)
    return RefDeleted(ref_name(prefix + name)) if prefix else Ignored(f"deletion of a {short_text(kind, 20)}")


def ref_name(text: str) -> str:
    """A full ref or a branch's name, when git would take it. Raises `Rejected`. Source: git-check-ref-format(1)."""
    if not text or len(text.encode()) > REF_BYTES or _NO_REF.search(text):
        raise Rejected(f"{text[:80]!r} is no name of a branch or tag")
    return text


def sha(text: str) -> str:
    """A commit id of SHA-1 or SHA-256 length. Raises `Rejected`."""
    if not _SHA.fullmatch(text):
        raise Rejected(f"{text[:80]!r} is no commit id")
    return text


def sha_or_none(text: str) -> str:
    """A commit id, or empty for one of zeros only. Raises `Rejected`."""
    return "" if set(sha(text)) == {"0"} else text


def pull_number(number: int) -> int:
    """The number of a pull request. Raises `Rejected`."""
    if not 0 < number < 2**53:
        raise Rejected("a pull request's number is a positive whole number")
    return number


def short_text(text: str, limit: int = TEXT_LIMIT) -> str:
    """One line of text that is shown to people, cut to `limit`."""
    return " ".join(text.split())[:limit]


def https_url(text: str | None) -> str:
    """A link that may be shown, or empty."""
    return text if text and text.startswith(("https://", "http://")) and len(text) <= 500 else ""

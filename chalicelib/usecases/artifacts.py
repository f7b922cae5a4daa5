"""Artifacts from CI: stored once, listed newest first; policies are asked by `intake`."""

import json
from dataclasses import dataclass
from typing import Any

import msgspec

from chalicelib.core.actors import Caller
from chalicelib.core.artifacts import Artifact, Source, Version, artifact_id
from chalicelib.core.errors import DuplicateRecord, NotAllowed, Rejected
from chalicelib.core.payloads import is_nested_within
from chalicelib.core.policies import Event
from chalicelib.core.records import artifact_by_sha_pk, artifact_key, artifacts_pk
from chalicelib.ports.queues import Queues
from chalicelib.ports.records import Create, Records
from chalicelib.ports.stores import Clock

PAGE = 100
MOST_READ = 5000
MOST_NESTED = 100  # levels; manifests have a limit of their own, below it
NAME_BYTES = 500  # of a repository, a ref or a commit, which become parts of keys
_KNOWN = frozenset({"id", "created", "version", "environments", "cueEnvironments", "vars", "context", "items", "fake"})


class PostedVersion(msgspec.Struct, rename="camel", kw_only=True, omit_defaults=False):
    """`version` of a posted artifact. A missing event is a push."""

    repository_name: str = ""
    sha: str = ""
    created: int = 0
    branch: str = ""
    event: Event | None = None
    source_branch: str = ""
    target_branch: str = ""
    tag: str = ""
    author_name: str = ""
    author_email: str = ""
    committer_name: str = ""
    committer_email: str = ""
    message: str = ""
    url: str = msgspec.field(default="", name="url")


class PostedArtifact(msgspec.Struct, rename="camel", kw_only=True):
    """The body of `POST /api/artifact`; null lists count as empty ones."""

    version: PostedVersion = msgspec.field(default_factory=PostedVersion)
    environments: list[dict[str, Any]] | None = None
    cue_environments: list[str] | None = None
    vars: dict[str, str] | None = None
    context: dict[str, str] | None = None
    items: list[dict[str, Any]] | None = None
    fake: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """Which artifacts are wanted; empty fields do not matter. Instants in unix seconds."""

    repository: str = ""
    branch: str = ""
    source_branch: str = ""
    event: str = ""
    shas: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    limit: int = 10
    offset: int = 0


def ship_artifact(caller: Caller, body: bytes, records: Records, queues: Queues, clock: Clock) -> tuple[Artifact, bool]:
    """Store a posted artifact; answers it, and whether it is new. The same content again is the stored one."""
    artifact = read_artifact(caller.organization_id, body, int(clock().timestamp()))
    _check_bounds(caller, artifact)
    key = artifact_key(caller.organization_id, artifact.id)
    known = records.get(Artifact, key)
    if known is None:
        try:
            records.write(Create(artifact))
        except DuplicateRecord:
            known = records.get(Artifact, key)
    queues.send_intake(
        {
            "kind": "artifact",
            "organization_id": caller.organization_id,
            "artifact_id": artifact.id,
            "received_at": clock().isoformat(),
        },
    )
    return known or artifact, known is None


def read_artifact(organization_id: str, body: bytes, created: int) -> Artifact:
    """The artifact in a body. Raises `Rejected` with what is wrong."""
    try:
        posted = msgspec.json.decode(body, type=PostedArtifact)
        whole: dict[str, Any] = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected(f"this is no artifact: {error}"[:300]) from error
    if not is_nested_within(whole, MOST_NESTED):
        raise Rejected(f"an artifact may be nested {MOST_NESTED} levels deep")
    version = _version(posted.version)
    content = {key: whole[key] for key in sorted(whole) if key not in ("id", "created", "version")}
    sources = tuple(
        Source(f"environments[{index}]", "json", json.dumps(manifest))
        for index, manifest in enumerate(posted.environments or ())
    )
    cue = tuple(
        Source(f"cueEnvironments[{index}]", "cue", text) for index, text in enumerate(posted.cue_environments or ())
    )
    return Artifact(
        id=artifact_id(organization_id, version, json.dumps(content, sort_keys=True).encode()),
        organization_id=organization_id,
        repository_id="",
        version_of=version,
        created=created,
        sources=sources + cue,
        environments=tuple(posted.environments or ()),
        cue_environments=tuple(posted.cue_environments or ()),
        vars=posted.vars or {},
        context=posted.context or {},
        items=tuple(posted.items or ()),
        fake=posted.fake,
        extra=_unknown(whole),
    )


def _unknown(whole: dict[str, Any]) -> dict[str, Any]:
    """What we do not know, kept for whoever does; of `version` too."""
    known = PostedVersion.__struct_encode_fields__
    more = {key: value for key, value in (whole.get("version") or {}).items() if key not in known}
    extra = {key: value for key, value in whole.items() if key not in _KNOWN}
    return extra | ({"version": more} if more else {})


def _check_bounds(caller: Caller, artifact: Artifact) -> None:
    """Policies deploy what an artifact brings, so a caller bound to environments may bring manifests of these only."""
    if not caller.environments:
        return
    named = {str(manifest.get("env")) for manifest in artifact.environments}
    strange = sorted(name for name in named if not caller.sees(name))
    if strange or artifact.cue_environments:
        what = ", ".join(strange) or "CUE, whose environments can't be told beforehand"
        raise NotAllowed(f"{caller.actor.name!r} is bound to {', '.join(caller.environments)}, and brings {what[:200]}")


def list_artifacts(caller: Caller, wanted: Filter, records: Records) -> list[Artifact]:
    """Artifacts that fit, newest first."""
    if wanted.shas:
        found = [one for sha in dict.fromkeys(wanted.shas) for one in _by_sha(caller.organization_id, sha, records)]
        found = sorted(found, key=lambda artifact: (artifact.created, artifact.id), reverse=True)
        fitting = [artifact for artifact in found if _fits(artifact, wanted)]
        return fitting[wanted.offset : wanted.offset + wanted.limit]
    return _walk(caller.organization_id, wanted, records)


def _walk(organization_id: str, wanted: Filter, records: Records) -> list[Artifact]:
    fitting: list[Artifact] = []
    cursor = ""
    read = 0
    while len(fitting) < wanted.offset + wanted.limit and read < MOST_READ:
        page = records.list_index(
            Artifact,
            "index1",
            artifacts_pk(organization_id),
            newest_first=True,
            limit=PAGE,
            cursor=cursor,
            since=_bound(wanted.since),
            until=_bound(None if wanted.until is None else wanted.until + 1),
        )
        read += len(page.items)
        fitting += [artifact for artifact in page.items if _fits(artifact, wanted)]
        cursor = page.next
        if not cursor:
            break
    return fitting[wanted.offset : wanted.offset + wanted.limit]


def _by_sha(organization_id: str, sha: str, records: Records) -> tuple[Artifact, ...]:
    page = records.list_index(Artifact, "index2", artifact_by_sha_pk(organization_id, sha), limit=PAGE)
    return page.items


def _fits(artifact: Artifact, wanted: Filter) -> bool:
    version = artifact.version_of
    return (
        wanted.repository in ("", version.repository)
        and wanted.branch in ("", version.branch)
        and wanted.source_branch in ("", version.source_branch)
        and wanted.event in ("", version.event.value)
        and (wanted.since is None or artifact.created >= wanted.since)
        and (wanted.until is None or artifact.created <= wanted.until)
    )


def _bound(seconds: int | None) -> str:
    return "" if seconds is None else f"{max(seconds, 0):012d}"


def _version(posted: PostedVersion) -> Version:
    missing = [
        name
        for name, value in (("version.repositoryName", posted.repository_name), ("version.sha", posted.sha))
        if not value
    ]
    if missing:
        raise Rejected(f"an artifact needs {' and '.join(missing)}")
    names = (posted.repository_name, posted.sha, posted.branch, posted.tag, posted.source_branch, posted.target_branch)
    if any(len(name.encode()) > NAME_BYTES for name in names):
        raise Rejected(f"a repository, a commit or a ref of a version may have {NAME_BYTES} bytes")
    return Version(
        repository=posted.repository_name,
        sha=posted.sha,
        event=posted.event or Event.PUSH,
        branch=posted.branch,
        tag=posted.tag,
        source_branch=posted.source_branch,
        target_branch=posted.target_branch,
        created=posted.created,
        author_name=posted.author_name,
        author_email=posted.author_email,
        committer_name=posted.committer_name,
        committer_email=posted.committer_email,
        message=posted.message,
        url=posted.url,
    )

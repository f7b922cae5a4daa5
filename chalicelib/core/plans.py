"""What a release changes in the GitOps repository: a pure function of what stands there and what is wanted.

A plan touches the app's own files only: those that `release.json` names, and its files in `flux/`. What a person put
beside them stays. No difference but `release.json` means no commit.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib.core import flux
from chalicelib.core.artifacts import Version
from chalicelib.core.environments import Environment
from chalicelib.core.errors import Rejected
from chalicelib.core.releases import Release

RELEASE_FILE = "release.json"


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Path in the repository → new bytes, or none to delete it; with the commit's message."""

    changes: Mapping[str, bytes | None]
    message: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What the branch holds for an app: files of its folder by name, and which of its flux files exist."""

    files: Mapping[str, bytes]
    kustomization: bytes | None = None
    namespaces: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Wanted:
    """The app's folder as it is to be, without `release.json`, and the namespaces its objects need."""

    files: Mapping[str, bytes]
    namespaces: tuple[str, ...] = ()


def plan_deploy(release: Release, environment: Environment, wanted: Wanted, standing: Standing) -> ChangeSet | None:
    """The change that makes the folder what the release rendered; none when it already is."""
    folder = f"{environment.folder()}{release.app}/"
    changes = _folder_changes(folder, wanted.files, standing)
    changes |= _flux_changes(release, environment, wanted, standing)
    if not changes:
        return None
    changes[folder + RELEASE_FILE] = release_file(release, sorted(wanted.files))
    return ChangeSet(changes, commit_message(release))


def plan_rollback(
    release: Release, environment: Environment, restored: Mapping[str, bytes], standing: Standing
) -> ChangeSet | None:
    """The change that brings back the files an earlier release wrote, its `release.json` included."""
    if RELEASE_FILE not in restored:
        raise Rejected(f"commit {release.restores_commit[:10]} holds no release of {release.app}")
    folder = f"{environment.folder()}{release.app}/"
    owned = owned_files(restored)
    wanted = {name: content for name, content in restored.items() if name in owned}
    changes = _folder_changes(folder, wanted, standing)
    if environment.kustomization_per_app and standing.kustomization is None:
        path = flux.kustomization_path(environment, release.app)
        changes[path] = flux.kustomization(environment, release.app).encode()
    if not changes:
        return None
    changes[folder + RELEASE_FILE] = restored[RELEASE_FILE]
    return ChangeSet(changes, commit_message(release))


def plan_delete(release: Release, environment: Environment, standing: Standing) -> ChangeSet | None:
    """The change that removes the app's own files; none when nothing of it stands."""
    folder = f"{environment.folder()}{release.app}/"
    changes: dict[str, bytes | None] = {folder + name: None for name in owned_files(standing.files)}
    if RELEASE_FILE in standing.files:
        changes[folder + RELEASE_FILE] = None
    if standing.kustomization is not None:
        changes[flux.kustomization_path(environment, release.app)] = None
    return ChangeSet(changes, commit_message(release)) if changes else None


def owned_files(files: Mapping[str, bytes]) -> frozenset[str]:
    """Names that the folder's `release.json` claims; without a list in it every `.yaml` of the folder."""
    if RELEASE_FILE not in files:
        return frozenset()
    listed = _read_release(files[RELEASE_FILE]).get("files")
    if isinstance(listed, list):
        return frozenset(str(name) for name in listed) & files.keys()
    return frozenset(name for name in files if name.endswith(".yaml"))


def release_file(release: Release, files: list[str]) -> bytes:
    """`release.json`: Gimlet's keys, then ours (`docs/gitops-repo.md`)."""
    value: dict[str, Any] = {
        "app": release.app,
        "env": release.environment,
        "artifactId": release.artifact_id,
        "triggeredBy": release.actor.name,
        "version": version_fields(release),
        "gitopsRepo": release.gitops_repository_id,
        "created": int(release.created_at.timestamp()),
        "releaseId": release.id,
        "inputsDigest": release.inputs_digest,
        "files": files,
    }
    if release.chart:
        pin = release.chart
        value["chart"] = {
            "repository": pin.repository,
            "name": pin.name,
            "version": pin.version,
            "digest": pin.digest,
        }
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def version_fields(release: Release) -> dict[str, Any]:
    """The artifact's version in the spelling of `/api` and `release.json`."""
    return version_fields_of(release.artifact_version) if release.artifact_version else {}


def version_fields_of(version: Version) -> dict[str, Any]:
    """A version in the spelling of `/api` and `release.json`."""
    return {
        "repositoryName": version.repository,
        "sha": version.sha,
        "created": version.created,
        "branch": version.branch,
        "event": version.event.value,
        "sourceBranch": version.source_branch,
        "targetBranch": version.target_branch,
        "tag": version.tag,
        "authorName": version.author_name,
        "authorEmail": version.author_email,
        "committerName": version.committer_name,
        "committerEmail": version.committer_email,
        "message": version.message,
        "url": version.url,
    }


def commit_message(release: Release) -> str:
    """Subject and trailers. A line break in a name would forge a trailer, so none passes."""
    what = {
        "deploy": "automated deploy",
        "rollback": f"rolled back to {release.restores_commit[:10]}",
        "delete": f"deleted by {_one_line(release.actor.name)}",
    }[release.kind.value]
    trailers = {
        "Release-Id": release.id,
        "App": release.app,
        "Environment": release.environment,
        "Artifact": release.artifact_id,
        "Actor": release.actor.name,
        "Restores": release.restores,
    }
    lines = [f"{name}: {_one_line(value)}" for name, value in trailers.items() if value]
    subject = f"[Gimlet] {release.environment}/{release.app} {what}"
    return subject + "\n\n" + "\n".join(lines) + "\n"


def release_created_at(release_json: bytes) -> datetime | None:
    """When the release in a `release.json` was made."""
    created = _read_release(release_json).get("created")
    return datetime.fromtimestamp(created, UTC) if isinstance(created, int) else None


def _folder_changes(folder: str, wanted: Mapping[str, bytes], standing: Standing) -> dict[str, bytes | None]:
    gone = owned_files(standing.files) - wanted.keys() - {RELEASE_FILE}
    changes: dict[str, bytes | None] = {folder + name: None for name in gone}
    for name, content in wanted.items():
        if name != RELEASE_FILE and standing.files.get(name) != content:
            changes[folder + name] = content
    return changes


def _flux_changes(
    release: Release, environment: Environment, wanted: Wanted, standing: Standing
) -> dict[str, bytes | None]:
    changes: dict[str, bytes | None] = {}
    if environment.kustomization_per_app:
        text = flux.kustomization(environment, release.app).encode()
        if standing.kustomization != text:
            changes[flux.kustomization_path(environment, release.app)] = text
    if environment.create_namespaces:
        for name in wanted.namespaces:
            if name not in standing.namespaces:
                changes[flux.namespace_path(environment, name)] = flux.namespace(name).encode()
    return changes


def _read_release(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _one_line(text: str) -> str:
    return " ".join(text.split())

"""The artifact of a pushed commit: what `.gimlet/` says at that commit, with the repository's variables."""

import json
from dataclasses import dataclass

from chalicelib.core.artifacts import Artifact, Source, Version, artifact_id
from chalicelib.core.errors import InvalidManifest, Problem, Rejected
from chalicelib.core.manifests import Format, parse
from chalicelib.core.payloads import TAGS, PullRequest
from chalicelib.core.policies import Event
from chalicelib.core.repositories import Repository
from chalicelib.ports.git import CommitInfo, SourceRepo

FOLDER = ".gimlet"
VARIABLES = ".gimlet/vars"
_FORMATS = {".yaml": Format.YAML, ".yml": Format.YAML, ".cue": Format.CUE}


@dataclass(frozen=True, slots=True)
class Pushed:
    """A commit on a ref; on that of a pull request, with the pull request."""

    ref: str
    commit: CommitInfo
    pull: PullRequest | None = None


def collect_artifact(repository: Repository, pushed: Pushed, source: SourceRepo, *, created: int = 0) -> Artifact:
    """The artifact of this commit on this ref; the same content is the same artifact.

    A folder that can't be used (a link in it, too many files) is a problem of the artifact, which has no manifests.

    Raises:
        ScmUnavailable: the host does not answer.
    """
    files, problems = _files(pushed.commit.sha, source)
    sources = tuple(
        Source(path, _FORMATS[_ending(path)], content.decode("utf-8", "replace"))
        for path, content in sorted(files.items())
        if _ending(path) in _FORMATS
    )
    variables = files.get(VARIABLES, b"").decode("utf-8", "replace")
    version = version_of(repository, pushed)
    content = json.dumps([[s.file, s.text] for s in sources] + [["vars", variables]]).encode()
    return Artifact(
        id=artifact_id(repository.organization_id, version, content),
        organization_id=repository.organization_id,
        repository_id=repository.id,
        version_of=version,
        created=created or pushed.commit.committed_at,
        sources=sources,
        environments=tuple(tree for source_ in sources if (tree := _tree(source_)) is not None),
        vars_file=variables,
        problems=problems,
        origin="push",
    )


def _files(sha: str, source: SourceRepo) -> tuple[dict[str, bytes], tuple[Problem, ...]]:
    try:
        return source.files(sha, FOLDER), ()
    except Rejected as error:
        return {}, (Problem("", error.message, file=FOLDER),)


def version_of(repository: Repository, pushed: Pushed) -> Version:
    """The version of a commit on a branch or tag, or of a pull request: then `branch` is the target's."""
    commit, pull = pushed.commit, pushed.pull
    is_tag = pushed.ref.startswith(TAGS)
    name = pull.target_branch if pull else pushed.ref.split("/", 2)[2]
    return Version(
        repository=repository.path,
        sha=commit.sha,
        event=Event.PR if pull else Event.TAG if is_tag else Event.PUSH,
        branch="" if is_tag else name,
        tag=name if is_tag else "",
        source_branch=pull.source_branch if pull else "",
        target_branch=pull.target_branch if pull else "",
        created=commit.committed_at,
        author_name=commit.author_name,
        author_email=commit.author_email,
        committer_name=commit.committer_name,
        committer_email=commit.committer_email,
        message=commit.message.strip(),
    )


def _tree(source: Source) -> dict[str, object] | None:
    """The manifest as `/api` shows it; one that can't be read is not shown there, but in the decision."""
    try:
        return dict(parse(source.text, source.file, Format(source.format)).tree)
    except InvalidManifest:
        return None


def _ending(path: str) -> str:
    return path[path.rfind(".") :] if "." in path else ""

"""Artifacts: the immutable result of one commit. The same version with the same content is the same artifact."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from chalicelib.core.errors import Problem
from chalicelib.core.policies import Event

ID_HEX = 32


@dataclass(frozen=True, slots=True)
class Version:
    """The commit. `created` is unix seconds, as on `/api`."""

    repository: str
    sha: str
    event: Event = Event.PUSH
    branch: str = ""
    tag: str = ""
    source_branch: str = ""
    target_branch: str = ""
    created: int = 0
    author_name: str = ""
    author_email: str = ""
    committer_name: str = ""
    committer_email: str = ""
    message: str = ""
    url: str = ""

    @property
    def ref(self) -> str:
        """The branch, or the tag of a tag event."""
        return self.tag if self.event is Event.TAG else self.branch


@dataclass(frozen=True, slots=True)
class Source:
    """A manifest as it came: its text, or the object of an artifact, and the file it stood in."""

    file: str
    format: str  # yaml, json, cue
    text: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """`environments` are the unrendered manifests as `/api` answers them; `sources` what is rendered from."""

    id: str
    organization_id: str
    repository_id: str
    version_of: Version
    created: int
    sources: tuple[Source, ...] = ()
    environments: tuple[dict[str, Any], ...] = ()
    cue_environments: tuple[str, ...] = ()
    vars: Mapping[str, str] = field(default_factory=dict)
    vars_file: str = ""  # the repository's `.gimlet/vars` at the commit
    context: Mapping[str, str] = field(default_factory=dict)
    items: tuple[dict[str, Any], ...] = ()
    fake: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    origin: str = "ci"  # ci, push
    version: int = 1


def artifact_id(organization_id: str, version: Version, content: bytes) -> str:
    """`<repository>-<32 hex>` over organisation, repository, sha, event, ref and content digest."""
    parts = (organization_id, version.repository, version.sha, version.event, version.ref, sha256(content).hexdigest())
    return f"{version.repository}-{sha256(chr(0).join(parts).encode()).hexdigest()[:ID_HEX]}"

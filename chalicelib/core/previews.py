"""One instance of a manifest per branch, and the decision about a whole manifest, preview or not.

The name of a preview is recorded when it is made and looked up when it is removed, never computed again. Forks and
protected environments are decided before anything here is asked.
"""

import hashlib
import re
from collections.abc import Set
from dataclasses import dataclass, replace

from chalicelib.core.images import refusal_of_image
from chalicelib.core.manifests import Manifest
from chalicelib.core.policies import Decision, DeployPolicy, Event, Version, decide
from chalicelib.core.scalars import Value

MAX_APP_LENGTH = 53
CUT_APP_LENGTH = 46
_OTHER_CHARACTERS = re.compile(r"[^0-9a-z]+")


@dataclass(frozen=True, slots=True)
class PreviewBranch:
    """The branch a preview is made for; `taken` are apps that other branches have, `app` a name already recorded."""

    branch: str
    ingress_suffix: str = ""
    taken: Set[str] = frozenset()
    app: str = ""


def sanitize_dns_name(text: str) -> str:
    """Lower case; each run of other characters than `[0-9a-z]` is one `-`; cut to 53; no `-` at the ends."""
    # Go lowers one rune to one rune; of all characters only the dotted capital I is more than one in Python.
    return _OTHER_CHARACTERS.sub("-", text.replace("\u0130", "i").lower())[:MAX_APP_LENGTH].strip("-")


def preview_app(app: str, branch: str, taken: Set[str] = frozenset()) -> str:
    """The app name of a branch's preview; `taken` are names that other branches have."""
    name = f"{app.removesuffix('-preview')}-{sanitize_dns_name(branch)}".rstrip("-")
    if len(name) <= MAX_APP_LENGTH and name not in taken:
        return name
    return f"{name[:CUT_APP_LENGTH].rstrip('-')}-{hashlib.sha256(branch.encode()).hexdigest()[:6]}"


def with_branch(tree: dict[str, Value], app: str) -> dict[str, Value]:
    """The manifest's tree for one branch, before its templates are resolved."""
    values = tree.get("values")
    members = values if isinstance(values, dict) else {}
    return {**tree, "app": app, "values": {**members, "gitBranch": "{{ .BRANCH }}"}}


def with_preview_host(tree: dict[str, Value], app: str, ingress_suffix: str) -> dict[str, Value]:
    """The resolved tree with the preview's own host: the environment's suffix, or the configured host's domain."""
    values = tree.get("values")
    members = values if isinstance(values, dict) else {}
    ingress = members.get("ingress")
    settings = ingress if isinstance(ingress, dict) else {}
    host = settings.get("host")
    configured = host if isinstance(host, str) else ""
    suffix = ingress_suffix or configured[len(configured.partition(".")[0]) :]
    if not suffix:
        return tree
    return {**tree, "values": {**members, "ingress": {**settings, "host": app + suffix}}}


def decide_manifest(
    manifest: Manifest, version: Version, *, default_branch: str = "main", source_branch: str = ""
) -> Decision:
    """Whether `version` goes to the manifest's environment unasked: preview rule, policy, then image."""
    decision = (
        _decide_preview(manifest.deploy, version, default_branch, source_branch or version.branch)
        if manifest.preview
        else decide(manifest.deploy, version)
    )
    refusal = refusal_of_image(manifest) if decision.deploy else ""
    return Decision(False, refusal) if refusal else decision


def _decide_preview(policy: DeployPolicy | None, version: Version, default_branch: str, source_branch: str) -> Decision:
    if version.event is not Event.PUSH:
        return Decision(False, f"a preview follows pushes to branches, and this is a '{version.event}'")
    if source_branch == default_branch:
        return Decision(False, f"{default_branch!r} is the default branch, which has no preview")
    if policy is None or policy == DeployPolicy():
        return Decision(True, f"a preview of branch {source_branch!r}")
    decision = decide(policy, replace(version, branch=source_branch))
    return Decision(decision.deploy, f"a preview of branch {source_branch!r}: {decision.reason}")

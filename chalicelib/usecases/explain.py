"""Why is this commit live, or why not? A row for each manifest: the decision in words, and its release if it has one.

A value: the screen, the CLI and a chat would show the same.
"""

from dataclasses import dataclass

from chalicelib.core.decisions import AppDecision, DecisionRecord
from chalicelib.core.errors import NotFound
from chalicelib.core.records import decisions_of_sha_pk
from chalicelib.core.releases import Release
from chalicelib.ports.records import Records
from chalicelib.usecases.history import get_visible_release

MOST_DECISIONS = 50


@dataclass(frozen=True, slots=True)
class Explained:
    """One manifest of the commit: the decision, and where its release is."""

    ref: str
    item: AppDecision
    release: Release | None


def explain(organization_id: str, sha: str, records: Records) -> list[Explained]:
    """Everything that was decided about a commit, newest first.

    Raises:
        NotFound: nothing was: no webhook told of it, or its repository is not imported.
    """
    pk = decisions_of_sha_pk(organization_id, sha)
    found = records.list_index(DecisionRecord, "index1", pk, newest_first=True, limit=MOST_DECISIONS)
    if not found.items:
        raise NotFound(
            f"commit {sha[:12]!r} is not known: no webhook or artifact told of it; "
            "is its repository imported, and did its webhook arrive?",
        )
    return [_explained(decision, item, records) for decision in found.items for item in decision.items]


def _explained(decision: DecisionRecord, item: AppDecision, records: Records) -> Explained:
    release = get_visible_release(decision.organization_id, item.release_id, records) if item.release_id else None
    return Explained(decision.ref, item, release)

"""Where a repository's refs stand at its host, against what we know of them: finds what nobody told us of."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from chalicelib.core.errors import Conflict
from chalicelib.core.payloads import BRANCHES, TAGS, Push
from chalicelib.core.records import branch_key
from chalicelib.core.repositories import Branch, Repository
from chalicelib.ports.git import SourceRepo
from chalicelib.ports.records import Create, Records, Replace
from chalicelib.usecases.decide_deletion import decide_deletion
from chalicelib.usecases.decide_push import Intake, decide_push

MAX_REFS = 1000  # of a kind that are looked through for deleted ones


def compare_heads(repository: Repository, intake: Intake) -> None:
    """Decide what was pushed and never heard of: one `ls-remote` against the rows of the repository's refs."""
    heads = intake.source_of(repository).heads()
    now = intake.clock()
    for ref, head in sorted(heads.items()):
        row = intake.records.get(Branch, branch_key(repository.organization_id, repository.id, ref))
        if row is None or row.number or row.head != head:  # an unmoved head's last decision is completed
            decide_push(repository, Push(ref, "", head), now, intake)
    if heads:  # a repository that looks empty is no reason to delete everything
        for ref in _gone(repository, heads, intake.records):
            decide_deletion(repository, ref, now, intake)
    _note_compared(repository, intake.records, now)


def _gone(repository: Repository, heads: Mapping[str, str], records: Records) -> list[str]:
    """Refs that were decided about and that the host does not have any more."""
    pk = branch_key(repository.organization_id, repository.id, "").pk
    rows = [
        row
        for kind in (BRANCHES, TAGS)
        for row in records.list_below(Branch, pk, f"REF#{kind}", limit=MAX_REFS)
        if row.head and row.number
    ]
    return [row.ref for row in rows if row.ref not in heads]


def note_heads(repository: Repository, source: SourceRepo, records: Records, now: datetime) -> None:
    """Remember where the refs of a newly imported repository stand, so that nothing old is deployed unasked."""
    for ref, head in sorted(source.heads().items()):
        key = branch_key(repository.organization_id, repository.id, ref)
        if records.get(Branch, key) is None:
            try:
                records.write(Create(Branch(repository.organization_id, repository.id, ref, head, number=0)))
            except Conflict:
                continue
    _note_compared(repository, records, now)


def _note_compared(repository: Repository, records: Records, now: datetime) -> None:
    changed = replace(repository, heads_compared_at=now, version=repository.version + 1)
    try:
        records.write(Replace(changed))
    except Conflict:
        return  # somebody changed the repository meanwhile: it is compared once more, which is harmless

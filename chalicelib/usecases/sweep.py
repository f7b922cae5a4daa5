"""The net under everything: finds what a lost message, a lost webhook or a killed process left behind.

`sweep` only hands out one work item per organisation; `intake` does them. Every repair is an idempotent message.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.core.errors import Conflict
from chalicelib.core.organizations import Organization
from chalicelib.core.payloads import BRANCHES, TAGS, Push
from chalicelib.core.records import (
    branch_key,
    open_releases_pk,
    organizations_pk,
    previews_pk,
    repositories_pk,
    sweep_key,
    train_pk,
)
from chalicelib.core.releases import Release
from chalicelib.core.repositories import Branch, Preview, Repository, Use
from chalicelib.core.sweeps import SweepRow
from chalicelib.core.trains import Waiting
from chalicelib.ports.git import SourceRepo
from chalicelib.ports.queues import Queues
from chalicelib.ports.records import Create, Put, Records, Replace
from chalicelib.ports.stores import Clock
from chalicelib.usecases.decide_deletion import decide_deletion
from chalicelib.usecases.decide_push import Intake, decide_push
from chalicelib.usecases.releases import follow_up

GAP = timedelta(minutes=2)
COMPARE_EVERY = timedelta(minutes=10)  # hosts without a deliveries API
STUCK_AFTER = timedelta(minutes=2)
PAGE = 200
MAX_REFS = 1000  # of a repository that are looked through for deleted ones


def sweep(records: Records, queues: Queues, clock: Clock) -> None:
    """Enqueue one work item per organisation; after a gap of ours each repository is compared once."""
    now = clock()
    last = records.get(SweepRow, sweep_key())
    gap = last is None or now - last.ran_at > GAP
    cursor = ""
    while True:
        page = records.list_index(Organization, "index1", organizations_pk(), limit=PAGE, cursor=cursor)
        for organization in page.items:
            queues.send_intake({"kind": "sweep", "organization_id": organization.id, "gap": gap})
        cursor = page.next
        if not cursor:
            break
    records.write(Put(SweepRow(now, last.version + 1 if last else 1)))


def sweep_organization(organization_id: str, records: Records, queues: Queues, clock: Clock, *, gap: bool) -> None:
    """Compare repositories that are due, ring for rows that wait too long, push on releases that stand still."""
    now = clock()
    cursor = ""
    while True:
        page = records.list_index(Repository, "index1", repositories_pk(organization_id), limit=PAGE, cursor=cursor)
        for repository in page.items:
            if repository.use is Use.GITOPS:
                _ring_for_old_rows(repository, records, queues, now, gap=gap)
            elif gap or _is_due(repository, now):
                message = {"kind": "heads", "organization_id": organization_id, "repository_id": repository.id}
                queues.send_intake(message)
        cursor = page.next
        if not cursor:
            break
    _push_on(organization_id, records, queues, now, gap=gap)
    _end_previews(organization_id, records, queues, now)


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


def _is_due(repository: Repository, now: datetime) -> bool:
    return repository.heads_compared_at is None or now - repository.heads_compared_at > COMPARE_EVERY


def _ring_for_old_rows(repository: Repository, records: Records, queues: Queues, now: datetime, *, gap: bool) -> None:
    pk = train_pk(repository.organization_id, repository.id)
    rows = records.list_below(Waiting, pk, "WAITING#", limit=1)
    if gap or any(now - row.queued_at > STUCK_AFTER for row in rows):
        queues.ring_train(repository.organization_id, repository.id, number=gap)


def _push_on(organization_id: str, records: Records, queues: Queues, now: datetime, *, gap: bool) -> None:
    page = records.list_index(Release, "index2", open_releases_pk(organization_id), limit=PAGE)
    for release in page.items:
        if gap or now - release.created_at > STUCK_AFTER:
            follow_up(release, queues)


def _end_previews(organization_id: str, records: Records, queues: Queues, now: datetime) -> None:
    """Have previews removed whose branch has not moved for long; what is not done now is found a minute later."""
    until = f"{now.timestamp():017.6f}"
    for preview in records.list_index(Preview, "index1", previews_pk(organization_id), until=until, limit=PAGE).items:
        facts = {"environment_id": preview.environment_id, "of": preview.of, "branch": preview.branch}
        message = {"organization_id": organization_id, "repository_id": preview.repository_id, **facts}
        queues.send_intake({"kind": "expired", **message})

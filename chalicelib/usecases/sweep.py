"""The net under everything: finds what a lost message, a lost webhook or a killed process left behind.

`sweep` only hands out one work item per organisation; `intake` does them. Every repair is an idempotent message. What
has to look at a repository is in `compare_heads`: the function `sweep` is in the zip, which can't read manifests.
"""

from datetime import datetime, timedelta

from chalicelib.core.organizations import Organization
from chalicelib.core.records import (
    open_releases_pk,
    organizations_pk,
    previews_pk,
    repositories_pk,
    sweep_key,
    train_pk,
)
from chalicelib.core.releases import Release
from chalicelib.core.repositories import Preview, Repository, Use
from chalicelib.core.sweeps import SweepRow
from chalicelib.core.trains import Waiting
from chalicelib.ports.queues import Queues
from chalicelib.ports.records import Put, Records
from chalicelib.ports.stores import Clock
from chalicelib.usecases.releases import follow_up

GAP = timedelta(minutes=2)
COMPARE_EVERY = timedelta(minutes=10)  # hosts without a deliveries API
STUCK_AFTER = timedelta(minutes=2)
PAGE = 200


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

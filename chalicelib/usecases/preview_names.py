"""Names of previews: chosen once, reserved for one branch of one repository, and given back when the preview goes.

A preview never takes the name of an app that is not a preview of the same repository and branch.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from chalicelib.core.apps import is_deleted
from chalicelib.core.decisions import AppDecision
from chalicelib.core.errors import Conflict
from chalicelib.core.previews import preview_app
from chalicelib.core.records import key_of, preview_key, preview_name_key
from chalicelib.core.repositories import Preview, PreviewName, Repository
from chalicelib.ports.records import Create, Records, Remove, Replace
from chalicelib.usecases.environments import environment_id
from chalicelib.usecases.transitions import get_app

ATTEMPTS = 3
MOST_PREVIEWS = 500  # of one branch


def reserve_preview(wanted: Preview, records: Records) -> Preview | None:
    """The branch's preview with its name, the one it has or a new one; none when every name is taken.

    Raises:
        Conflict: others reserve names at the same moment.
    """
    for _ in range(ATTEMPTS):
        known = records.get(Preview, key_of(wanted))
        if known is not None:
            return known
        app = _free_name(wanted, records)
        if not app:
            return None
        made = replace(wanted, app=app)
        name = PreviewName(made.organization_id, made.environment_id, app, made.repository_id, made.branch)
        with suppress(Conflict):
            records.write(Create(made), Create(name))
            return made
    raise Conflict(f"the preview of {wanted.of} on branch {wanted.branch!r} is being named by many at once")


def previews_of(repository: Repository, branch: str, records: Records) -> tuple[Preview, ...]:
    """All previews of a branch."""
    key = preview_key(repository.organization_id, repository.id, branch)
    return records.list_below(Preview, key.pk, key.sk, limit=MOST_PREVIEWS)


def extend_previews(repository: Repository, branch: str, until: datetime, records: Records) -> None:
    """The branch was pushed to: its previews live on."""
    for preview in previews_of(repository, branch, records):
        if preview.expires_at < until:
            with suppress(Conflict):  # somebody else just did it
                records.write(Replace(replace(preview, expires_at=until, version=preview.version + 1)))


def item_of(preview: Preview, reason: str) -> AppDecision:
    """The preview in a decision that is about its end."""
    return AppDecision(
        preview.environment, preview.app, False, reason, preview_branch=preview.branch, preview_of=preview.of
    )


def forget_preview(organization_id: str, repository_id: str, item: AppDecision, records: Records) -> None:
    """Give the preview's name back."""
    where = environment_id(organization_id, item.environment)
    records.write(
        Remove(preview_key(organization_id, repository_id, item.preview_branch, where, item.preview_of)),
        Remove(preview_name_key(organization_id, where, item.app)),
    )


def _free_name(wanted: Preview, records: Records) -> str:
    taken = {wanted.of, wanted.of.removesuffix("-preview")}
    for _ in range(2):
        app = preview_app(wanted.of, wanted.branch, taken)
        if app not in taken and not _is_taken(app, wanted, records):
            return app
        taken.add(app)
    return ""


def _is_taken(app: str, wanted: Preview, records: Records) -> bool:
    if records.get(PreviewName, preview_name_key(wanted.organization_id, wanted.environment_id, app)) is not None:
        return True
    row = get_app(wanted.organization_id, wanted.environment_id, wanted.environment, app, records)
    if row.version == 0:
        return False
    is_ours = row.owner_repository_id == wanted.repository_id and bool(row.preview_branch)
    return not (is_ours and (row.preview_branch == wanted.branch or is_deleted(row)))

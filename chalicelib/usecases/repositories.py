"""Repositories: imported by an admin; an application's gets a webhook with a secret of its own."""

import re
from dataclasses import replace
from urllib.parse import urlsplit

from chalicelib.core.actors import Caller
from chalicelib.core.errors import NotFound, Rejected
from chalicelib.core.records import hook_key, repositories_pk, repository_key
from chalicelib.core.repositories import Artifacts, Hook, Host, Repository, Use
from chalicelib.ports.records import Create, Page, Records, Replace
from chalicelib.ports.stores import Secrets
from chalicelib.usecases.desk import Desk

_PATH = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){0,9}")
PATH_LIMIT = 200
MOST_PREVIEW_DAYS = 365


def import_repository(caller: Caller, wanted: Repository, desk: Desk, secrets: Secrets) -> tuple[Repository, str]:
    """Import a repository; answers it with the webhook's secret (empty for a GitOps repository), shown once.

    `intake` then notes where its branches stand, so that nothing old is deployed unasked.
    """
    _check_path(wanted.path)
    if find_repository(caller.organization_id, wanted.path, desk.records):
        raise Rejected(f"repository {wanted.path!r} is imported already")
    if wanted.use is Use.GITOPS:
        desk.records.write(Create(wanted))
        return wanted, ""
    secret = desk.chance.secret()
    hook = Hook(wanted.hook_id, wanted.organization_id, wanted.id, wanted.hook_payload, f"hooks/{wanted.hook_id}")
    secrets.put(hook.secret, secret)
    desk.records.write(Create(wanted), Create(hook))
    message = {"kind": "imported", "organization_id": wanted.organization_id, "repository_id": wanted.id}
    desk.queues.send_intake(message)
    return wanted, secret


def new_repository(
    caller: Caller, path: str, url: str, use: Use, hook_payload: Host, desk: Desk, *, local: bool
) -> Repository:
    """A repository on a plain Git host, read over smart HTTP."""
    check_url(url, local=local)
    return Repository(
        id=desk.chance.id(),
        organization_id=caller.organization_id,
        path=path,
        url=url,
        host=Host.GIT,
        hook_payload=hook_payload,
        use=use,
        hook_id=desk.chance.id() if use is Use.APPLICATION else "",
        created_at=desk.clock(),
    )


def list_repositories(caller: Caller, cursor: str, limit: int, records: Records) -> Page[Repository]:
    """Imported repositories by path."""
    pk = repositories_pk(caller.organization_id)
    return records.list_index(Repository, "index1", pk, cursor=cursor, limit=limit)


def get_repository(organization_id: str, repository_id: str, records: Records) -> Repository:
    """One repository. Raises `NotFound`."""
    repository = records.get(Repository, repository_key(organization_id, repository_id))
    if repository is None:
        raise NotFound(f"there is no repository {repository_id!r}")
    return repository


def find_repository(organization_id: str, path: str, records: Records) -> Repository | None:
    """The imported repository with this path, or none."""
    page = records.list_index(
        Repository, "index1", repositories_pk(organization_id), since=path, until=path + "\x00", limit=1
    )
    return next((row for row in page.items if row.path == path), None)


def change_repository(
    caller: Caller, repository_id: str, artifacts: Artifacts | None, preview_days: int | None, records: Records
) -> Repository:
    """Change the repository's settings; none leaves one as it is."""
    repository = get_repository(caller.organization_id, repository_id, records)
    if preview_days is not None and not 1 <= preview_days <= MOST_PREVIEW_DAYS:
        raise Rejected(f"previews live 1 to {MOST_PREVIEW_DAYS} days after their last push, not {preview_days}")
    changed = replace(
        repository,
        artifacts=artifacts or repository.artifacts,
        preview_days=preview_days or repository.preview_days,
        version=repository.version + 1,
    )
    records.write(Replace(changed))
    return changed


def get_hook(hook_id: str, records: Records) -> Hook | None:
    """The webhook with this id, of whichever organisation."""
    return records.get(Hook, hook_key(hook_id))


def check_url(url: str, *, local: bool) -> None:
    """Only https without a credential in it; in local mode http on loopback too."""
    parts = urlsplit(url)
    loopback = local and parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    if not parts.hostname or not (parts.scheme == "https" or loopback):
        raise Rejected(f"repository URL {url[:200]!r} must start with https://")
    if parts.username or parts.password:
        raise Rejected("a repository URL must not carry a credential: store it and name its reference")


def _check_path(path: str) -> None:
    if len(path) > PATH_LIMIT or not _PATH.fullmatch(path) or ".." in path:
        raise Rejected(f"repository path {path[:60]!r} must read like group/project")

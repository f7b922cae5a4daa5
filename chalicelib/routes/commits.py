"""Commits: why is it live, or why not?"""

import msgspec
from chalice import Blueprint

from chalicelib import wiring
from chalicelib.core.actors import Permission
from chalicelib.core.projections import release_body
from chalicelib.routes.http import Answer, Ask, route
from chalicelib.usecases.explain import Explained, explain
from chalicelib.wire import bodies

commits = Blueprint(__name__)


class CommitRow(msgspec.Struct):
    """One manifest of the commit. `release` is there when the decision was yes."""

    ref: str
    environment: str
    app: str
    file: str
    deploy: bool
    reason: str
    release: bodies.Release | None


class CommitAnswer(msgspec.Struct):
    """A commit, explained."""

    sha: str
    rows: list[CommitRow]


@route(commits, "GET", "/v1/commits/{sha}", Permission.READ, gives=CommitAnswer)
def commit(ask: Ask, sha: str) -> Answer:
    """Why is this commit live, or why not: a row for each of its manifests."""
    rows = explain(ask.who.organization_id, sha, wiring.records())
    bound = ask.who.environments
    shown = [row for row in rows if not bound or row.item.environment in bound]
    return Answer(200, CommitAnswer(sha, [_row(row) for row in shown]))


def _row(row: Explained) -> CommitRow:
    item = row.item
    release = release_body(row.release) if row.release else None
    return CommitRow(row.ref, item.environment, item.app, item.file, item.deploy, item.reason, release)

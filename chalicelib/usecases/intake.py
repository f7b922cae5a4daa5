"""What `intake` is told: each kind of message to its use case. Unknown kinds are bugs and crash."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from chalicelib.core.errors import DuplicateRecord, NotFound
from chalicelib.core.payloads import PullRequest, Push
from chalicelib.core.repositories import Delivery, Repository
from chalicelib.ports.records import Create
from chalicelib.usecases.compare_heads import compare_heads, note_heads
from chalicelib.usecases.decide_deletion import decide_deletion, expire_preview
from chalicelib.usecases.decide_pull import decide_pull
from chalicelib.usecases.decide_push import Intake, decide_push
from chalicelib.usecases.decide_request import decide_by_hand, decide_ci_artifact
from chalicelib.usecases.repositories import get_repository
from chalicelib.usecases.sweep import sweep_organization
from chalicelib.usecases.track_release import observe_strictly, seen_of


def take_in(message: Mapping[str, Any], intake: Intake) -> str:
    """Do what the message says; answers a word for the log. Every kind may come twice."""
    organization_id = str(message["organization_id"])
    match message["kind"]:
        case "push" | "deleted" | "pull_request":
            return _delivery(message, organization_id, intake)
        case "artifact":
            decide_ci_artifact(organization_id, message["artifact_id"], _instant(message), intake)
        case "request":
            decide_by_hand(organization_id, message["request_id"], intake)
        case "observed":
            observe_strictly(seen_of(message), intake.records, intake.queues, intake.clock)
        case "sweep":
            gap = bool(message["gap"])
            sweep_organization(organization_id, intake.records, intake.queues, intake.clock, gap=gap)
        case "heads":
            compare_heads(_repository(message, organization_id, intake), intake)
        case "imported":
            repository = _repository(message, organization_id, intake)
            note_heads(repository, intake.source_of(repository), intake.records, intake.clock())
        case "expired":
            repository = _repository(message, organization_id, intake)
            return expire_preview(repository, message["branch"], message["environment_id"], message["of"], intake)
        case kind:
            raise ValueError(f"intake knows no message of kind {kind!r}")
    return str(message["kind"])


def _delivery(message: Mapping[str, Any], organization_id: str, intake: Intake) -> str:
    """A webhook's event: its effects, then the delivery's mark."""
    try:
        repository = _repository(message, organization_id, intake)
    except NotFound:
        return "repository was removed"
    outcome = _event(message, repository, intake)
    delivery = Delivery(
        organization_id=organization_id,
        provider=message["provider"],
        id=message["delivery_id"],
        repository_id=repository.id,
        outcome=outcome,
        processed_at=intake.clock(),
    )
    try:
        intake.records.write(Create(delivery))
    except DuplicateRecord:
        return "processed before"
    return outcome


def _event(message: Mapping[str, Any], repository: Repository, intake: Intake) -> str:
    if message["kind"] == "push":
        push = Push(message["ref"], message["before"], message["after"])
        return decide_push(repository, push, _instant(message), intake)
    if message["kind"] == "deleted":
        return decide_deletion(repository, message["ref"], _instant(message), intake)
    return decide_pull(repository, msgspec.convert(message["pull"], PullRequest), _instant(message), intake)


def _repository(message: Mapping[str, Any], organization_id: str, intake: Intake) -> Repository:
    return get_repository(organization_id, str(message["repository_id"]), intake.records)


def _instant(message: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(message["received_at"]).astimezone(UTC)

"""Decisions that no push brings: a CI artifact under its policies, and what somebody asks to deploy by hand."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.core.actors import Actor
from chalicelib.core.artifacts import Artifact
from chalicelib.core.decisions import AppDecision, DecisionRecord, Request
from chalicelib.core.errors import Conflict, Rejected
from chalicelib.core.identity import derive_id
from chalicelib.core.records import artifact_key, decision_key, repository_key, request_key
from chalicelib.core.repositories import PREVIEW_DAYS, Repository
from chalicelib.ports.records import Create, Records, Replace, Write
from chalicelib.usecases.decide import Question, decide_artifact
from chalicelib.usecases.decide_push import Intake, request_of
from chalicelib.usecases.releases import complete
from chalicelib.usecases.repositories import find_repository

BY_REQUEST = "request"
BY_ARTIFACT = "artifact"


def decide_ci_artifact(organization_id: str, artifact_id: str, received_at: datetime, intake: Intake) -> None:
    """Ask the policies of a CI artifact, once: its id is the decision's key."""
    artifact = _artifact(organization_id, artifact_id, intake.records)
    repository_id = owner_of(artifact, intake.records)
    ref = f"{BY_ARTIFACT}/{artifact.id}"
    decision = intake.records.get(DecisionRecord, decision_key(organization_id, repository_id, ref, 1))
    if decision is None:
        key = f"{BY_ARTIFACT}\x00{artifact.id}"
        question = _question(artifact, repository_id, key, intake)
        items = decide_artifact(question, intake.records, intake.templates, intake.cue)
        actor = Actor("ci", repository_id, "policy")
        decision = _decision(artifact, repository_id, ref, key, items, (actor, "ci", artifact.id), received_at, intake)
        intake.records.write(Create(decision), Create(request_of(decision)))
    complete(decision, artifact, intake.records, intake.queues)


def _question(artifact: Artifact, repository_id: str, key: str, intake: Intake) -> Question:
    """What the policies are asked; the first artifact of CI is noted on its repository, which offers the switch."""
    row = repository_key(artifact.organization_id, repository_id)
    repository = intake.records.get(Repository, row)
    now = intake.clock()
    if repository is not None and artifact.origin == "ci" and repository.ci_artifact_at is None:
        noted = replace(repository, ci_artifact_at=now, version=repository.version + 1)
        with suppress(Conflict):  # somebody else changed it: the next artifact notes it
            intake.records.write(Replace(noted))
    days = repository.preview_days if repository else PREVIEW_DAYS
    default = repository.default_branch if repository else "main"
    return Question(artifact, repository_id, key, default_branch=default, preview_until=now + timedelta(days=days))


def decide_by_hand(organization_id: str, request_id: str, intake: Intake) -> None:
    """Make the releases that a request asks for; what can't be done ends the request with the reason."""
    request = intake.records.get(Request, request_key(organization_id, request_id))
    if request is None:
        raise Conflict(f"request {request_id} is not stored yet")
    artifact = _artifact(organization_id, request.artifact_id, intake.records)
    repository_id = owner_of(artifact, intake.records)
    ref = f"{BY_REQUEST}/{request.id}"
    decision = intake.records.get(DecisionRecord, decision_key(organization_id, repository_id, ref, 1))
    if decision is None:
        decision = _decide_request(request, artifact, repository_id, ref, intake)
    complete(decision, artifact, intake.records, intake.queues)


def owner_of(artifact: Artifact, records: Records) -> str:
    """The repository that an artifact's apps belong to: the imported one of its name, or that name."""
    if artifact.repository_id:
        return artifact.repository_id
    path = artifact.version_of.repository
    found = find_repository(artifact.organization_id, path, records)
    return found.id if found else f"name:{path}"


def _decide_request(
    request: Request, artifact: Artifact, repository_id: str, ref: str, intake: Intake
) -> DecisionRecord:
    key = f"{BY_REQUEST}\x00{request.id}"
    question = replace(
        _question(artifact, repository_id, key, intake),
        environment=request.environment,
        app=request.app,
        asked_by=request.actor.name or request.actor.id,
    )
    items = decide_artifact(question, intake.records, intake.templates, intake.cue)
    cause = (request.actor, "ci" if request.automatic else "person", request.id)
    decision = _decision(artifact, repository_id, ref, key, items, cause, request.created_at, intake)
    decision = replace(decision, request_id=request.id)
    writes: list[Write] = [Create(decision), Replace(_answered(request, items))]
    intake.records.write(*writes)
    return decision


def _answered(request: Request, items: tuple[AppDecision, ...]) -> Request:
    ids = tuple(item.release_id for item in items if item.release_id)
    if ids:
        return replace(request, state="processed", release_ids=ids, version=request.version + 1)
    refusals = "; ".join(item.reason for item in items)
    wanted = f"{request.environment}/{request.app}" if request.app else request.environment
    error = refusals or f"the artifact has no manifest for {wanted}"
    return replace(request, state="error", error=error, version=request.version + 1)


def _decision(
    artifact: Artifact,
    repository_id: str,
    ref: str,
    key: str,
    items: tuple[AppDecision, ...],
    cause: tuple[Actor, str, str],
    received_at: datetime,
    intake: Intake,
) -> DecisionRecord:
    actor, kind, cause_id = cause
    return DecisionRecord(
        organization_id=artifact.organization_id,
        repository_id=repository_id,
        ref=ref,
        number=1,
        artifact_id=artifact.id,
        sha=artifact.version_of.sha,
        request_id=derive_id("request", artifact.organization_id, key),
        actor=actor,
        cause_kind=kind,
        cause_id=cause_id,
        items=items,
        received_at=received_at,
        decided_at=intake.clock(),
    )


def _artifact(organization_id: str, artifact_id: str, records: Records) -> Artifact:
    artifact = records.get(Artifact, artifact_key(organization_id, artifact_id))
    if artifact is None:
        raise Rejected(f"there is no artifact {artifact_id!r}")
    return artifact

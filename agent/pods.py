"""A pod in one word, and the little that is said beside it (`docs/live.md`, Pod state word).

Only decides; the word is what `kubectl get pods` would make people look for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from sys import intern

import msgspec

from agent.raw import MAX_TEXT, RawCondition, RawMeta
from chalicelib.wire.bodies import READINESS_LOST, Pod

STARTING = ("ContainerCreating", "PodInitializing")  # what every container waits for when all goes well
FINE = ("Running", "Succeeded", "Completed", "Terminating")


class RawWaiting(msgspec.Struct):
    """A container that has not started, or backs off."""

    reason: str | None = None
    message: str | None = None


class RawTerminated(msgspec.Struct, rename="camel"):
    """A container that ended."""

    exit_code: int = 0
    reason: str | None = None
    message: str | None = None
    finished_at: str | None = None


class RawRunning(msgspec.Struct, rename="camel"):
    """A container that runs."""

    started_at: str | None = None


class RawState(msgspec.Struct):
    """One of three."""

    waiting: RawWaiting | None = None
    running: RawRunning | None = None
    terminated: RawTerminated | None = None


class RawContainerStatus(msgspec.Struct, rename="camel"):
    """A container's status."""

    ready: bool = False
    restart_count: int = 0
    state: RawState = msgspec.field(default_factory=RawState)
    last_state: RawState = msgspec.field(default_factory=RawState)


class RawPodStatus(msgspec.Struct, rename="camel"):
    """A pod's status."""

    phase: str = ""
    reason: str | None = None
    message: str | None = None
    start_time: str | None = None
    conditions: list[RawCondition] | None = None
    container_statuses: list[RawContainerStatus] | None = None
    init_container_statuses: list[RawContainerStatus] | None = None


class RawPod(msgspec.Struct):
    """A pod: metadata and status; its spec is not read at all."""

    metadata: RawMeta
    status: RawPodStatus = msgspec.field(default_factory=RawPodStatus)


def pod_body(raw: RawPod) -> Pod:
    """The pod's document, but for its workload."""
    state, reason, message = word(raw)
    containers = raw.status.container_statuses or []
    return Pod(
        namespace=intern(raw.metadata.namespace),
        name=raw.metadata.name,
        state=intern(state),
        ready=is_ready(raw),
        restarts=sum(container.restart_count for container in containers),
        since=since(raw),
        reason=intern(reason[:80]),
        message=message[:MAX_TEXT],
        last_exit=intern(last_exit(containers)),
    )


def word(raw: RawPod) -> tuple[str, str, str]:
    """State word, reason and message."""
    status = raw.status
    if raw.metadata.deletion_timestamp:
        return "Terminating", status.reason or "", status.message or ""
    if status.phase in ("Pending", "Running"):
        trouble = next(troubles(status), None)
        if trouble is not None:
            return trouble
        if status.phase == "Running" and not is_ready(raw):
            return "NotReady", _why_not_ready(raw), _message_of(raw, "Ready")
        if status.phase == "Pending" and status.reason is None:
            return "Pending", _reason_of(raw, "PodScheduled"), _message_of(raw, "PodScheduled")
    return status.phase or "Unknown", status.reason or "", status.message or ""


def troubles(status: RawPodStatus) -> Iterator[tuple[str, str, str]]:
    """Reasons of containers that do not run: init containers first, real trouble before an ordinary start."""
    inits = [*_not_running(status.init_container_statuses or [], is_init=True)]
    mains = [*_not_running(status.container_statuses or [], is_init=False)]
    yield from (each for each in inits if each[0] not in STARTING)
    yield from (each for each in mains if each[0] not in STARTING)
    yield from inits
    yield from mains


def _not_running(containers: Iterable[RawContainerStatus], *, is_init: bool) -> Iterator[tuple[str, str, str]]:
    ended: list[tuple[str, str, str]] = []
    for container in containers:
        waiting, terminated = container.state.waiting, container.state.terminated
        if waiting is not None and waiting.reason:
            last = container.last_state.terminated
            yield waiting.reason, (last.reason or "") if last else "", waiting.message or ""
        elif terminated is not None and not (is_init and terminated.exit_code == 0):
            reason = terminated.reason or ("Completed" if terminated.exit_code == 0 else "Error")
            ended.append((reason, f"exit code {terminated.exit_code}", terminated.message or ""))
    yield from sorted(ended, key=lambda each: each[1] == "exit code 0")


def is_ready(raw: RawPod) -> bool:
    """What the condition Ready says."""
    condition = _condition(raw, "Ready")
    return condition is not None and condition.status == "True"


def since(raw: RawPod) -> str:
    """Since when the pod is ready or is not: steadier than container times, which move with each restart."""
    if raw.metadata.deletion_timestamp:
        return raw.metadata.deletion_timestamp
    condition = _condition(raw, "Ready")
    changed = condition.last_transition_time if condition else None
    return changed or raw.status.start_time or raw.metadata.creation_timestamp or ""


def last_exit(containers: Iterable[RawContainerStatus]) -> str:
    """How a container last ended, such as `OOMKilled (137)`."""
    ends = (container.state.terminated or container.last_state.terminated for container in containers)
    last = max((end for end in ends if end is not None), key=lambda end: end.finished_at or "", default=None)
    return f"{(last.reason or 'Error')[:40]} ({last.exit_code})" if last else ""


def _why_not_ready(raw: RawPod) -> str:
    """Whether it never was ready since its containers started, or no longer is.

    A pod's Ready turns False when it is initialised and then only changes on becoming ready: a change *after* all
    containers started means that it had been ready.
    """
    condition = _condition(raw, "Ready")
    running = [each.state.running for each in raw.status.container_statuses or []]
    started = [each.started_at or "" for each in running if each is not None]
    if condition and started and (condition.last_transition_time or "") > max(started):
        return READINESS_LOST
    return (condition.reason or "") if condition else ""


def _condition(raw: RawPod, kind: str) -> RawCondition | None:
    return next((condition for condition in raw.status.conditions or [] if condition.type == kind), None)


def _reason_of(raw: RawPod, kind: str) -> str:
    condition = _condition(raw, kind)
    return (condition.reason or "") if condition and condition.status != "True" else ""


def _message_of(raw: RawPod, kind: str) -> str:
    condition = _condition(raw, kind)
    return (condition.message or "") if condition and condition.status != "True" else ""

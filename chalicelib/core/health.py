"""Health of an app in one word, from its app document alone: a table, no clock, no memory but the last answer.

`health` is asked where the document is stored; `shown_word` and `cell_word` are what readers ask (the page holds the
same in TypeScript, against `tests/histories/health.jsonl`). The worst finding wins. It never accuses what is only slow:
not being ready *yet* is progress, having *lost* readiness or standing still for `STALLED_AFTER` is not.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chalicelib.wire.bodies import READINESS_LOST, App, Card, FluxObject, Health, JobRun, NextHealth, Pod, Workload

CALM = timedelta(seconds=10)  # a better word, or a rollout turning red, is shown this much later
STALLED_AFTER = timedelta(minutes=10)  # Kubernetes' own progressDeadlineSeconds
SEVERITY = {"Healthy": 0, "Suspended": 1, "Progressing": 2, "Degraded": 3, "Failing": 4}
RED = ("Degraded", "Failing")

# Waiting and terminated reasons that kubelet reports. What is in neither set is only slow.
UNHEALABLE = frozenset({"InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError"})
FAULTS = UNHEALABLE | {
    "CrashLoopBackOff",
    "ImagePullBackOff",
    "ErrImagePull",
    "ImageInspectError",
    "RegistryUnavailable",
    "CreateContainerError",
    "RunContainerError",
    "ContainerCannotRun",
    "StartError",
    "OOMKilled",
    "Error",
    "Completed",  # a long-running container that ended, on its way to a back-off
    "DeadlineExceeded",
}
GONE = frozenset({"Terminating", "Succeeded", "Failed"})  # judged by whoever replaces them
WAITING_FOR_OTHERS = frozenset({"DependencyNotReady", "ProgressingWithRetry", "Progressing"})
MAY_HEAL = frozenset({"HealthCheckFailed", "ArtifactFailed", "SourceNotReady"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing seen, and the word it deserves."""

    word: str
    reason: str = ""
    object: str = ""
    since: str = ""


def health(app: App, now: datetime, previous: Health | None = None) -> Health:
    """The app's health; `previous` is the answer kept with the last document, for calm and `since`."""
    worst = max(findings(app, now), key=lambda finding: SEVERITY[finding.word], default=Finding("Healthy"))
    return calmed(worst, now, previous)


def findings(app: App, now: datetime) -> Iterator[Finding]:
    """All that can be said about an app, the most telling first among equals."""
    for workload in app.workloads:
        name = f"{workload.kind}/{workload.name}"
        pods = [pod for pod in app.pods if pod.namespace == workload.namespace and pod.workload == name]
        yield of_workload(workload, pods, now)
    known = {f"{workload.kind}/{workload.name}" for workload in app.workloads}
    yield from (of_loose_pod(pod, now) for pod in app.pods if pod.workload not in known)
    yield from (of_job(job) for job in app.jobs)
    if app.kustomization is not None:
        yield of_kustomization(app.kustomization)


def of_workload(workload: Workload, pods: Iterable[Pod], now: datetime) -> Finding:
    """A workload by its numbers, its conditions, and its worst pods."""
    name = f"{workload.kind}/{workload.name}"
    if workload.wanted == 0:
        return Finding("Suspended", "Paused", name) if workload.suspended else Finding("Healthy")
    seen = [of_pod(pod, now, some_ready=workload.ready > 0) for pod in pods]
    for condition in workload.conditions:
        if condition.type == "Progressing" and condition.status == "False":
            seen.append(Finding("Failing", condition.reason, name))
        if condition.type == "ReplicaFailure" and condition.status == "True":
            seen.append(Finding("Degraded" if workload.ready else "Failing", condition.reason, name))
    if is_rolling(workload):
        seen.append(Finding("Progressing", "Rollout", name))
    elif workload.suspended:
        seen.append(Finding("Suspended", "Paused", name))
    return max(seen, key=lambda finding: SEVERITY[finding.word], default=Finding("Healthy"))


def is_rolling(workload: Workload) -> bool:
    """True while the controller is still on its way to what is wanted."""
    return not workload.settled or min(workload.updated, workload.ready, workload.available) < workload.wanted


def of_pod(pod: Pod, now: datetime, *, some_ready: bool) -> Finding:
    """A pod that is not fine, seen from its workload: `some_ready` of its siblings serve."""
    name = f"Pod/{pod.name}"
    if pod.ready or pod.state in GONE:
        return Finding("Healthy")
    if pod.state in UNHEALABLE:
        return Finding("Failing", pod.state, name, pod.since)
    if pod.state in FAULTS or pod.reason == READINESS_LOST or is_stalled(pod, now):
        return Finding("Degraded" if some_ready else "Failing", pod.state, name, pod.since)
    return Finding("Progressing", pod.state, name, pod.since)


def of_loose_pod(pod: Pod, now: datetime) -> Finding:
    """A pod of a job, or of no workload that is shown; a job's own end decides how bad it is."""
    if pod.workload.startswith(("Job/", "CronJob/")):
        finding = of_pod(pod, now, some_ready=True)
        return finding if finding.word in RED else Finding("Healthy")
    return of_pod(pod, now, some_ready=False)


def is_stalled(pod: Pod, now: datetime) -> bool:
    """True when the pod has stood in its state longer than Kubernetes itself would wait for a rollout."""
    return bool(pod.since) and now - instant(pod.since) > STALLED_AFTER


def of_job(job: JobRun) -> Finding:
    """A Job that failed stays failed; the next run of a CronJob may heal it."""
    name = f"{job.kind}/{job.name}"
    if job.kind == "CronJob":
        return Finding("Degraded", job.reason, name, job.last_run_at) if job.reason else Finding("Healthy")
    if job.reason:
        return Finding("Failing", job.reason, name, job.last_run_at)
    if job.suspended:
        return Finding("Suspended", "Suspended", name)
    return Finding("Progressing", "Running", name) if job.active else Finding("Healthy")


def of_kustomization(applied: FluxObject) -> Finding:
    """What Flux says of applying the app; that it looks again at what it has applied is no news."""
    name = f"Kustomization/{applied.name}"
    if applied.suspended:
        return Finding("Suspended", "Suspended", name)
    if applied.ready == "True":
        return Finding("Healthy")
    if applied.ready == "Unknown" or applied.reason in WAITING_FOR_OTHERS:
        is_new = not applied.last_applied or applied.last_attempted != applied.last_applied
        return Finding("Progressing", applied.reason, name, applied.since) if is_new else Finding("Healthy")
    word = "Degraded" if applied.reason in MAY_HEAL else "Failing"
    return Finding(word, applied.reason, name, applied.since)


def calmed(finding: Finding, now: datetime, previous: Health | None) -> Health:
    """The finding as it is kept: reason at once, and a word that flatters or alarms only after `CALM`."""
    since = finding.since or (previous.since if previous and _leads_to(previous, finding.word) else text(now))
    if previous is None or not needs_calm(shown_word(previous, now), finding.word):
        return Health(word=finding.word, reason=finding.reason, object=finding.object, since=since)
    waiting = previous.next
    at = waiting.at if waiting is not None and waiting.word == finding.word else text(now + CALM)
    following = NextHealth(word=finding.word, at=at)
    word = shown_word(previous, now)
    return Health(word=word, reason=finding.reason, object=finding.object, since=since, next=following)


def needs_calm(shown: str, found: str) -> bool:
    """True for a word that gets better, and for a rollout that turns red."""
    return SEVERITY[found] < SEVERITY.get(shown, 0) or (shown == "Progressing" and found in RED)


def _leads_to(previous: Health, word: str) -> bool:
    return (previous.next.word if previous.next else previous.word) == word


# ---- what readers ask


def shown_word(kept: Health, now: datetime) -> str:
    """The word to show at `now`: `next` from its instant on."""
    if kept.next is not None and now >= instant(kept.next.at):
        return kept.next.word
    return kept.word


def cell_word(card: Card, presence: str, now: datetime) -> str:
    """The word of one cell of the apps page; `Stale`, `Missing` and `Empty` are derived here and stored nowhere.

    `presence` is the state of the environment's agent: never, online, away.
    """
    if card.desired is None and card.under_way is None and card.live is None:
        return "Empty"
    if presence != "online":
        return "Stale"
    if card.live is None or card.health is None:
        return "Progressing" if card.under_way is not None else "Missing"
    word = shown_word(card.health, now)
    return "Empty" if word == "Healthy" and card.live.wanted == 0 else word


def instant(value: str) -> datetime:
    """An aware instant from RFC 3339 text."""
    parsed = datetime.fromisoformat(value)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def text(at: datetime) -> str:
    """RFC 3339 text of an instant, in UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

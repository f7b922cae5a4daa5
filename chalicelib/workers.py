"""What queue, stream, schedule and WebSocket handlers share: unpack the event, call one use case, log one line.

The class of a failure says what becomes of the message: `Rejected` is recorded and acknowledged, `Conflict` is tried
again at once, `Unavailable` and bugs come again by redelivery and end in the dead letters.
"""

import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from chalicelib import wiring
from chalicelib.core.errors import Conflict, Failure, InvalidManifest, Rejected, Unavailable

Event = dict[str, Any]
ATTEMPTS = 3  # at once, when somebody was faster
LAST_RECEIVE = 5  # infra/queues.py: then a message becomes a dead letter


@cache
def logger() -> Any:
    """One JSON line per unit of work; no payloads, no secrets."""
    from aws_lambda_powertools import Logger

    return Logger(service="functions", log_uncaught_exceptions=False)


def each_message(event: Event, work: Callable[[dict[str, Any], Event], str]) -> dict[str, Any]:
    """Do each message of a batch by itself; answers those that must come again."""
    failed = []
    for message in event.get("Records", []):
        if not _done(message, work):
            failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}


def _done(message: Event, work: Callable[[dict[str, Any], Event], str]) -> bool:
    started = time.monotonic()
    body: dict[str, Any] = json.loads(message["body"])
    facts = {key: body[key] for key in ("kind", "delivery_id", "release_id", "repository_id") if key in body}
    try:
        outcome = _with_retries(lambda: work(body, message))
    except Rejected as error:
        logger().info("rejected", **facts, outcome="rejected", reason=error.message, **_took(started))
        return True
    except Failure as error:
        logger().warning("comes again", **facts, outcome="unavailable", reason=error.message, **_took(started))
        return False
    except Exception:  # noqa: BLE001 - an entry point: the message comes again, and ends in the dead letters
        logger().exception("bug", **facts, outcome="bug", **_took(started))
        return False
    logger().info("done", **facts, outcome=outcome, **_took(started))
    return outcome != AGAIN


AGAIN = "again"  # the message is to come again at the time that was set on it


def _with_retries(work: Callable[[], str]) -> str:
    for _ in range(ATTEMPTS - 1):
        try:
            return work()
        except Conflict:
            continue
    return work()


def _took(started: float) -> dict[str, int]:
    return {"duration_ms": round((time.monotonic() - started) * 1000)}


def intake(event: Event) -> dict[str, Any]:
    """Messages of the intake queue."""
    return each_message(event, _intake)


def _intake(body: dict[str, Any], _: Event) -> str:
    from chalicelib.usecases.intake import take_in
    from chalicelib.usecases.sweep_agents import check_agents

    if body["kind"] == "sweep":
        live = wiring.live()
        parts = (wiring.records(), live.connections, live.sockets, live.presence, _now())
        check_agents(body["organization_id"], *parts)
    return take_in(body, wiring.intake())


def render(event: Event) -> dict[str, Any]:
    """Messages of the render queue, or a manifest that the API asks to check."""
    if "check" in event:
        return _check(event["check"], event["organization_id"])
    return each_message(event, _render)


def _render(body: dict[str, Any], message: Event) -> str:
    from chalicelib.usecases.render_release import give_up, render_release

    ids = (body["organization_id"], body["release_id"])
    try:
        release = render_release(*ids, wiring.kitchen(), wiring.records(), wiring.queues(), wiring.clock())
        return release.state
    except Failure:
        raise
    except Exception:  # a bug: on its last way round the release says so, then the message is a dead letter
        if int(message["attributes"]["ApproximateReceiveCount"]) >= LAST_RECEIVE:
            give_up(*ids, wiring.records(), wiring.clock())
        raise


def _check(request: Any, organization_id: str) -> dict[str, Any]:
    import msgspec

    from chalicelib.usecases.check_manifest import CheckRequest, check_manifest

    try:
        wanted = msgspec.convert(request, CheckRequest)
        kitchen = wiring.kitchen()
        result = check_manifest(
            wanted, kitchen.templates, kitchen.engine, kitchen.charts_of(organization_id), kitchen.cue
        )
    except msgspec.ValidationError as error:
        return {"rejected": f"the body is not as it should be: {error}"[:300]}
    except (InvalidManifest, Rejected) as error:
        return {"rejected": error.message}
    answer: dict[str, Any] = msgspec.to_builtins(result)
    return answer


def train(event: Event) -> dict[str, Any]:
    """Doorbells of the train."""
    return each_message(event, _train)


def _train(body: dict[str, Any], message: Event) -> str:
    from chalicelib.usecases.repositories import get_repository
    from chalicelib.usecases.run_train import number_only, run_train

    repository = get_repository(body["organization_id"], body["gitops_repository_id"], wiring.records())
    train = wiring.train(repository)
    if body.get("number"):
        number_only(train)
    wait = run_train(train, wiring.queues())
    if wait is None:
        return "done"
    wiring.queues().postpone_train(message["receiptHandle"], wait)
    return AGAIN


def relay(event: Event) -> dict[str, Any]:
    """Records of the two tables' streams."""
    from chalicelib.adapters.streams import changes_of
    from chalicelib.usecases.live_relay import relay as relay_changes

    started = time.monotonic()
    sent = relay_changes(changes_of(event.get("Records", [])), wiring.relay_ports(), wiring.clock()())
    if sent.topics:
        logger().info("relayed", outcome="relayed", topics=sent.topics, frames=sent.frames, **_took(started))
    return {"batchItemFailures": []}


def sweep() -> None:
    """Each minute: the net under everything."""
    from chalicelib.usecases.sweep import sweep as sweep_once

    sweep_once(wiring.records(), wiring.queues(), wiring.clock())


def connect(event: Event) -> dict[str, Any]:
    """A socket asks to be opened."""
    from chalicelib.usecases.live_connect import connect as admit

    connection_id: str = event["requestContext"]["connectionId"]
    headers: Mapping[str, str] = event.get("headers") or {}
    admission = admit(
        connection_id, headers, wiring.connections(), wiring.agent_keys(), wiring.tickets(), wiring.clock()()
    )
    logger().info("connect", outcome=admission.status, who=admission.who)
    return admission.as_response()


def receive(event: Event) -> dict[str, Any]:
    """A message of a socket."""
    from chalicelib.usecases.live_message import receive as hear

    connection_id: str = event["requestContext"]["connectionId"]
    heard = hear(connection_id, event.get("body") or "", wiring.live(), _now())
    logger().info("message", outcome=heard.outcome)
    return {"statusCode": 200}


def disconnect(event: Event) -> dict[str, Any]:
    """A socket is closed."""
    from chalicelib.usecases.live_presence import disconnect as forget

    connection_id: str = event["requestContext"]["connectionId"]
    try:
        forget(connection_id, wiring.connections(), wiring.presence(), _now())
    except Unavailable as error:
        logger().warning("disconnect", outcome="unavailable", reason=error.message)
    return {"statusCode": 200}


def _now() -> datetime:
    return wiring.clock()()

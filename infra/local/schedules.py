"""Runs `sweep` at the start and each minute after, as an EventBridge rule would."""

from __future__ import annotations

import asyncio
import logging
import uuid
from datetime import UTC, datetime

from infra.limits import SWEEP_PERIOD_SECONDS
from infra.local.invoke import Event, FunctionFailed, Functions, FunctionsDown
from infra.local.ministack import ACCOUNT, REGION

FUNCTION = "sweep"
log = logging.getLogger(__name__)


class Schedule:
    """Calls `sweep` again and again; a run that fails is not repeated before its time."""

    def __init__(self, functions: Functions, period_seconds: float = SWEEP_PERIOD_SECONDS) -> None:
        self._functions, self._period_seconds = functions, period_seconds

    async def run(self) -> None:
        while True:
            await self._functions.wait_until_up()
            try:
                await self._functions.invoke(FUNCTION, schedule_event())
            except (FunctionFailed, FunctionsDown) as error:
                log.warning("%s failed: %s", FUNCTION, error)
            await asyncio.sleep(self._period_seconds)


def schedule_event() -> Event:
    """The event of a rule with a schedule (EventBridge guide, "Scheduled events")."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{FUNCTION}"],
        "detail": {},
    }

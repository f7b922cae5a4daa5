"""The agent's budgets, as lines of the bench: see `agent_memory`, which measures them."""

from __future__ import annotations

import asyncio

from tests.bench.agent_memory import AIM_MIB, BUDGET, measure
from tests.bench.rows import Row, row

CHANGE_SECONDS = {True: 5.0, False: 60.0}  # by `short`


def run(short: bool) -> list[Row]:
    """Run the agent on 5,000 pods, and let them change for a while."""
    figures = asyncio.run(measure(CHANGE_SECONDS[short]))
    return [
        row("agent.memory", figures["hwm_mib"], "MiB", BUDGET["hwm_mib"], aim=AIM_MIB),
        row("agent.memory_after_first_state", figures["hwm_after_first_mib"], "MiB"),
        row("agent.egress", figures["egress_kb_per_second"], "KB/s", BUDGET["egress_kb_per_second"]),
        row("agent.first_state", figures["first_state_seconds"], "s", aim_s=BUDGET["first_state_seconds"]),
    ]

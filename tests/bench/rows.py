"""One line of the bench: a figure, and whether its budget is kept.

Budgets are on ratios, counts, bytes and memory. A wall clock has none: what it shows depends on who else uses the
machine, so its line carries the machine's load instead, and sometimes an `aim` that people compare it with.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Row = dict[str, object]
WALL_CLOCK = frozenset({"s", "ms"})


def row(name: str, value: float, unit: str, budget: float | None = None, **more: Any) -> Row:
    """A figure that must not be above `budget`; none: it is for people."""
    if budget is not None and unit in WALL_CLOCK:
        raise ValueError(f"{name}: a wall clock has no budget")
    kept = budget is None or value <= budget
    return {"name": name, "value": round(value, 4), "unit": unit, "budget": budget, "ok": kept, **more} | _load()


def count(name: str, value: int, expected: int, **more: Any) -> Row:
    """A count that must be exactly `expected`."""
    return row(name, value, "count", **more) | {"budget": expected, "ok": value == expected}


def failure(name: str, why: str) -> Row:
    """A subject that could not be measured: that is a broken budget too."""
    return row(name, 0, "none") | {"ok": False, "error": why}


def with_load(measured: Row) -> Row:
    """A line that was made elsewhere, with the machine's load now."""
    return measured | _load()


def quantiles(name: str, seconds: Sequence[float], **more: Any) -> list[Row]:
    """Median and 95th percentile in milliseconds, for people."""
    return [
        row(f"{name}.p50", statistics.median(seconds) * 1000, "ms", samples=len(seconds), **more),
        row(f"{name}.p95", nearest_rank(seconds, 0.95) * 1000, "ms", samples=len(seconds), **more),
    ]


def nearest_rank(values: Sequence[float], part: float) -> float:
    """The smallest value that `part` of all are not above."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(part * 100) // 100) - 1)]


def high_water_mib(pid: int) -> float:
    """The most memory that a running process ever had resident (`VmHWM`)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def _load() -> Row:
    return {"load": round(os.getloadavg()[0], 2)}

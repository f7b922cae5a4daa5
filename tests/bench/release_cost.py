"""What one release costs in a GitOps repository, as lines of the bench: see `git_writes`, which measures it."""

from __future__ import annotations

from tests.bench import git_writes
from tests.bench.rows import Row, with_load


def run(short: bool) -> list[Row]:
    """Measure all sizes."""
    return [with_load(measured) for measured in git_writes.run()]

"""Releases and environments for tests, with everything that does not matter filled in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from chalicelib.core.actors import POLICY
from chalicelib.core.artifacts import Version
from chalicelib.core.environments import Environment
from chalicelib.core.releases import Cause, Kind, Release, first_hops

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STAGING = Environment("e1", "acme", "staging", 0, "g1")


def release(**changes: Any) -> Release:
    """A deploy of shop to staging, just decided."""
    base = Release(
        id="rel1",
        organization_id="acme",
        request_id="req1",
        app="shop",
        environment="staging",
        environment_id="e1",
        gitops_repository_id="g1",
        kind=Kind.DEPLOY,
        actor=POLICY,
        cause=Cause("policy", "acme/shop@aaaaaaaaaa"),
        automatic=True,
        number=1,
        created_at=NOW,
        hops=first_hops(NOW, NOW),
        artifact_id="acme/shop-1",
        artifact_version=Version("acme/shop", "a" * 40, branch="main", message="Sell things\n\nMore."),
        repository_id="r1",
    )
    return replace(base, **changes)

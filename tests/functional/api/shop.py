"""One app in two environments behind the gate, and artifacts as CI sends them."""

from __future__ import annotations

from typing import Any

from chalicelib.core.releases import Release
from chalicelib.core.repositories import Repository
from tests.functional.api.gate import Gate
from tests.functional.road.town import manifest

SHA = "ea9ab7cc31b2599bf4afcfd639da516ca27a4780"
RAW = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: shop\ndata:\n  sha: '{{ .SHA }}'\n"


def open_shop(gate: Gate) -> Repository:
    """Environments staging and production, and a shop that is released to staging by each push."""
    gate.town.environment("staging")
    gate.town.environment("production")
    shop = gate.town.repository("acme/shop")
    gate.town.push(shop, {".gimlet/staging.yaml": manifest()})
    return shop


def artifact(sha: str = SHA, *, env: str = "staging", app: str = "shop", deploy: bool = True) -> dict[str, Any]:
    """What a CI plugin posts; its policy says yes when `deploy`."""
    branch = "main" if deploy else "never"
    return {
        "version": {"repositoryName": "acme/ci", "sha": sha, "branch": "main", "event": "push", "created": 1616154963},
        "environments": [
            {"app": app, "env": env, "namespace": app, "deploy": {"branch": branch, "event": "push"}, "manifests": RAW}
        ],
    }


def ship(gate: Gate, **options: Any) -> str:
    """Post an artifact and let everything that follows happen; answers its id."""
    posted = gate.call("POST", "/api/artifact", artifact(**options))
    assert posted.status == 201, posted
    gate.town.settle()
    return str(posted.body["id"])


def release(gate: Gate, place: int = -1) -> Release:
    """One of the shop's releases, by its place among them."""
    return gate.town.releases()[place]

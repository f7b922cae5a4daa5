"""The recorded requests of the existing CLI against a running system, over HTTP, after a real push."""

from __future__ import annotations

from urllib.request import Request

import pytest

from tests.functional.api.cli_requests import check_answer, recorded
from tests.road.test_push_to_commit import STAGING
from tests.road.world import World, send, wait_until

pytestmark = pytest.mark.integration


def test_every_command_of_the_cli_is_answered_as_it_needs(world: World) -> None:
    known = _a_released_shop(world)

    for place, one in enumerate(recorded()):
        path, body = one.path, one.body.replace("ea9a", f"ea9a{place}")  # the same artifact again would be 200
        for name, real in known.items():
            path, body = path.replace(name, real), body.replace(name, real)
        headers = {"Authorization": one.authorization.replace("tok", world.token), "User-Agent": "Go-http-client/1.1"}
        request = Request(world.system.url + path, body.encode() or None, headers, method=one.method)
        request.add_unredirected_header("Content-Type", "")  # the CLI names none; urllib would

        reply = send(request)

        check_answer(one, reply.status, reply.body)


def _a_released_shop(world: World) -> dict[str, str]:
    """A shop in staging; what the names of the recordings stand for there."""
    gitops = world.import_repository("acme/gitops", "gitops")
    world.import_repository("acme/shop", "application")
    world.make_environment("staging", gitops)
    world.clone("acme/shop").push("Sell things", {".gimlet/staging.yaml": STAGING})
    status = wait_until("release", lambda: world.call("GET", "/api/status?env=staging").body)["shop"]
    asked = world.call("POST", "/api/releases", {"env": "staging", "artifactId": status["artifactId"]}).body["id"]

    def processed() -> bool:
        return bool(world.call("GET", f"/api/eventReleaseTrack?id={asked}").body["status"] == "processed")

    wait_until("end of the request", processed)
    return {
        "acme/shop-1": status["artifactId"],
        "id=r1": f"id={asked}",
        "sha=bbbb": f"sha={status['gitopsRef'][:7]}",
    }

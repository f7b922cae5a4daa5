"""Check a manifest without a side effect; the image function does the work, since it holds the engine."""

from typing import Any

from chalice import Blueprint

from chalicelib import wiring
from chalicelib.core.actors import Permission
from chalicelib.core.errors import Rejected, TooLarge
from chalicelib.routes.http import Answer, Ask, route

manifests = Blueprint(__name__)
MAX_CHECK_BYTES = 2 * 1024 * 1024


@route(manifests, "POST", "/v1/manifests/check", Permission.READ, takes=dict[str, Any], gives=dict[str, Any])
def check(ask: Ask) -> Answer:
    """The whole road of a manifest without a side effect; an invalid manifest is an answer, not an error."""
    if len(ask.body) > MAX_CHECK_BYTES:
        raise TooLarge(f"a manifest to check may have {MAX_CHECK_BYTES} bytes")
    answer = wiring.render_call().ask({"check": ask.read(dict[str, Any]), "organization_id": ask.who.organization_id})
    if "rejected" in answer:
        raise Rejected(str(answer["rejected"]))
    return Answer(200, answer)

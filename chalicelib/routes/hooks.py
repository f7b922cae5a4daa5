"""Webhooks at the door. The bytes are checked before they are read (`docs/api.md`, Webhook intake)."""

from chalice import Blueprint

from chalicelib import wiring
from chalicelib.core.actors import Permission
from chalicelib.routes.http import Answer, Ask, route
from chalicelib.usecases.receive_webhook import Arrival, receive_webhook

hooks = Blueprint(__name__)
_STATUS = {"accepted": 202, "ignored": 202}


@route(hooks, "POST", "/hooks/{provider}/{hook_id}", Permission.SIGNATURE, status=202)
def receive(ask: Ask, provider: str, hook_id: str) -> Answer:
    """A delivery of a webhook that we registered."""
    arrival = Arrival(provider, hook_id, ask.headers, ask.body)
    receipt = receive_webhook(arrival, wiring.records(), wiring.secrets(), wiring.queues(), wiring.clock())
    return Answer(_STATUS.get(receipt.outcome, 200), {"outcome": receipt.outcome, "detail": receipt.detail})

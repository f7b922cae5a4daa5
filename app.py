"""The map of all functions. Importing it loads no SDK, no YAML, no Git, no Helm.

HTTP routes live in Blueprints. All other handlers are declared here, each a body that calls one worker, because Chalice
wires WebSocket handlers of a Blueprint wrongly and event handlers of a Blueprint miss the app's middleware.
"""

from typing import Any

from chalice import Chalice

from chalicelib import workers
from chalicelib.routes.amendments import amendments
from chalicelib.routes.apps import apps
from chalicelib.routes.charts import charts
from chalicelib.routes.commits import commits
from chalicelib.routes.compatible import compatible
from chalicelib.routes.hooks import hooks
from chalicelib.routes.live import live
from chalicelib.routes.manifests import manifests
from chalicelib.routes.openapi import openapi
from chalicelib.routes.session import session
from chalicelib.routes.setup import setup

app = Chalice(app_name="gimlet")
app.experimental_feature_flags.update(["WEBSOCKETS", "BLUEPRINTS"])

for blueprint in (session, setup, amendments, apps, commits, live, manifests, charts, hooks, compatible, openapi):
    app.register_blueprint(blueprint)


@app.on_ws_connect(name="websocket_connect")
def websocket_connect(event: Any) -> Any:
    """A socket asks to be opened: an agent by its key, a browser by a one-use ticket."""
    return workers.connect(event.to_dict())


@app.on_ws_message(name="websocket_message")
def websocket_message(event: Any) -> Any:
    """A message of an agent or a browser."""
    return workers.receive(event.to_dict())


@app.on_ws_disconnect(name="websocket_disconnect")
def websocket_disconnect(event: Any) -> Any:
    """A socket is closed."""
    return workers.disconnect(event.to_dict())


@app.on_sqs_message(queue="intake", batch_size=1, name="intake")
def intake(event: Any) -> Any:
    """One accepted delivery or request → decisions with reasons, releases."""
    return workers.intake(event.to_dict())


@app.on_sqs_message(queue="render", batch_size=1, name="render")
def render(event: Any) -> Any:
    """One release → its rendered tree; or a manifest that the API asks to check."""
    return workers.render(event.to_dict())


@app.on_sqs_message(queue="train.fifo", batch_size=1, name="train")
def train(event: Any) -> Any:
    """Everything that waits for one repository → commits, one push."""
    return workers.train(event.to_dict())


@app.on_dynamodb_record(
    stream_arn="arn:aws:dynamodb:REGION:ACCOUNT:table/records/stream/LABEL", batch_size=1000, name="relay"
)
def relay(event: Any) -> Any:
    """Changed documents of both tables → the browsers that look at them."""
    return workers.relay(event.to_dict())


@app.schedule("rate(1 minute)", name="sweep")
def sweep(_: Any) -> None:
    """Repairs and timers."""
    workers.sweep()

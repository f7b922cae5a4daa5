"""Our own charts, for whoever fills in a form instead of a file."""

from typing import Any

import msgspec
from chalice import Blueprint

from chalicelib import wiring
from chalicelib.core.actors import Permission
from chalicelib.core.errors import NotFound
from chalicelib.routes.http import Answer, Ask, route

charts = Blueprint(__name__)


class ChartRow(msgspec.Struct):
    """One of our charts."""

    name: str
    version: str
    description: str


class ChartList(msgspec.Struct):
    """All of them."""

    items: list[ChartRow]


class ChartSchema(msgspec.Struct, rename="camel"):
    """What the chart's values may be (JSON Schema, draft 7), and in which sections a form shows them."""

    name: str
    version: str
    values_schema: dict[str, Any]
    ui_schema: dict[str, Any]


@route(charts, "GET", "/v1/charts", Permission.READ, gives=ChartList)
def list_charts(_: Ask) -> Answer:
    """The charts that need no repository, by name."""
    rows = [ChartRow(one.name, one.version, one.description) for one in wiring.chart_shelf().charts()]
    return Answer(200, ChartList(rows))


@route(charts, "GET", "/v1/charts/{name}/schema", Permission.READ, gives=ChartSchema)
def chart_schema(_: Ask, name: str) -> Answer:
    """What the chart's values may be, and how a form shows them."""
    for one in wiring.chart_shelf().charts():
        if one.name == name:
            return Answer(200, ChartSchema(one.name, one.version, one.values_schema, one.ui_schema))
    raise NotFound(f"there is no chart {name[:100]!r} of ours")

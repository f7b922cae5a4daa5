"""Our own charts as forms see them."""

from pathlib import Path
from typing import Any

import pytest

from chalicelib.adapters.chart_shelf import FolderShelf
from chalicelib.core.errors import NotFound
from chalicelib.routes import charts as routes

FOLDER = Path(__file__).parents[3] / "infra" / "charts"


def test_every_field_of_a_form_is_a_value_of_its_chart() -> None:
    for chart in FolderShelf(FOLDER).charts():
        properties, sections = chart.values_schema["properties"], chart.ui_schema["sections"]
        assert isinstance(properties, dict)
        assert isinstance(sections, list)
        fields = [name for one in sections if isinstance(one, dict) for name in one["fields"]]  # type: ignore[union-attr]  # a list
        assert set(fields) <= set(properties)
        assert len(fields) == len(set(fields))


def test_webapp_is_on_the_shelf() -> None:
    chart = next(one for one in FolderShelf(FOLDER).charts() if one.name == "webapp")

    assert chart.version
    assert chart.values_schema["type"] == "object"


def test_the_routes_answer_what_is_on_the_shelf() -> None:
    ask: Any = None  # neither looks at who asks

    assert [row.name for row in routes.list_charts(ask).body.items] == ["webapp"]
    assert routes.chart_schema(ask, "webapp").body.values_schema["type"] == "object"
    for name in ("nope", "../webapp", ""):
        with pytest.raises(NotFound):
            routes.chart_schema(ask, name)

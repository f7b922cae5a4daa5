"""Our own charts on disk, as forms see them; what renders them is `charts`.

`<name>.ui.json` beside a chart's folder is its UI schema: it is no part of the chart.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from chalicelib.ports.rendering import OwnChart


@dataclass(frozen=True, slots=True)
class FolderShelf:
    """Implements `ChartShelf` for the charts in one folder."""

    folder: Path

    def charts(self) -> list[OwnChart]:
        """See `ChartShelf.charts`."""
        return [_read(path.parent) for path in sorted(self.folder.glob("*/Chart.yaml"))]


def _read(folder: Path) -> OwnChart:
    metadata = yaml.load((folder / "Chart.yaml").read_text(), Loader=yaml.CBaseLoader)  # noqa: S506 - text only
    values = json.loads((folder / "values.schema.json").read_text())
    ui = json.loads(folder.with_name(f"{folder.name}.ui.json").read_text())
    return OwnChart(metadata["name"], metadata["version"], metadata["description"], values, ui)

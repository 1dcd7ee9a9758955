"""A chart drawn by the browser as SVG, that can be shown as a table, and taken along as a picture or as data."""

from typing import Any

import traitlets

from tiltyard.formatting.drawing import spec
from tiltyard.result import Chart

from ..theme.block import Block, esm


def plain(chart: Chart | None) -> dict[str, Any]:
    """The drawing spec of ``chart`` as the JSON that the browser follows; ``{}`` for nothing."""
    return {} if chart is None else spec(chart).model_dump(mode="json")


class ChartView(Block):
    """Draws a `tiltyard.result.Chart`; set ``chart`` (its drawing spec, ``{}`` for nothing) or call ``show`` and it moves in place."""

    _esm = esm("chart_scale.js", "chart_marks.js", "chart_levels.js", "chart_table.js", "save.js", "chart.js")
    chart = traitlets.Dict().tag(sync=True)
    height = traitlets.Int(300, min=120, max=1200, help="height of the drawing in px").tag(sync=True)

    alive = True

    def __init__(self, chart: Chart | None = None, height: int = 300) -> None:
        self.shown = chart
        super().__init__(chart=plain(chart), height=height)

    def show(self, chart: Chart | None) -> None:
        self.shown = chart
        self.chart = plain(chart)

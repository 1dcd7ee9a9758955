"""The chart's trait is plain JSON, whatever the numbers, and follows show()."""

import json
import math

import pytest
import traitlets

from tiltyard.formatting.drawing import spec
from tiltyard.result import Axis, Chart, Series
from tiltyard_widgets.views.chart import ChartView, plain


def chart(*y: float | None) -> Chart:
    x = tuple(float(i) for i in range(len(y)))
    return Chart(
        name="c", title="Curve", kind="line", x=Axis(label="x"), y=Axis(label="y"), series=(Series(name="s", x=x, y=y),), alt="a curve"
    )


def test_trait_is_the_drawing_spec_as_strict_json() -> None:
    view = ChartView(chart(0.5, None, math.inf))
    assert view.chart == spec(chart(0.5, None, math.inf)).model_dump(mode="json")
    assert json.loads(json.dumps(plain(chart(math.nan)), allow_nan=False))["series"][0]["y"] == [None]


def test_show_replaces_and_empties_in_place() -> None:
    view = ChartView()
    assert view.chart == {}
    seen: list[int] = []
    view.observe(lambda change: seen.append(len(change["new"])), "chart")
    view.show(chart(1.0))
    view.show(chart(1.0))
    view.show(None)
    assert len(seen) == 2 and view.chart == {}


def test_height_outside_its_bounds_is_refused() -> None:
    with pytest.raises(traitlets.TraitError):
        ChartView(height=10)

"""The chart's trait is plain JSON, whatever the numbers, and follows show()."""

import json
import math

import pytest
import traitlets

from tiltyard.result import Axis, Chart, Series
from tiltyard_widgets.views.chart import ChartView, plain


def chart(*y: float | None) -> Chart:
    x = tuple(float(i) for i in range(len(y)))
    return Chart(
        name="c", title="Curve", kind="line", x=Axis(label="x"), y=Axis(label="y"), series=(Series(name="s", x=x, y=y),), alt="a curve"
    )


def test_trait_is_the_chart_as_json() -> None:
    view = ChartView(chart(0.5, None))
    assert view.chart["series"][0]["y"] == [0.5, None]
    assert Chart.model_validate(view.chart) == chart(0.5, None)


def test_not_a_number_and_infinity_survive_strict_json() -> None:
    sent = json.dumps(plain(chart(math.nan, math.inf, -math.inf)), allow_nan=False)
    assert json.loads(sent)["series"][0]["y"] == ["NaN", "Infinity", "-Infinity"]


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

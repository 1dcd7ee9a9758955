"""The drawing spec: ranges and ticks by cases worked out by hand, looks by role, and what cannot be drawn left out."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.formatting.drawing import COLORS, LOWERS, RAISES, ROLES, shown, spec
from tiltyard.formatting.swarms import ROOM, beside
from tiltyard.formatting.ticks import Range, tick_places, tick_texts, widened
from tiltyard.result import Axis, Chart, Course, Series

PLAIN, SHARE, LOG = Axis(label="x"), Axis(label="Rate", unit="share"), Axis(label="x", scale="log")


def chart(kind: str = "line", *series: Series, **axes: Axis) -> Chart:
    base = {"name": "c", "title": "T", "alt": "a", "kind": kind, "series": series, "x": PLAIN, "y": PLAIN}
    return Chart.model_validate(base | axes)


def one(x: tuple[float, ...], y: tuple[float | None, ...], **more: object) -> Series:
    return Series.model_validate({"name": "s", "x": x, "y": y} | more)


@pytest.mark.parametrize(
    ("axis", "values", "found", "options"),
    [
        (PLAIN, [0.0, 2.0], Range(0, 2), {}),
        (PLAIN, [1.0, 9.0], Range(0, 10), {"pad": 0.05, "whole": 5}),
        (PLAIN, [3.0, 9.0], Range(0, 10), {"zero": True, "pad": 0.05, "whole": 5}),
        (PLAIN, [5.0], Range(4.5, 5.5), {}),
        (PLAIN, [], Range(0, 1), {}),
        (SHARE, [0.02, 1.0], Range(0, 1), {"pad": 0.05, "whole": 5}),
        (SHARE, [-0.1, 0.1], Range(-0.15, 0.15), {"pad": 0.05, "whole": 5}),
        (Axis(label="x", low=0.0, high=3.0), [1.0, 9.0], Range(0, 3), {"pad": 0.05, "whole": 5}),
        (LOG, [1.0, 1000.0, -3.0], Range(1, 1000), {}),
        (LOG, [], Range(0.001, 0.01), {}),
    ],
)
def test_ranges(axis: Axis, values: list[float], found: Range, options: dict[str, float]) -> None:
    made = widened(axis, values, **options)  # type: ignore[arg-type]
    assert (made.low, made.high) == pytest.approx((found.low, found.high))


@pytest.mark.parametrize(
    ("scale", "drawn", "share", "texts"),
    [
        ("linear", Range(0, 1), True, ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]),
        ("linear", Range(-0.5, 0.5), False, ["−0.4", "−0.2", "0.0", "0.2", "0.4"]),
        ("linear", Range(0, 12000), False, ["0", "2,500", "5,000", "7,500", "10,000"]),
        ("linear", Range(0, 0.1), True, ["0 %", "2 %", "4 %", "6 %", "8 %", "10 %"]),
        ("log", Range(1e-5, 1), False, ["10⁻⁵", "10⁻⁴", "0.001", "0.01", "0.1", "1"]),
        ("log", Range(0.5, 40), False, ["1", "3", "10", "30"]),
        ("log", Range(2, 8), False, ["2", "4", "6", "8"]),
    ],
)
def test_ticks_and_their_texts(scale: str, drawn: Range, share: bool, texts: list[str]) -> None:
    places = tick_places(scale, drawn, 5)  # type: ignore[arg-type]
    assert tick_texts(scale, places, share) == texts  # type: ignore[arg-type]


@given(st.floats(-1e8, 1e8), st.floats(1e-3, 1e8), st.integers(2, 8))
def test_ticks_lie_inside_and_their_texts_differ(low: float, width: float, count: int) -> None:
    drawn = Range(low, low + max(width, abs(low) * 1e-6))
    places = tick_places("linear", drawn, count)
    slack = 1e-5 * (drawn.high - drawn.low)
    assert 1 <= len(places) <= count + 2 and all(drawn.low - slack <= at <= drawn.high + slack for at in places)
    assert len(set(tick_texts("linear", places, share=False))) == len(places)


def test_looks_follow_tone_and_place_and_tell_sixteen_apart() -> None:
    many = spec(chart("line", *(one((0.0,), (float(i),), name=f"s{i}") for i in range(16)))).series
    assert [s.color for s in many[:8]] == [1, 2, 3, 4, 5, 6, 7, 1] and len(COLORS) == ROLES + 1
    assert len({(s.color, s.dash, s.marker) for s in many}) == 16
    good, neither, bad = spec(chart("line", *(one((0.0,), (1.0,), tone=tone) for tone in ("good", "neither", "bad")))).series
    assert (good.color, neither.color, bad.color) == (1, 0, 2)


def test_bars_share_their_place_unless_each_has_its_own() -> None:
    axis = Axis(label="g", categories=("a", "b"))
    both = spec(chart("bar", one((0.0, 1.0), (1.0, 2.0)), one((0.0, 1.0), (2.0, 1.0)), x=axis))
    assert (both.lanes, both.width, [s.shift for s in both.series]) == (2, 0.38, pytest.approx([-0.19, 0.19]))
    apart = spec(chart("bar", one((0.0,), (1.0,)), one((1.0,), (2.0,)), x=axis))
    assert (apart.lanes, apart.width, [s.shift for s in apart.series]) == (1, 0.76, [0.0, 0.0])
    numbers = spec(chart("bar", one((10.0, 20.0), (1.0, 2.0))))
    assert numbers.width == pytest.approx(7.6) and (numbers.x.low, numbers.x.high) == (5.0, 25.0)


def test_points_across_categories_have_whiskers_and_lines_along_their_values() -> None:
    flat = Chart(
        name="c", title="T", kind="dot", x=SHARE, y=Axis(label="g", categories=("a", "b")), alt="a", reference=(("half", 0.5),),
        series=(one((0.5, 0.7), (0.0, 1.0), low=(0.4, 0.6), high=(0.6, 0.8)),),
    )  # fmt: skip
    made = spec(flat)
    assert made.flip and made.y.down and not made.x.down and made.y.scale == "category"
    assert (made.series[0].places, made.series[0].texts) == (("a", "b"), ("50.0 %", "70.0 %"))
    assert made.series[0].between == ("40.0 % to 60.0 %", "60.0 % to 80.0 %") and made.references[0].text == "half: 50.0 %"


def test_what_is_no_number_is_left_out_of_the_drawing_and_said() -> None:
    made = spec(chart("line", one((0.0, 1.0, math.inf), (math.nan, None, 2.0))))
    assert (made.series[0].x, made.series[0].y) == ((0.0, 1.0, None), (None, None, 2.0))
    assert made.series[0].texts == ("not a number", "–", "2")
    json.dumps(made.model_dump(mode="json"), allow_nan=False)
    assert spec(chart()).series == () and spec(chart()).x.ticks


def test_a_category_is_said_by_its_name() -> None:
    assert shown(Axis(label="g", categories=("a", "b")), 1.0) == "b"
    assert [shown(axis, 0.25) for axis in (SHARE, PLAIN, Axis(label="x", unit="%"))] == ["25.0 %", "0.25", "0.25 %"]


def test_points_of_a_swarm_that_would_meet_lie_beside_one_another_and_stay_in_their_lane() -> None:
    points = [(0.5, 1.0)] * 21 + [(0.1, 0.0), (0.9, 0.0), (None, 0.0)]
    laid = beside(points, 0.0, 1.0)
    assert laid[:3] == [1.0, 1.0 + ROOM / 10, 1.0 - ROOM / 10]
    assert max(abs(at - 1) for at in laid[:21] if at is not None) == pytest.approx(ROOM)
    assert laid[21:] == [0.0, 0.0, None]


def test_a_waterfall_runs_from_its_base_to_its_end_in_two_colors() -> None:
    course = Course(base=0.2, start="mean", end="row", towards="up", away="down")
    steps = Series(name="adds", x=(0.5, -0.1), y=(0.0, 1.0), low=(0.4, -0.2), high=(0.6, 0.0))
    chart = Chart(
        name="w",
        title="T",
        kind="waterfall",
        x=Axis(label="p"),
        y=Axis(label="f", categories=("a", "b")),
        series=(steps,),
        alt="a",
        course=course,
    )
    up, down, ends = spec(chart).series
    assert (up.start, up.x, up.y) == ((0.2,), (0.7,), (1.0,))
    assert (down.start, down.x, down.y) == ((0.7,), (pytest.approx(0.6),), (2.0,))
    assert (up.low, up.high) == ((pytest.approx(0.6),), (pytest.approx(0.8),))
    assert (up.color, down.color) == (RAISES, LOWERS) and (up.texts, down.texts) == (("+0.5",), ("−0.1",))
    assert ends.x == (0.2, pytest.approx(0.6)) and spec(chart).y.labels == ("mean", "a", "b", "row")


def test_numbers_at_bars_have_equal_decimals() -> None:
    made = spec(chart("hbar", one((0.0833, 0.057, 0.0077, 0.00574), (0.0, 1.0, 2.0, 3.0))))
    assert made.series[0].texts == ("0.0833", "0.0570", "0.0077", "0.0057")

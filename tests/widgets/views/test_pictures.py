"""One chart drawn twice, in a panel by Chromium and in a report by matplotlib: marks stand at the same places of the axes, in the same
colors, under the same ticks and legend."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.widgets.controls.test_blocks_in_browser import STAGE

from tiltyard.formatting.drawing import COLORS, LEVELS, spec
from tiltyard.reports.figures import svg
from tiltyard.result import Axis, Chart, Course, Levels, Series
from tiltyard_widgets.theme.block import CSS
from tiltyard_widgets.views.chart import ChartView

if TYPE_CHECKING:
    from playwright.sync_api import Browser

GROUPS = ("young", "middle", "old")
SHARE = Axis(label="Rate", unit="share")
NEAR = 0.01  # of an axis's length

IN_A_PANEL = """(flip) => {
  const svg = document.querySelector(".ty-svg");
  const rect = [...svg.querySelectorAll("clipPath rect")].at(-1);
  const [x, y, w, h] = ["x", "y", "width", "height"].map((k) => Number(rect.getAttribute(k)));
  const place = (px, py) => [(px - x) / w, 1 - (py - y) / h];
  const paint = (node) => {
    const { fill, stroke } = getComputedStyle(node);
    const pattern = fill.match(/url\\("?(#[^")]+)/);
    return stroke !== "none" && fill === "none" ? stroke : pattern ? getComputedStyle(document.querySelector(`${pattern[1]} rect`)).fill : fill;
  };
  const series = [...svg.querySelectorAll("[data-series]")].flatMap((g) => {
    const bars = [...g.querySelectorAll("rect")];
    const levels = [...g.querySelectorAll("[data-level]")];
    if (levels.length) return levels.map((path) => { const b = path.getBBox(), r = Number(path.getAttribute("d").match(/a([\\d.]+)/)[1]); return { color: getComputedStyle(path).fill, at: [place(b.x + r, b.y + b.height - r), place(b.x + b.width - r, b.y + r)] }; });
    const diamonds = [...g.querySelectorAll(".ty-end")];
    if (diamonds.length) return { color: "end", at: diamonds.map((d) => { const b = d.getBBox(); return place(b.x + b.width / 2, b.y + b.height / 2); }) };
    if (bars.length && g.querySelector("path.ty-axis")) return { color: paint(bars[0]), at: bars.flatMap((r) => { const b = r.getBBox(), y = b.y + b.height / 2; return [place(b.x, y), place(b.x + b.width, y)]; }) };
    if (bars.length) return { color: paint(bars[0]), at: bars.map((r) => { const b = r.getBBox(); return flip ? place(b.x + b.width, b.y + b.height / 2) : place(b.x + b.width / 2, b.y); }) };
    const line = [...g.querySelectorAll("path")].find((p) => ["2.25px", "0.8px"].includes(getComputedStyle(p).strokeWidth) && !p.classList.contains("ty-whisker"));
    if (line) return { color: paint(line), at: line.getAttribute("d").match(/[MLHV][^MLHV]+/g).join(" ") };
    const marks = [...g.querySelectorAll("path")].at(-1);
    const b = marks.getBBox();
    return { color: getComputedStyle(marks).fill, at: [place(b.x + b.width / 2, b.y + b.height / 2)] };
  });
  for (const s of series) if (typeof s.at === "string") {
    let now = [0, 0];
    s.at = s.at.split(" ").flatMap((part) => {
      const kind = part[0], n = part.slice(1).split(",").map(Number);
      now = kind === "H" ? [n[0], now[1]] : kind === "V" ? [now[0], n[0]] : n;
      return [place(...now)];
    });
  }
  const texts = (axis) => [...svg.querySelectorAll(`[data-tick=${axis}]`)].map((t) => t.firstChild.textContent);
  const legend = [...document.querySelectorAll(".ty-legend li:not(.ty-levels)")].map((li) => li.textContent);
  const scale = document.querySelector(".ty-levels");
  return { series, x: texts("x"), y: texts("y"), legend, levels: scale ? scale.textContent : "" };
}"""

IN_A_REPORT = """(flip) => {
  const kind = KIND;
  const box = document.querySelector("#patch_2 path").getBBox();
  const place = (px, py) => [(px - box.x) / box.width, 1 - (py - box.y) / box.height];
  const css = (node, key) => getComputedStyle(node)[key];
  const groups = [...document.querySelectorAll("[id^=series-]")];
  const bars = [...document.querySelectorAll("[id^=bar-]")];
  const series = [];
  const read = (g) => {
    const line = g.querySelector("path");
    const drawn = line && css(line, "fill") === "none" && line.getAttribute("d");
    const inMarks = [...g.querySelectorAll("use")];
    if (drawn) return { color: css(line, "stroke"), at: drawn.match(/-?[\\d.]+ -?[\\d.]+/g).map((pair) => place(...pair.split(" ").map(Number))) };
    const at = inMarks.map((u) => [Number(u.getAttribute("x")), Number(u.getAttribute("y"))]);
    if (kind === "waterfall") return { color: "end", at: at.map((p) => place(...p)) };
    const ends = (f) => [0, 1].map((k) => f(...at.map((p) => p[k])));
    if (kind === "swarm" || kind === "levels") { const [low, high] = [ends(Math.min), ends(Math.max)]; return { color: css(inMarks[0], "fill"), at: [place(low[0], high[1]), place(high[0], low[1])] }; }
    const middle = [0, 1].map((k) => (Math.min(...at.map((p) => p[k])) + Math.max(...at.map((p) => p[k]))) / 2);
    return { color: css(inMarks[0], "fill"), at: [place(...middle)] };
  };
  for (const bar of bars) {
    const i = Number(bar.id.split("-")[1]), path = bar.querySelector("path"), b = path.getBBox();
    const pattern = css(path, "fill").match(/url\\("?(#[^")]+)/);
    series[i] ??= { color: pattern ? css(document.querySelector(`${pattern[1]} rect`), "fill") : css(path, "fill"), at: [] };
    if (kind === "waterfall") series[i].at.push(place(b.x, b.y + b.height / 2), place(b.x + b.width, b.y + b.height / 2));
    else series[i].at.push(flip ? place(b.x + b.width, b.y + b.height / 2) : place(b.x + b.width / 2, b.y));
  }
  if (!bars.length || kind === "waterfall") series.push(...groups.map(read));
  const texts = (axis) => [...document.querySelectorAll(`#axes_1 [id^=${axis}tick] text`)].map((t) => t.textContent);
  return { series, x: texts("x"), y: texts("y"), legend: [...document.querySelectorAll("#legend_1 text")].map((t) => t.textContent) };
}"""


def drawn_by_both(browser: "Browser", chart: Chart) -> tuple[dict[str, Any], dict[str, Any]]:
    page = browser.new_page(viewport={"width": 460, "height": 700}, color_scheme="light")
    page.set_content(STAGE)
    page.wait_for_function("() => !!window.mount")
    state = {k: v for k, v in ChartView(chart).get_state().items() if k not in ("layout", "tabbable", "tooltip")}
    page.evaluate("(state) => mount(state)", json.loads(json.dumps(state)))
    page.wait_for_selector(".ty-svg")
    panel = page.evaluate(IN_A_PANEL, chart.kind == "hbar")
    page.set_content(f"<!doctype html><html><body>{svg(chart)}</body></html>")
    kind = "levels" if chart.levels is not None and chart.kind == "scatter" else chart.kind
    report = page.evaluate(IN_A_REPORT.replace("KIND", json.dumps(kind)), chart.kind == "hbar")
    page.close()
    return panel, report


def line(kind: str, **axes: Axis) -> Chart:
    x = (0.0, 1.0, 2.0, 3.0)
    parts = ((0.9, 0.5, 0.2, 0.1), (0.8, 0.75, 0.7, 0.6), (0.4, 0.3, 0.2, 0.25))
    series = tuple(Series(name=f"series {i}", x=x, y=y, tone="neither" if i == 2 else "") for i, y in enumerate(parts))
    base = {"name": "c", "title": "T", "alt": "falls", "kind": kind, "series": series, "x": Axis(label="eps"), "y": SHARE}
    return Chart.model_validate(base | axes)


def grouped(kind: str) -> Chart:
    values, places = (0.9, 0.5, 0.25), (0.0, 1.0, 2.0)
    flat = kind == "hbar"
    groups, rate = Axis(label="Group", categories=GROUPS), SHARE
    series = tuple(
        Series(name=name, x=v if flat else places, y=places if flat else v, low=tuple(a - 0.1 for a in v), high=tuple(a + 0.05 for a in v))
        for name, v in (("undefended", values), ("defended", tuple(reversed(values))))
    )
    reference = (("chance", 0.1),)
    x, y = (rate, groups) if flat else (groups, rate)
    return Chart(name="c", title="T", alt="a", kind=kind, x=x, y=y, series=series, reference=reference)  # type: ignore[arg-type]


def swarm() -> Chart:
    rng = np.random.default_rng(0)
    x, lanes = (rng.normal(0, 0.1, 90) * np.repeat([3, 2, 1], 30)).round(3), np.repeat([0.0, 1.0, 2.0], 30)
    level: tuple[float | None, ...] = (*np.linspace(0, 1, 60).tolist(), *[None] * 30)
    series = Series(name="rows", x=tuple(x.tolist()), y=tuple(lanes.tolist()), level=level)
    axes = {"x": Axis(label="SHAP value"), "y": Axis(label="feature", categories=GROUPS)}
    return Chart(name="c", title="T", kind="swarm", alt="a", series=(series,), levels=Levels(label="value"), **axes)


def waterfall() -> Chart:
    added, places = (0.3, -0.45, 0.1, -0.02), (0.0, 1.0, 2.0, 3.0)
    ends = {"low": tuple(v - 0.02 for v in added), "high": tuple(v + 0.04 for v in added)}
    series = Series(name="adds", x=added, y=places, **ends)
    course = Course(base=0.24, start="mean", end="this row", towards="towards yes", away="away from yes")
    axes = {"x": Axis(label="probability"), "y": Axis(label="feature", categories=(*GROUPS, "others"))}
    return Chart(name="c", title="T", kind="waterfall", alt="a", series=(series,), course=course, reference=(("threshold", 0.5),), **axes)


def curves() -> Chart:
    x = (0.0, 1.0, 2.0, 3.0)
    y = (0.4, 0.5, 0.3, 0.2)
    mean = Series(name="mean", x=x, y=y, low=tuple(v - 0.1 for v in y), high=tuple(v + 0.1 for v in y))
    thin = tuple(Series(name="one row", thin=True, x=x, y=tuple(v + by for v in y)) for by in (-0.2, 0.1, 0.3))
    return Chart(name="c", title="T", kind="line", alt="a", x=Axis(label="age"), y=SHARE, series=(*thin, mean))


def leveled() -> Chart:
    series = Series(name="rows", x=(1.0, 2.0, 3.0, 4.0), y=(0.3, -0.2, 0.1, 0.5), level=(0.0, 0.5, 1.0, 1.0), remarks=("a", "b", "c", "d"))
    levels = Levels(label="hours", low="10", high="60")
    return Chart(name="c", title="T", kind="scatter", alt="a", x=Axis(label="age"), y=Axis(label="value"), series=(series,), levels=levels)


CHARTS = {
    "line": line("line"),
    "step": line("step"),
    "log": line(
        "line",
        x=Axis(label="Queries", scale="log"),
        y=Axis(label="Error", unit="", low=0.0, high=1.0),
    ).model_copy(update={"series": (Series(name="one", x=(1.0, 10.0, 1000.0), y=(0.9, 0.5, 0.1)),)}),
    "bar": grouped("bar"),
    "hbar": grouped("hbar"),
    "dot": grouped("dot"),
    "scatter": line("scatter"),
    "swarm": swarm(),
    "waterfall": waterfall(),
    "curves": curves(),
    "levels": leveled(),
}


@pytest.mark.ui
@pytest.mark.parametrize("name", CHARTS)
def test_panel_and_report_draw_the_same_picture(browser: "Browser", name: str) -> None:
    chart = CHARTS[name]
    panel, report = drawn_by_both(browser, chart)
    assert [s["color"] for s in panel["series"]] == [s["color"] for s in report["series"]]
    for ours, theirs in zip(panel["series"], report["series"], strict=True):
        assert flat(ours["at"]) == pytest.approx(flat(theirs["at"]), abs=NEAR)
    drawn = spec(chart)
    assert panel["levels"] == (f"{drawn.levels.label}: {drawn.levels.low}{drawn.levels.high}" if drawn.levels else "")
    assert report["x"] == list(drawn.x.labels) and report["y"] == list(drawn.y.labels) == panel["y"]
    assert panel["x"] and [text for text in panel["x"] if text not in drawn.x.labels] == []  # where two would meet one is left out
    assert panel["legend"] == report["legend"] == list(drawn.legend)


def flat(at: Any) -> list[float]:
    return [number for part in at for number in flat(part)] if isinstance(at, list) else [at]


def test_the_palette_of_the_spec_is_that_of_the_style_sheet() -> None:
    light = dict(re.findall(r"--ty-(\d|edge): light-dark\((#\w{6})", CSS))
    assert [light["edge"], *(light[str(role)] for role in range(1, len(COLORS)))] == list(COLORS)
    levels = re.findall(r"--ty-level-\d+: light-dark\((#\w{6})", CSS)
    assert levels == list(LEVELS)
    script = (Path(__file__).parents[3] / "widgets/tiltyard_widgets/views/chart_marks.js").read_text(encoding="utf-8")
    assert "#" not in re.sub(r"url\(#[^)]*\)", "", script)  # no color of its own

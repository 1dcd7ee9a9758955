"""One chart drawn twice, in a panel by Chromium and in a report by matplotlib: marks stand at the same places of the axes, in the same
colors, under the same ticks and legend."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.widgets.controls.test_blocks_in_browser import STAGE

from tiltyard.formatting.drawing import COLORS, spec
from tiltyard.reports.figures import svg
from tiltyard.result import Axis, Chart, Series
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
  const series = [...svg.querySelectorAll("[data-series]")].map((g) => {
    const bars = [...g.querySelectorAll("rect")];
    if (bars.length) return { color: paint(bars[0]), at: bars.map((r) => { const b = r.getBBox(); return flip ? place(b.x + b.width, b.y + b.height / 2) : place(b.x + b.width / 2, b.y); }) };
    const line = [...g.querySelectorAll("path")].find((p) => getComputedStyle(p).strokeWidth === "2.25px");
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
  const legend = [...document.querySelectorAll(".ty-legend li")].map((li) => li.textContent);
  return { series, x: texts("x"), y: texts("y"), legend };
}"""

IN_A_REPORT = """(flip) => {
  const box = document.querySelector("#patch_2 path").getBBox();
  const place = (px, py) => [(px - box.x) / box.width, 1 - (py - box.y) / box.height];
  const css = (node, key) => getComputedStyle(node)[key];
  const groups = [...document.querySelectorAll("[id^=series-]")];
  const bars = [...document.querySelectorAll("[id^=bar-]")];
  const series = bars.length ? [] : groups.map((g) => {
    const line = g.querySelector("path");
    const drawn = line && css(line, "fill") === "none" && line.getAttribute("d");
    const inMarks = [...g.querySelectorAll("use")];
    if (drawn) return { color: css(line, "stroke"), at: drawn.match(/-?[\\d.]+ -?[\\d.]+/g).map((pair) => place(...pair.split(" ").map(Number))) };
    const at = inMarks.map((u) => [Number(u.getAttribute("x")), Number(u.getAttribute("y"))]);
    const middle = [0, 1].map((k) => (Math.min(...at.map((p) => p[k])) + Math.max(...at.map((p) => p[k]))) / 2);
    return { color: css(inMarks[0], "fill"), at: [place(...middle)] };
  });
  for (const bar of bars) {
    const i = Number(bar.id.split("-")[1]), path = bar.querySelector("path"), b = path.getBBox();
    series[i] ??= { color: css(path, "fill"), at: [] };
    series[i].at.push(flip ? place(b.x + b.width, b.y + b.height / 2) : place(b.x + b.width / 2, b.y));
  }
  const texts = (axis) => [...document.querySelectorAll(`[id^=${axis}tick] text`)].map((t) => t.textContent);
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
    report = page.evaluate(IN_A_REPORT, chart.kind == "hbar")
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
    assert report["x"] == list(drawn.x.labels) and report["y"] == list(drawn.y.labels) == panel["y"]
    assert panel["x"] and [text for text in panel["x"] if text not in drawn.x.labels] == []  # where two would meet one is left out
    assert panel["legend"] == report["legend"] == list(drawn.legend)


def flat(at: Any) -> list[float]:
    return [number for part in at for number in flat(part)] if isinstance(at, list) else [at]


def test_the_palette_of_the_spec_is_that_of_the_style_sheet() -> None:
    light = dict(re.findall(r"--ty-(\d|edge): light-dark\((#\w{6})", CSS))
    assert [light["edge"], *(light[str(role)] for role in range(1, len(COLORS)))] == list(COLORS)
    script = (Path(__file__).parents[3] / "widgets/tiltyard_widgets/views/chart_marks.js").read_text(encoding="utf-8")
    assert "#" not in re.sub(r"url\(#[^)]*\)", "", script)  # no color of its own

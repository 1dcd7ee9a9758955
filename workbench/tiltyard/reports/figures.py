"""Charts for paper: inline SVG by matplotlib, from the chart's data and nothing else."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..formatting.numbers import SHARES
from ..result import Axis, Chart, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito (2008): told apart by people who see few colors; dashes and markers tell them apart in print.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
DASHES: tuple[str | tuple[int, tuple[int, ...]], ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1)), (0, (1, 1)))
MARKERS = "osD^vPX*"
TONES = {"good": "#0072B2", "bad": "#D55E00", "neither": "#9AA2AA"}


def svg(chart: Chart) -> str:
    """The chart as an ``<svg>`` element without XML prolog, text kept as text."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    tall = 0.28 * len(chart.y.categories) + 1.2 if chart.kind == "hbar" else 3.0
    with rc_context({"svg.fonttype": "none", "font.size": 9, "svg.hashsalt": "tiltyard", "axes.unicode_minus": True}):
        figure = Figure(figsize=(7.6 if chart.kind == "hbar" else 6.4, max(2.4, tall)), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        _draw(axes, chart)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def _draw(axes: "Axes", chart: Chart) -> None:
    count = 1 if _apart(chart) else len(chart.series)
    for i, series in enumerate(chart.series):
        DRAW[chart.kind](axes, series, i, count)
    for label, value in chart.reference:
        axes.axhline(value, color="#777", linewidth=1, linestyle=":")
        axes.annotate(label, (1, value), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8, color="#555")
    _axis(axes, chart.x, "x")
    _axis(axes, chart.y, "y")
    if chart.kind == "hbar":
        axes.invert_yaxis()
    if len(chart.series) > 1:
        axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=4)
    axes.grid(visible=True, axis="x" if chart.kind == "hbar" else "y", color="#ddd", linewidth=0.6)
    axes.set_axisbelow(True)
    if chart.kind == "hbar":
        axes.axvline(0, color="#555", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)


def _apart(chart: Chart) -> bool:
    """Does no category hold bars of two series? Then each bar may take the whole width."""
    at = [place for s in chart.series for place in (s.y if chart.kind == "hbar" else s.x)]
    return chart.kind in ("bar", "hbar") and len(set(at)) == len(at)


def _axis(axes: "Axes", axis: Axis, side: str) -> None:
    share = axis.unit in SHARES
    label = f"{axis.label} ({axis.unit})" if axis.unit and not share else axis.label
    (axes.set_xlabel if side == "x" else axes.set_ylabel)(label)
    if axis.scale == "log":
        (axes.set_xscale if side == "x" else axes.set_yscale)("log")
    if share:
        (axes.xaxis if side == "x" else axes.yaxis).set_major_formatter(_percent)
    if axis.categories:
        ticks = range(len(axis.categories))
        names = [_short(name) for name in axis.categories]
        if side == "x":
            long = max(map(len, names)) * len(names) > 70
            axes.set_xticks(ticks, names, rotation=35 if long else 0, ha="right" if long else "center")
        else:
            axes.set_yticks(ticks, names)
    limits = {
        k: v for k, v in (("left" if side == "x" else "bottom", axis.low), ("right" if side == "x" else "top", axis.high)) if v is not None
    }
    (axes.set_xlim if side == "x" else axes.set_ylim)(**limits)  # type: ignore[arg-type]


def _percent(share: float, _: object) -> str:
    """A tick of an axis of shares."""
    return f"{100 * share:.4g} %".replace("-", "−")


def _short(name: str, most: int = 72) -> str:
    plain = name.replace("$", r"\$")
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def _known(values: Sequence[float | None]) -> list[float]:
    return [float("nan") if v is None else v for v in values]


def _color(s: Series, i: int) -> str:
    return TONES.get(s.tone) or COLORS[i % len(COLORS)]


def _line(axes: "Axes", s: Series, i: int, count: int) -> None:
    color = _color(s, i)
    axes.plot(
        s.x,
        _known(s.y),
        color=color,
        linestyle=DASHES[i % len(DASHES)],
        marker=MARKERS[i % 8] if len(s.x) <= 30 else "",
        ms=4,
        label=s.name,
    )
    if s.low and s.high:
        axes.fill_between(s.x, _known(s.low), _known(s.high), color=color, alpha=0.18, linewidth=0)


def _step(axes: "Axes", s: Series, i: int, count: int) -> None:
    axes.step(s.x, _known(s.y), where="post", color=_color(s, i), linestyle=DASHES[i % len(DASHES)], label=s.name)


def _whiskers(values: Sequence[float | None], low: Sequence[float | None], high: Sequence[float | None]) -> list[list[float]] | None:
    if not low or not high:
        return None
    v, lo, hi = _known(values), _known(low), _known(high)
    below = [max(a - b, 0.0) for a, b in zip(v, lo, strict=True)]
    above = [max(b - a, 0.0) for a, b in zip(v, hi, strict=True)]
    return [below, above]


def _bar(axes: "Axes", s: Series, i: int, count: int) -> None:
    width = 0.8 / count
    at = [x + (min(i, count - 1) - (count - 1) / 2) * width for x in s.x]
    axes.bar(at, _known(s.y), width, color=_color(s, i), yerr=_whiskers(s.y, s.low, s.high), ecolor="#333", capsize=2, label=s.name)


def _hbar(axes: "Axes", s: Series, i: int, count: int) -> None:
    width = 0.8 / count
    at = [y + (min(i, count - 1) - (count - 1) / 2) * width for y in _known(s.y)]
    axes.barh(at, s.x, width, color=_color(s, i), xerr=_whiskers(s.x, s.low, s.high), ecolor="#333", capsize=2, label=s.name)


def _dot(axes: "Axes", s: Series, i: int, count: int) -> None:
    shift = (i - (count - 1) / 2) * 0.12
    at = [x + shift for x in s.x]
    axes.errorbar(
        at,
        _known(s.y),
        yerr=_whiskers(s.y, s.low, s.high),
        color=_color(s, i),
        fmt=MARKERS[i % 8],
        ms=5,
        capsize=2,
        label=s.name,
    )


def _scatter(axes: "Axes", s: Series, i: int, count: int) -> None:
    axes.scatter(s.x, _known(s.y), s=14, color=_color(s, i), marker=MARKERS[i % 8], alpha=0.75, label=s.name)


DRAW = {"line": _line, "step": _step, "bar": _bar, "hbar": _hbar, "dot": _dot, "scatter": _scatter}

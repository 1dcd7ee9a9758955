"""Charts for paper: inline SVG by matplotlib, which follows the chart's drawing spec."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..formatting.drawing import COLORS, LEVELS, AxisSpec, Marker, SeriesSpec, Spec, spec
from ..result import Chart, Levels

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

MARKERS: dict[Marker, str] = {
    "circle": "o",
    "square": "s",
    "triangle": "^",
    "diamond": "D",
    "wedge": "v",
    "plus": "P",
    "dash": "_",
}
LONGEST = 72
# Of bars, by the role of their color: told apart in print without color.
HATCHES = ("..", "", "///", "xx", "\\\\\\", "--", "++", "oo")


def svg(chart: Chart, shapes: bool = False) -> str:
    """The chart as an ``<svg>`` element without XML prolog, text kept as text; as ``shapes`` for who sets text of a drawing badly."""
    text = _saved(chart, "svg", "path" if shapes else "none").decode()
    return text[text.index("<svg") :]


def png(chart: Chart) -> bytes:
    """The chart as a PNG of 150 dots an inch, for documents that hold no drawings."""
    return _saved(chart, "png")


def drawn_on(axes: "Axes | None", chart: Chart) -> "Axes":
    """Draw the chart with pyplot on ``axes``, or in a figure of its own; the axes it is on."""
    if axes is None:
        from matplotlib import pyplot

        drawn = spec(chart)
        rows = len(drawn.y.ticks) if drawn.flip else 0
        axes = pyplot.subplots(figsize=_size(rows), layout="constrained")[1]
    _draw(axes, spec(chart))
    axes.set_title(_plain(chart.title), loc="left", fontsize=10, pad=24 if spec(chart).legend else 6)
    return axes


def _size(rows: int) -> tuple[float, float]:
    """Width and height in inches; of horizontal ``rows``, which need a line each."""
    return (7.6 if rows else 6.4), max(2.4, 0.28 * rows + 1.2 if rows else 3.0)


def _saved(chart: Chart, format: str, text: str = "none") -> bytes:
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    drawn = spec(chart)
    rows = len(drawn.y.ticks) if drawn.flip else 0
    with rc_context({"svg.fonttype": text, "font.size": 9, "svg.hashsalt": "tiltyard", "lines.scale_dashes": False}):
        figure = Figure(figsize=_size(rows), layout="constrained", dpi=150)
        (FigureCanvasSVG if format == "svg" else FigureCanvasAgg)(figure)
        _draw(figure.subplots(), drawn)
        out = io.BytesIO()
        figure.savefig(out, format=format, metadata={"Date": None} if format == "svg" else None)
    return out.getvalue()


def _draw(axes: "Axes", drawn: Spec) -> None:
    _axis(axes, drawn.x, "x")
    _axis(axes, drawn.y, "y")
    for i, series in enumerate(drawn.series):
        for mark in DRAW[drawn.kind](axes, series, drawn):
            mark.set_gid(f"{'bar' if drawn.kind in ('bar', 'hbar') or series.start else 'series'}-{i}")
    _references(axes, drawn)
    if drawn.levels is not None:
        _levels(axes, drawn.levels)
    if drawn.legend:
        handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        named = [handles[_plain(text)] for text in drawn.legend if _plain(text) in handles]
        axes.legend(handles=named, frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=4)
    axes.grid(visible=True, axis="x" if drawn.flip else "y", color="#ddd", linewidth=0.6)
    axes.set_axisbelow(True)
    if drawn.kind in ("hbar", "swarm"):
        axes.axvline(0, color="#555", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)


def _axis(axes: "Axes", axis: AxisSpec, side: str) -> None:
    (axes.set_xlabel if side == "x" else axes.set_ylabel)(_plain(axis.title))
    if axis.scale == "log":
        (axes.set_xscale if side == "x" else axes.set_yscale)("log")
    names = [_plain(name) for name in axis.labels]
    if side == "x":
        long = axis.scale == "category" and max(map(len, names), default=0) * len(names) > 70
        axes.set_xticks(axis.ticks, names, rotation=35 if long else 0, ha="right" if long else "center")
        axes.set_xlim(axis.low, axis.high)
    else:
        axes.set_yticks(axis.ticks, names)
        axes.set_ylim(*((axis.high, axis.low) if axis.down else (axis.low, axis.high)))
    (axes.xaxis if side == "x" else axes.yaxis).set_tick_params(which="minor", length=0)
    axes.minorticks_off()


def _references(axes: "Axes", drawn: Spec) -> None:
    """Lines across the values; their names stand beside them, or of bars in the legend."""
    for line in drawn.references:
        named = line.text if drawn.kind == "bar" else ""
        (axes.axvline if drawn.flip else axes.axhline)(
            line.value, color="#777", linewidth=1, linestyle=":", label=_plain(named) or "_", gid="reference"
        )
        if not named:
            at = (line.value, 1) if drawn.flip else (1, line.value)
            frame = ("data", "axes fraction") if drawn.flip else ("axes fraction", "data")
            axes.annotate(_plain(line.label), at, xycoords=frame, ha="right", va="bottom", fontsize=8, color="#555")


def _levels(axes: "Axes", levels: Levels) -> None:
    """The color scale beside the plot, with what stands at its ends."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap

    figure = axes.get_figure()
    assert figure is not None
    bar = figure.colorbar(ScalarMappable(cmap=ListedColormap(LEVELS)), ax=axes, aspect=40, pad=0.02)
    bar.set_ticks([0.0, 1.0], labels=[_plain(levels.low), _plain(levels.high)])
    bar.ax.tick_params(length=0)
    bar.set_label(_plain(levels.label), labelpad=-12)
    bar.outline.set_visible(False)


def _plain(name: str) -> str:
    """Text that matplotlib takes for no formula, cut where it is long."""
    short = name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
    return short.replace("$", r"\$")


def _known(values: Sequence[float | None]) -> list[float]:
    return [float("nan") if v is None else v for v in values]


def _line(axes: "Axes", s: SeriesSpec, drawn: Spec) -> "list[Artist]":
    step = drawn.kind == "step"
    marker = MARKERS[s.marker] if s.marked else ""
    dashes = (0, s.dash) if s.dash else "-"
    color = COLORS[s.color]
    style = "steps-post" if step else "default"
    if s.thin:
        named = "_" if _plain(s.name) in axes.get_legend_handles_labels()[1] else _plain(s.name)
        return list(axes.plot(_known(s.x), _known(s.y), color=color, linewidth=0.6, alpha=0.45, zorder=1.5, label=named, drawstyle=style))
    (line,) = axes.plot(_known(s.x), _known(s.y), color=color, linestyle=dashes, marker=marker, ms=4, label=_plain(s.name), drawstyle=style)
    if s.low:
        axes.fill_between(_known(s.x), _known(s.low), _known(s.high), step="post" if step else None, color=color, alpha=0.16, linewidth=0)
    return [line]


def _ends(s: SeriesSpec, values: Sequence[float | None]) -> list[list[float]] | None:
    """How far the whiskers reach below and above."""
    if not s.low:
        return None
    both = zip(_known(values), _known(s.low), _known(s.high), strict=True)
    below, above = zip(*((max(v - low, 0.0), max(high - v, 0.0)) for v, low, high in both), strict=True) if s.x else ((), ())
    return [list(below), list(above)]


def _bar(axes: "Axes", s: SeriesSpec, drawn: Spec) -> "list[Artist]":
    look: dict[str, Any] = {"color": COLORS[s.color], "ecolor": "#333", "capsize": 2, "label": _plain(s.name)}
    look |= {"hatch": HATCHES[s.color % len(HATCHES)], "edgecolor": "white", "linewidth": 0}
    if drawn.flip:
        bars = axes.barh([y + s.shift for y in _known(s.y)], _known(s.x), drawn.width, xerr=_ends(s, s.x), **look)
    else:
        bars = axes.bar([x + s.shift for x in _known(s.x)], _known(s.y), drawn.width, yerr=_ends(s, s.y), **look)
    return list(bars.patches)


def _steps(axes: "Axes", s: SeriesSpec, drawn: Spec) -> "list[Artist]":
    """The bars of a waterfall from where the step before ended, with what each adds; or the marks of its two ends."""
    x, y = _known(s.x), _known(s.y)
    if not s.start:
        for at, value, text in zip(y, x, s.texts, strict=True):
            axes.annotate(text, (value, at), xytext=(7, 0), textcoords="offset points", va="center", fontsize=8, fontweight="bold")
        return list(axes.plot(x, y, color=COLORS[7], linestyle="", marker=MARKERS[s.marker], ms=6, label="_"))
    starts = _known(s.start)
    bars = axes.barh(
        y, [b - a for a, b in zip(starts, x, strict=True)], drawn.width, left=starts, color=COLORS[s.color], label=_plain(s.name)
    )
    if s.low:
        axes.errorbar(x, y, xerr=_ends(s, s.x), fmt="none", ecolor="#333", capsize=2)
    axes.vlines(x, [v - drawn.width / 2 for v in y], [v + 1 for v in y], color="#555", linewidth=0.8, zorder=3)
    for i, (a, b, at, text) in enumerate(zip(starts, x, y, s.texts, strict=True)):
        far = max(v for v in (a, b, s.high[i] if s.low else None) if v is not None)
        axes.annotate(text, (far, at), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8)
    return list(bars.patches)


def _points(axes: "Axes", s: SeriesSpec, drawn: Spec) -> "list[Artist]":
    move = (0.0, s.shift) if drawn.flip else (s.shift, 0.0)
    x, y = ([v + by for v in _known(part)] for part, by in zip((s.x, s.y), move, strict=True))
    whiskers: dict[str, Any] = {"xerr" if drawn.flip else "yerr": _ends(s, s.x if drawn.flip else s.y)}
    size, alpha = (3.0, 0.55) if drawn.dense else (5.0, 1.0)
    if s.colors:
        return _colored(axes, s, x, y, size)
    made = axes.errorbar(
        x, y, color=COLORS[s.color], fmt=MARKERS[s.marker], ms=size, alpha=alpha, capsize=2, label=_plain(s.name), **whiskers
    )
    return [made.lines[0]]


def _colored(axes: "Axes", s: SeriesSpec, x: list[float], y: list[float], size: float) -> "list[Artist]":
    """Points by their place on the color scale; gray where they have none."""
    made: list[Artist] = []
    for color in sorted(set(s.colors)):
        at = [i for i, c in enumerate(s.colors) if c == color]
        look: dict[str, Any] = {
            "color": LEVELS[color] if color >= 0 else COLORS[0],
            "marker": MARKERS["circle"],
            "linestyle": "",
            "ms": size,
        }
        made += axes.plot([x[i] for i in at], [y[i] for i in at], markeredgewidth=0, label="_", **look)
    return made


DRAW = {"line": _line, "step": _line, "bar": _bar, "hbar": _bar, "dot": _points, "scatter": _points, "swarm": _points, "waterfall": _steps}

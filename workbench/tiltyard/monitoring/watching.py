"""A table held against another, window by window in the order of its rows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..errors import Problem
from ..progress import Progress
from ..result import Axis, Chart, Column, Metric, Series, Table
from .columns import of_frame
from .judged import Judged, Right
from .monitor import LEVEL, ROWS
from .reference import JOINT, reference
from .window import Window

if TYPE_CHECKING:
    import pandas as pd

LINES = 6


def watched(
    before: "pd.DataFrame",
    after: "pd.DataFrame",
    rows: int = ROWS,
    level: float = LEVEL,
    seed: int = 0,
    progress: Progress | None = None,
    judged: Judged | None = None,
) -> list[Window]:
    """Windows of ``rows`` rows of ``after`` against ``before``; a rest of less than half a window goes to the last one.

    Parameters
    ----------
    judged
        The columns with the true label and with what the model answered. Each window then has the accuracy over those of its rows
        where both are there, and a test whether more are wrong than in the reference, where that has both columns too.

    Raises
    ------
    Problem
        A column of the reference is not there, or there are too few rows.
    """
    if rows < 1:
        raise Problem("windows of at least 1 row", f"{rows}", "Choose more rows")
    if not len(after):
        raise Problem("at least one row to look at", "none", "Give the rows that came since")
    progress = progress or Progress()
    usual, right = None, Right.unknown(len(after))
    if judged is not None:
        usual, right = judged.right(before, optional=True).all, judged.right(after)
        before = before.drop(columns=judged.label, errors="ignore")  # labels come late: what is missing of them is no drift
    held = reference(of_frame(before), usual, seed)
    columns = of_frame(after, held.columns)
    starts = range(0, max(columns.n - rows // 2, 1), rows)
    found = []
    for i, start in enumerate(starts):
        progress.step(i / len(starts), f"window {i + 1} of {len(starts)}")
        end = columns.n if i == len(starts) - 1 else start + rows
        found.append(held.window(columns.take(np.arange(start, end)), i, level, right.of(start, end)))
    return found


def overall(windows: Sequence[Window]) -> str:
    """One word for all: alarm where one alarms, incomplete where one is, or where there is none."""
    states = {window.state for window in windows}
    return "alarm" if "alarm" in states else "quiet" if states == {"quiet"} else "incomplete"


def drift_chart(windows: Sequence[Window], level: float | None = None) -> Chart:
    """q of what drifts most and of the joint test over the windows; below the line it alarms."""
    names = _worst(windows)
    series = tuple(
        Series(name=name, x=tuple(float(i) for i in range(len(windows))), y=tuple(_floored(window, name) for window in windows))
        for name in names
    )
    line = windows[-1].level if level is None else level
    return Chart(
        name="drift",
        title="How likely without drift: q of each test over the windows",
        kind="line",
        x=Axis(label="Window", categories=tuple(str(window.number) for window in windows)),
        y=Axis(label="q after Benjamini and Hochberg", scale="log", low=1e-6, high=1.0),
        series=series,
        alt=f"q of {', '.join(names)} in {len(windows)} windows; below {line:g} is an alarm.",
        reference=(("alarm", line),),
    )


def _floored(window: Window, name: str) -> float | None:
    q = next((d.q for d in window.drifts if d.what == name), None)
    return None if q is None else max(q, 1e-6)


def _worst(windows: Sequence[Window]) -> list[str]:
    least: dict[str, float] = {}
    for drift in (d for window in windows for d in window.drifts if d.q is not None):
        least[drift.what] = min(least.get(drift.what, 1.0), drift.q or 0.0)
    ordered = sorted(least, key=lambda name: least[name])[:LINES]
    return ordered if JOINT in ordered or JOINT not in least else [*ordered[:-1], JOINT]


def share_chart(windows: Sequence[Window], what: str) -> Chart | None:
    """The share of anomalies or, where labels came, the accuracy over the windows, with intervals; None where neither was measured."""
    metrics = [window.anomalies if what == "anomalies" else window.performance for window in windows]
    known = [m for m in metrics if m is not None]
    if not known:
        return None
    series = Series(
        name=known[0].label,
        x=tuple(float(i) for i in range(len(windows))),
        y=tuple(None if m is None else m.value for m in metrics),
        low=tuple(None if m is None else m.low for m in metrics),
        high=tuple(None if m is None else m.high for m in metrics),
    )
    return Chart(
        name=what,
        title=known[0].label,
        kind="line",
        x=Axis(label="Window", categories=tuple(str(window.number) for window in windows)),
        y=Axis(label=known[0].label, unit="share"),
        series=(series,),
        alt=f"{known[0].label} in {len(windows)} windows, the last {known[-1].value:.3f}.",
    )


def window_table(windows: Sequence[Window]) -> Table:
    """Every window in a row, the newest first."""
    columns = (
        Column(name="Window", kind="integer"),
        *(Column(name=n) for n in ("Until (UTC)", "Rows", "State", "Anomalies", "Accuracy", "Drifting")),
    )
    rows = tuple(
        (
            w.number,
            f"{w.ended:%Y-%m-%d %H:%M}",
            f"{w.n:,}",
            w.state,
            _share(w.anomalies, "not measured"),
            _share(w.performance, "no labels"),
            ", ".join(d.what for d in w.drifting[:4]) or "—",
        )
        for w in reversed(windows)
    )
    return Table(name="windows", title="Windows, newest first", columns=columns, rows=rows[:200], total=len(rows))


def _share(metric: Metric | None, none: str) -> str:
    if metric is None or metric.value is None or metric.low is None or metric.high is None:
        return none
    return f"{metric.value:.1%} [{metric.low:.1%}, {metric.high:.1%}] of {metric.n:,}"


def table_of(window: Window) -> Table:
    """The tests of a window, the least likely first."""
    columns = (
        *(Column(name=n) for n in ("What", "Test")),
        *(Column(name=n, kind="number") for n in ("Apart", "p", "q")),
        Column(name="Says"),
    )
    ordered = sorted(window.drifts, key=lambda d: (2.0 if d.q is None else d.q, -(d.size or 0.0)))
    rows = tuple((d.what, d.test, d.size, d.p, d.q, "drifts" * d.drifting + ("; " * bool(d.drifting and d.note)) + d.note) for d in ordered)
    note = "Apart: largest gap of the distribution functions, Cramer's V, AUC, or the rise of a share. q: p after Benjamini and Hochberg."
    return Table(name="tests", title=f"Tests of window {window.number}", columns=columns, rows=rows, note=note)

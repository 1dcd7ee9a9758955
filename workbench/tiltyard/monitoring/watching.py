"""A table held against another, window by window in the order of its rows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from ..progress import Progress
from ..result import Axis, Chart, Column, Metric, Series, Table
from .columns import of_frame, words
from .independence import by_client
from .judged import Judged, Right
from .monitor import LEVEL, ROWS
from .reference import JOINT, Reference, Seasons, reference
from .spending import share
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
    client: str = "",
    season: str = "",
) -> list[Window]:
    """Windows of ``rows`` rows of ``after`` against ``before``; a rest of less than half a window goes to the last one.

    Parameters
    ----------
    level
        The chance, at most, that any window alarms though nothing drifts; each window spends an equal part of it.
    judged
        The columns with the true label and with what the model answered. Each window then has the accuracy over those of its rows
        where both are there, and a test whether more are wrong than in the reference, where that has both columns too.
    client
        The column that says who asked: of each window, and of the reference where it has that column, one row a client counts.
    season
        A column such as the month or the hour, in both tables: a window is compared with rows of its own seasons, in its proportions.

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
    held = _held(before, judged, client, season, seed)
    right = Right.unknown(len(after)) if judged is None else judged.right(after)
    clients, seasons = (_named(after, name, "current table") for name in (client, season))
    columns = of_frame(after, held.columns)
    starts = range(0, max(columns.n - rows // 2, 1), rows)
    found = []
    for i, start in enumerate(starts):
        progress.step(i / len(starts), f"window {i + 1} of {len(starts)}")
        part = slice(start, columns.n if i == len(starts) - 1 else start + rows)
        window = columns.take(np.arange(part.start, part.stop))
        who, when = (None if c is None else c[part] for c in (clients, seasons))
        truth, spends = right.of(part.start, part.stop), share(level, i, len(starts))
        found.append(held.window(window, i, level, truth, spends=spends, clients=who, seasons=when))
    return found


def _held(before: "pd.DataFrame", judged: Judged | None, client: str, season: str, seed: int) -> Reference:
    """The reference of a table: without its label, client and season, which are no inputs whose drift counts."""
    if client and client in before.columns:
        who = words(before[client])
        before = before.iloc[by_client(who, np.random.default_rng(seed))]
    usual = None if judged is None else judged.right(before, optional=True)
    when = _named(before, season, "reference")
    aside = [name for name in (judged.label if judged else "", client, season) if name]
    columns = of_frame(before.drop(columns=aside, errors="ignore"))
    hits = None if usual is None else np.where(usual.known, usual.right, -1).astype(np.int8)
    return reference(columns, None if usual is None else usual.all, seed, None if when is None else Seasons(season, when), hits)


def _named(frame: "pd.DataFrame", name: str, where: str) -> NDArray[np.str_] | None:
    if not name:
        return None
    if name not in frame.columns:
        raise Problem(f"a column {name!r} in the {where}", "none", "Name one of its columns, or none")
    return words(frame[name])


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
    line = (windows[-1].spends or windows[-1].level) if level is None else level
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
            f"{w.n:,}" if w.counted in (None, w.n) else f"{w.n:,}, {w.counted:,} count",
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

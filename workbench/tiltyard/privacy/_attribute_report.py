"""What attribute inference says: each column's gain by the model with its interval, and the worst one first."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..formatting.numbers import percent
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Status, Table
from ..statistics.intervals import LEVEL, rate, rate_by_row
from ..statistics.paired import rate_change
from ..statistics.ruling import Limit, ruling
from ._attribute_secret import MOST, Secret
from .membership_report import open_ends

STANDARDS = ("OWASP ML03:2023", "AITG-MOD-05", "AML.T0024.001", "NISTAML.032", "EU AI Act Art. 15(5)", "AI RMF MEASURE 2.10")


@dataclass(frozen=True)
class Judged:
    """What was guessed of one column for the attacked rows with the model and without it.

    ``rows`` is their fingerprint; ``known`` rows were the attacker's own, ``left_out`` have values too rare to try.
    """

    secret: Secret
    member: NDArray[np.bool_] | None
    rows: str
    truth: NDArray[np.int64]
    with_model: NDArray[np.int64]
    without: NDArray[np.int64]
    known: int
    left_out: int

    @property
    def name(self) -> str:
        """The column's."""
        return self.secret.name

    @property
    def got(self) -> NDArray[np.bool_]:
        """Was the row guessed right with the model?"""
        return np.asarray(self.with_model == self.truth)

    @property
    def base(self) -> NDArray[np.bool_]:
        """Was it guessed right from the other columns alone?"""
        return np.asarray(self.without == self.truth)

    def gain(self, metric: str, level: float, rows: NDArray[np.bool_] | None = None, of: str = "") -> Metric:
        """Rate with the model less rate without it on the same rows, by Newcombe's paired interval at confidence ``level``."""
        rows = np.ones(len(self.truth), bool) if rows is None else rows
        label = f"{self.name} recovered: gain by the model{of}"
        return rate_change(metric, label, self.base[rows], self.got[rows], "lower", level)


@dataclass(frozen=True)
class Unmeasured:
    """A column of which nothing could be measured, and why."""

    name: str
    why: str


def report(judged: list[Judged], unmeasured: list[Unmeasured], accepted: float, notes: tuple[str, ...]) -> CheckResult:
    """The whole answer. All columns keep to what is accepted for a pass; one that is beyond it is a finding, and one unmeasured leaves it open.

    The intervals hold together at 95 %: each at 1 - 0.05 / columns (Bonferroni), so that the worst of many columns is no finding by chance.
    """
    level = 1 - (1 - LEVEL) / len(judged)
    several = len(judged) + len(unmeasured) > 1
    sides = {it.name: it.gain("advantage", level) for it in judged}
    limits = {name: Limit(gain, accepted, surely=True) for name, gain in sides.items()}
    judged = sorted(judged, key=lambda it: (limits[it.name].state == "broken", sides[it.name].value or 0), reverse=True)
    worst, keys = judged[0], _keys([*(it.name for it in judged), *(one.name for one in unmeasured)])
    missing = [_missing(it.name, clause, several) for it in judged for clause in open_ends(len(it.truth), accepted)]
    missing += [f"{one.name} was not measured ({one.why.rstrip('.')})" for one in unmeasured]
    ruled = ruling([limits[it.name] for it in judged], open_ends=missing)
    broken = [it for it in judged if limits[it.name].state == "broken"]
    tables = [_by_value(it, "" if it is worst else f"_{i}", several) for i, it in enumerate(judged)]
    return CheckResult(
        status=ruled.status,
        summary=f"{_sentence(worst, sides[worst.name], several)} {ruled.sentence}",
        metrics=(*_metrics(worst, sides[worst.name]), *(_each(judged, sides, unmeasured, keys) if several else ())),
        findings=tuple(_finding(it, sides[it.name], "advantage" if it is worst else keys[it.name]) for it in broken)
        if ruled.status is Status.FINDING
        else (),
        tables=((_by_column(judged, sides, unmeasured), *tables) if several else tuple(tables)),
        charts=((_columns_chart(judged, sides), _chart(tables[0], worst.name)) if several else (_chart(tables[0], worst.name),)),
        notes=(*ruled.notes, *notes, *(note for it in judged for note in _notes(it)), *((_together(level),) if len(judged) > 1 else ())),
    )


def _missing(name: str, clause: str, several: bool) -> str:
    return f"{name}: {clause}" if several else clause


def _together(level: float) -> str:
    return f"The intervals of the gains are of {100 * level:.2f} % each, so that all of them hold at once in 95 % of draws."


def _sentence(it: Judged, gain: Metric, several: bool) -> str:
    low, high = 100 * (gain.low or 0), 100 * (gain.high or 0)
    text = f"{it.name} is guessed right for {percent(it.base.mean())} of rows from the other columns, for {percent(it.got.mean())} with the model"
    text += f" besides: a gain of {100 * (gain.value or 0):.1f} points ({low:.1f} to {high:.1f}, n = {len(it.truth):,})"
    return text + (", the most of all columns measured." if several else ".")


def _metrics(it: Judged, gain: Metric) -> list[Metric]:
    n = len(it.truth)
    found = [
        gain,
        rate_by_row("accuracy_with_model", f"{it.name} recovered with the model", it.got, it.rows, "lower"),
        rate("accuracy_without_model", f"{it.name} guessed from the other columns alone", int(it.base.sum()), n),
        rate("commonest", "Majority-class baseline", int(np.bincount(it.truth).max()), n),
    ]
    if it.member is not None:
        for side, title, rows in (("seen", "trained-on rows", it.member), ("unseen", "unseen rows", ~it.member)):
            if rows.sum() >= 30:
                found.append(it.gain(f"advantage_{side}", LEVEL, rows, f" on {title}").model_copy(update={"safer": "none"}))
    return found


def _each(judged: list[Judged], sides: dict[str, Metric], unmeasured: list[Unmeasured], keys: dict[str, str]) -> list[Metric]:
    """The gain of every column under a name of its own; without a value where it was not measured."""
    known = [sides[it.name].model_copy(update={"name": keys[it.name]}) for it in judged]
    label = "{} recovered: gain by the model"
    return known + [
        Metric(name=keys[one.name], label=label.format(one.name), value=None, safer="lower", note=one.why) for one in unmeasured
    ]


def _keys(names: list[str]) -> dict[str, str]:
    plain = {name: "advantage_of_" + (re.sub(r"\W+", "_", name).strip("_") or "column") for name in names}
    often = Counter(plain.values())
    return {name: key if often[key] == 1 else f"{key}_{i + 1}" for i, (name, key) in enumerate(plain.items())}


def _notes(it: Judged) -> list[str]:
    notes = [f"The attacker learned from {it.known:,} rows whose {it.name} they know."]
    if it.secret.settings is None:
        notes.append(
            f"The model does not take {it.name} as input: its scores were given as they are. "
            "A small advantage can then come from the model's better use of the other columns."
        )
    if it.left_out:
        notes.append(f"{it.left_out:,} rows with rarer values of {it.name} than the {MOST} commonest were left out.")
    return notes


def _finding(it: Judged, gain: Metric, own: str) -> Finding:
    """``own`` is the name of the column's metric; it is ``advantage`` of the worst one, whose values have a table."""
    value = gain.value or 0.0
    leads = own == "advantage"
    return Finding(
        title=f"The model gives away {it.name} beyond what the other columns tell",
        severity=Severity.HIGH if value >= 0.2 else Severity.MEDIUM if value >= 0.05 else Severity.LOW,
        evidence=Evidence(
            metrics=(own, "accuracy_with_model", "accuracy_without_model") if leads else (own,), tables=("values" if leads else "columns",)
        ),
        advice=f"Leave {it.name} out of the inputs if it is not needed, give out labels or rounded scores, or train privately",
        standards=STANDARDS,
        defense="privacy.dp_sgd",
    )


def _by_column(judged: list[Judged], sides: dict[str, Metric], unmeasured: list[Unmeasured]) -> Table:
    """A row a column, the worst first."""
    columns = (
        Column(name="column"),
        Column(name="rows", kind="integer"),
        *(
            Column(name=name, kind="percent")
            for name in ("without model", "with model", "gain", "gain low", "gain high", "commonest value")
        ),
        Column(name="not measured because"),
    )
    rows: list[tuple[Any, ...]] = []
    for it in judged:
        gain, n = sides[it.name], len(it.truth)
        shares = (float(it.base.mean()), float(it.got.mean()), gain.value, gain.low, gain.high, float(np.bincount(it.truth).max() / n))
        rows.append((it.name, n, *shares, ""))
    rows += [(one.name, None, *(None,) * 6, one.why) for one in unmeasured]
    return Table(name="columns", title="Gain by the model, by column", columns=columns, rows=tuple(rows), total=len(rows))


def _columns_chart(judged: list[Judged], sides: dict[str, Metric]) -> Chart:
    gains = [sides[it.name] for it in judged]
    series = Series(
        name="gain by the model",
        x=tuple(float(i) for i in range(len(gains))),
        y=tuple(g.value for g in gains),
        low=tuple(g.low for g in gains),
        high=tuple(g.high for g in gains),
    )
    return Chart(
        name="gains",
        title="How much better each column is guessed with the model",
        kind="bar",
        x=Axis(label="column", categories=tuple(it.name for it in judged)),
        y=Axis(label="Gain in rows guessed right", unit="share"),
        series=(series,),
        alt="For each column, the share of rows guessed right with the model less the share without it, with intervals; the worst first.",
    )


def _by_value(it: Judged, ending: str, several: bool) -> Table:
    columns = (
        Column(name=it.secret.name),
        Column(name="rows", kind="integer"),
        *(Column(name=f"{what}{end}", kind="percent") for what in ("without model", "with model") for end in ("", " low", " high")),
    )
    rows: list[tuple[Any, ...]] = []
    for i, name in enumerate(it.secret.names):
        here = it.truth == i
        if not (n := int(here.sum())):
            continue
        found = [rate("r", "r", int(side[here].sum()), n) for side in (it.base, it.got)]
        rows.append((name, n, *(v for m in found for v in (m.value, m.low, m.high))))
    title = f"Rows guessed right, by true {it.name if several else 'value'}"
    return Table(name=f"values{ending}", title=title, columns=columns, rows=tuple(rows), total=len(rows))


def _chart(table: Table, name: str) -> Chart:
    place = tuple(float(i) for i in range(len(table.rows)))
    cells: list[list[float]] = [[float(v or 0) for v in row[2:]] for row in table.rows]
    series = tuple(
        Series(name=title, x=place, y=tuple(c[k] for c in cells), low=tuple(c[k + 1] for c in cells), high=tuple(c[k + 2] for c in cells))
        for title, k in (("other columns alone", 0), ("with the model", 3))
    )
    return Chart(
        name="recovered",
        title=f"How often {name} is guessed right",
        kind="bar",
        x=Axis(label=name, categories=tuple(str(row[0]) for row in table.rows)),
        y=Axis(label="Rows guessed right", unit="share", low=0.0, high=1.0),
        series=series,
        alt=f"For each value of {name}, the share guessed right from the other columns alone and with the model, with intervals.",
    )

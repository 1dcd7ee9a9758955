"""How the model does on cohorts, side by side: accuracy and selection rate with intervals, against all rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..datasets.conditions import Answers, Mask
from ..datasets.dataset import Dataset
from ..fairness.favorable import favorable
from ..formatting.numbers import percent
from ..result import Axis, Chart, Column, Metric, Series, Table
from ..statistics.intervals import rate

ALL = "All rows"
MOST_CHARTED = 20


@dataclass(frozen=True)
class CohortNumbers:
    """The key numbers of the ``n`` rows of a cohort; without answers of the model there are none but ``positives``.

    Attributes
    ----------
    judged
        How many of the rows accuracy and selection rate are of: those not trained on, where that is known.
    accuracy, selection
        The share of rows that are right, and that get the favorable class.
    positives
        The share of rows whose true class is the favorable one.
    """

    name: str
    n: int
    judged: int
    accuracy: Metric | None
    selection: Metric | None
    positives: Metric


def favorable_words(data: Dataset) -> str:
    """The class of selection rates, and that it is assumed where nobody named it."""
    return favorable(data.schema).beside


def numbers(name: str, data: Dataset, mask: Mask, answers: Answers | None) -> CohortNumbers:
    """The numbers of the rows at ``mask`` (n,); ``answers`` are of all rows of ``data``, or None where the model was not asked."""
    index, n = favorable(data.schema).index, int(mask.sum())
    positives = rate("positives", "True share of the favorable class", int((data.y[mask] == index).sum()), n, unit="share")
    asked = mask & unseen(data)
    judged = int(asked.sum())
    if answers is None or not judged:
        return CohortNumbers(name, n, judged, None, None, positives)
    labels, y = answers.labels[asked], data.y[asked]
    return CohortNumbers(
        name,
        n,
        judged,
        rate("accuracy", "Accuracy", int((labels == y).sum()), judged, "higher", unit="share"),
        rate("selection", "Selection rate", int((labels == index).sum()), judged, unit="share"),
        positives,
    )


def unseen(data: Dataset) -> Mask:
    """The rows (n,) known not to be trained on, as `Dataset.unseen` has them; all where nobody knows."""
    return np.ones(len(data), bool) if data.member is None or data.member.all() else ~data.member


def table(rows: Sequence[CohortNumbers], data: Dataset, title: str = "Cohorts side by side") -> Table:
    """One row a cohort: n, accuracy, selection rate, each with its 95 % interval."""
    columns = (
        Column(name="Cohort"),
        Column(name="Rows", kind="integer"),
        Column(name="Judged", kind="integer"),
        Column(name="Accuracy", kind="percent"),
        Column(name="95 %"),
        Column(name="Selection rate", kind="percent"),
        Column(name="95 % "),
        Column(name="Base rate", kind="percent"),
    )
    cells = tuple((r.name, r.n, r.judged, *_cells(r.accuracy), *_cells(r.selection), r.positives.value) for r in rows)
    asked = "" if any(r.accuracy for r in rows) else " The model was not asked yet."
    whose = f"Accuracy and selection rate are of the {data.known}. " if not unseen(data).all() else ""
    note = f"{whose}Intervals: Clopper-Pearson. Selection rate: who gets the favorable class; base rate: whose label it is ({favorable_words(data)}).{asked}"
    return Table(name="cohorts", title=title, columns=columns, rows=cells, note=note)


def _cells(metric: Metric | None) -> tuple[float | None, str | None]:
    if metric is None or metric.low is None or metric.high is None:
        return None, None
    return metric.value, f"{percent(metric.low).removesuffix(' %')} to {percent(metric.high)}".replace(" ", "\u00a0")


def chart(rows: Sequence[CohortNumbers]) -> Chart | None:
    """Accuracy and selection rate of each cohort with whiskers; None where the model was not asked."""
    rows = [r for r in rows if r.accuracy is not None and r.n][:MOST_CHARTED]
    if not rows:
        return None
    series = tuple(
        _series(name, [getattr(r, part) for r in rows]) for name, part in (("Accuracy", "accuracy"), ("Selection rate", "selection"))
    )
    first = rows[0].accuracy
    return Chart(
        name="cohorts",
        title="Accuracy and selection rate by cohort",
        kind="dot",
        x=Axis(label="Share of the cohort's rows", unit="share"),
        y=Axis(label="Cohort", categories=tuple(r.name for r in rows)),
        series=series,
        alt=f"Accuracy and selection rate of {len(rows)} cohorts with intervals; {rows[0].name}: {percent(first.value if first else None)}.",
    )


def _series(name: str, metrics: Sequence[Metric]) -> Series:
    return Series(
        name=name,
        x=tuple(float(m.value or 0) for m in metrics),
        y=tuple(map(float, np.arange(len(metrics)))),
        low=tuple(m.low for m in metrics),
        high=tuple(m.high for m in metrics),
    )

"""What model inversion says: numbers, ruling, pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..formatting.numbers import percent
from ..formatting.raster import png, shades
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Gallery, Metric, Picture, Series, Severity, Status, Table
from ..statistics.intervals import rate
from ..statistics.majority import Skill
from ..statistics.ruling import Limit, ruling
from ..targets.target import Target
from .membership_report import open_ends

if TYPE_CHECKING:
    from ._prototype_score import Compared, Recognized
    from ._prototypes import Prototypes

STANDARDS = ("OWASP ML03:2023", "AITG-MOD-05", "AML.T0024.001", "NISTAML.032", "EU AI Act Art. 15(5)", "AI RMF MEASURE 2.10")
PICTURES, FEATURES = 10, 12
NO_ROWS = (
    "mark which rows were trained on and which were held out: without them nobody knows whether a prototype shows a person or the class"
)


@dataclass(frozen=True)
class Accepted:
    """How far above one half the AUC and the share among the nearest may lie, and whether each class is one person."""

    auc: float
    nearest: float
    person: bool


@dataclass(frozen=True)
class Inverted:
    """What was found: of ``made`` prototypes those that the target decides as their class, and what they were held against.

    ``compared`` and ``recognized`` are None where nobody knows which rows were trained on; ``compared`` also where no class has both kinds.
    """

    target: Target
    found: Prototypes
    made: int
    compared: Compared | None
    recognized: Recognized | None
    skill: Skill
    along_gradients: bool

    @property
    def lost(self) -> list[str]:
        """The classes without a prototype."""
        there = set(self.found.label.tolist())
        return [name for k, name in enumerate(self.target.classes) if k not in there]

    @property
    def reached(self) -> Metric:
        """The share of prototypes that the target decides as their class."""
        return rate("reached", "Prototypes that the model decides as their class", len(self.found.label), self.made)


def report(it: Inverted, accepted: Accepted) -> CheckResult:
    """The whole answer: a pass where both numbers are within what is accepted and every class was reached."""
    metrics = [*_of_rows(it), *_of_judge(it), it.reached]
    ruled = ruling(_limits(it, metrics, accepted), it.skill, open_ends=_missing(it, accepted))
    return CheckResult(
        status=ruled.status,
        summary=f"{_sentence(it)} {ruled.sentence}",
        metrics=tuple(metrics),
        findings=_findings(it, metrics, accepted) if ruled.status is Status.FINDING else (),
        tables=(_table(it),) if len(it.found.label) else (),
        charts=(_chart(it.compared, it.target.classes),) if it.compared is not None and len(it.compared.top) else (),
        galleries=(_gallery(it),) if it.target.schema.images and len(it.found.label) else (),
        notes=(*ruled.notes, *_notes(it)),
    )


def _of_rows(it: Inverted) -> list[Metric]:
    if it.compared is not None:
        return [it.compared.nearest_members, it.compared.resemblance]
    labels = {"nearest_members": "Trained-on rows among those nearest to prototypes", "resemblance_auc": "AUC of nearness to prototypes"}
    note = "no class has both rows that were trained on and held-out ones"
    return [Metric(name=name, label=label, value=None, safer="lower", note=note) for name, label in labels.items()]


def _of_judge(it: Inverted) -> list[Metric]:
    if it.recognized is None:
        return []
    return [it.recognized.metric, *([it.recognized.accuracy] if it.recognized.accuracy is not None else [])]


def _limits(it: Inverted, metrics: list[Metric], accepted: Accepted) -> list[Limit]:
    named = {m.name: m for m in metrics}
    found = [
        Limit(named["nearest_members"], 0.5 + accepted.nearest, surely=True),
        Limit(named["resemblance_auc"], 0.5 + accepted.auc, surely=True),
    ]
    if accepted.person and "recognized" in named:
        found.append(Limit(named["recognized"], 1 / len(it.target.classes) + accepted.auc, surely=True))
    return found


def _missing(it: Inverted, accepted: Accepted) -> list[str]:
    missing = []
    if it.compared is None:
        missing.append(NO_ROWS)
    else:
        missing += open_ends(int(it.compared.member.sum()), accepted.auc)
    if it.lost:
        more = "more steps or starts" if it.along_gradients else "more queries"
        shown = ", ".join(it.lost[:5]) + (" …" if len(it.lost) > 5 else "")
        missing.append(f"no prototype was found of {shown}: {more} would tell")
    return missing


def _sentence(it: Inverted) -> str:
    way = "along gradients" if it.along_gradients else "by labels alone"
    text = f"{len(it.found.label):,} of {it.made:,} prototypes, made {way}, are what the model takes for their class."
    if it.compared is not None and len(it.compared.top):
        near = it.compared.nearest_members
        text += f" Of the {near.n:,} rows nearest to them {percent(near.value)} were trained on (one half by chance)."
    if it.recognized is not None and it.recognized.labels:
        text += f" An independent model recognizes {percent(it.recognized.metric.value)} of {len(it.recognized.labels)} classes by theirs."
    return text


def _notes(it: Inverted) -> list[str]:
    notes = ["No row was used to make a prototype: the ranges of the columns alone were known."]
    if it.compared is not None:
        n = int(it.compared.member.sum())
        notes.append(f"{n:,} rows of each kind were compared, in each class as many trained on as held out.")
    if it.recognized is not None:
        notes.append(
            "The independent model was trained on held-out rows alone; that it recognizes a class is no leak unless a class is a person."
        )
    return notes


def _findings(it: Inverted, metrics: list[Metric], accepted: Accepted) -> tuple[Finding, ...]:
    titles = {
        "nearest_members": "Prototypes made from the model show rows that it was trained on",
        "resemblance_auc": "Rows that were trained on lie nearer to the model's prototypes than others of their class",
        "recognized": "A person is recognized by the prototype that the model gives away",
    }
    broken = [limit.metric for limit in _limits(it, metrics, accepted) if limit.state == "broken"]
    return tuple(
        Finding(
            title=titles[m.name],
            severity=Severity.HIGH if (m.value or 0) >= 0.85 or m.name == "recognized" else Severity.MEDIUM,
            evidence=Evidence(metrics=(m.name,), tables=("prototypes",)),
            advice="Train privately (DP-SGD) or regularize and stop earlier, and give out labels only; measure again after any change",
            standards=STANDARDS,
            defense="privacy.dp_sgd",
        )
        for m in broken
    )


def _table(it: Inverted) -> Table:
    """The surest prototype of each class: what the independent model says of it, and the values of a table's first columns."""
    from ._prototype_score import surest

    schema, best = it.target.schema, surest(it.found)
    answered = it.recognized.labels if it.recognized is not None else {}
    frame = None if schema.images else schema.decode(it.found.x[list(best.values())])
    names = [] if frame is None else list(frame.columns)[:FEATURES]
    columns = (
        Column(name="class"),
        Column(name="an independent model says"),
        Column(name="strength", kind="number"),
        *(Column(name=f"value of {name}") for name in names),
    )
    rows: list[tuple[Any, ...]] = []
    for i, (k, place) in enumerate(best.items()):
        judged = it.target.classes[answered[k]] if k in answered else ""
        values = [] if frame is None else [str(frame.iloc[i][name]) for name in names]
        rows.append((it.target.classes[k], judged, float(it.found.strength[place]), *values))
    note = "Strength is the model's score along gradients, else the radius of the largest sphere of the class in ranges."
    return Table(
        name="prototypes",
        title="The surest prototype of each class",
        people=True,
        columns=columns,
        rows=tuple(rows),
        total=len(rows),
        note=note,
    )


def _chart(both: Compared, classes: tuple[str, ...]) -> Chart:
    shares = [(classes[k], both.member[both.top[both.rows.y[both.top] == k]]) for k in np.unique(both.rows.y[both.top])]
    metrics = [rate("r", "r", int(side.sum()), len(side)) for _, side in shares]
    series = Series(
        name="trained-on rows",
        x=tuple(float(i) for i in range(len(metrics))),
        y=tuple(m.value for m in metrics),
        low=tuple(m.low for m in metrics),
        high=tuple(m.high for m in metrics),
    )
    return Chart(
        name="nearest",
        title="Of the rows nearest to prototypes, how many were trained on",
        kind="bar",
        x=Axis(label="class", categories=tuple(name for name, _ in shares)),
        y=Axis(label="Trained-on rows", unit="share", low=0.0, high=1.0),
        series=(series,),
        reference=(("chance", 0.5),),
        alt="For each class, the share of trained-on rows among the rows nearest to its prototypes, with intervals; one half by chance.",
    )


def _gallery(it: Inverted) -> Gallery:
    """The surest prototype of the first classes, beside the trained-on and the held-out picture that are nearest to any of the class."""
    from ._prototype_score import surest

    rows = []
    for k, place in list(surest(it.found).items())[:PICTURES]:
        name = it.target.classes[k]
        shown = [Picture(caption=name, png=png(shades(it.found.x[place])), alt=f"A prototype of {name}, made from the model")]
        for member, what in ((True, "trained-on"), (False, "held-out")) if it.compared is not None else ():
            here = (
                np.flatnonzero((it.compared.rows.y == k) & (it.compared.member == member))
                if it.compared is not None
                else np.empty(0, np.intp)
            )
            if len(here) and it.compared is not None:
                row = here[it.compared.far[here].argmin()]
                caption = f"{it.compared.far[row]:.2f} away"
                shown.append(
                    Picture(caption=caption, png=png(shades(it.compared.rows.x[row])), alt=f"The nearest {what} picture of {name}")
                )
        rows.append(tuple(shown))
    heads = ("A prototype", "Nearest trained-on picture", "Nearest held-out picture")[: max(map(len, rows))]
    whole = tuple(row for row in rows if len(row) == len(heads))
    return Gallery(name="prototypes", title="What the model takes for each class", people=True, heads=heads, rows=whole)

"""A row as it was watched, and the record that keeps it."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from tiltyard.check import versions
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Rows
from tiltyard.explanation.people import People, differences, distances
from tiltyard.result import CheckResult, Column, Evidence, Finding, Metric, Record, Severity, Status, Table
from tiltyard.targets.decision import Prediction
from tiltyard.targets.target import Target

from .row_fields import values_of


@dataclass(frozen=True)
class Watched:
    """Row ``row`` as it is in the data (``start``, (d,)) and as it was edited (``x``), with the target's answers to both."""

    people: People
    row: int
    start: Rows
    x: Rows
    both: Prediction

    @property
    def turned(self) -> bool:
        """Is it decided otherwise than as it is in the data?"""
        return bool(self.both.labels[0] != self.both.labels[1])

    @property
    def edited(self) -> bool:
        return not np.array_equal(self.start, self.x, equal_nan=True)

    @property
    def changed(self) -> tuple[Feature, ...]:
        """The features that were edited."""
        schema = self.people.data.schema
        was, there = values_of(schema, self.start), values_of(schema, self.x)
        return tuple(f for f in schema.features if was[f.name] != there[f.name])

    @property
    def allowed(self) -> bool:
        """Was only that edited which an attacker may change?"""
        return all(f.mutable for f in self.changed)

    @property
    def score(self) -> str:
        """The score of the class that is explained, with the threshold where there is one."""
        line = "" if self.people.threshold is None else f", threshold {self.people.threshold:g}"
        return f"{self.both.scores[1, self.people.of]:.3f}{line}"

    @property
    def sentence(self) -> str:
        classes, (was, now) = self.people.classes, self.both.labels
        about = f"score of {classes[self.people.of]} {self.score}"
        if self.turned:
            return f"Row {self.row} is now decided {classes[now]}; as it is in the data, {classes[was]} ({about})."
        label = classes[int(self.people.data.y[self.row])]
        right = f"as it is labelled ({about})" if label == classes[now] else f"but labelled {label} ({about})"
        return f"Row {self.row} is {'still ' if self.edited else ''}decided {classes[now]}, {right}."

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Score now and before, and how far the row was moved."""
        of = self.people.classes[self.people.of]
        line = "" if self.people.threshold is None else f"decided {of} from {self.people.threshold:g} on"
        moved = float(distances(self.people.data.schema, self.start, self.x[None])[0])
        return (
            Metric(name="score", label=f"Score of {of}", value=float(self.both.scores[1, self.people.of]), note=line),
            Metric(name="score_before", label="As it is in the data", value=float(self.both.scores[0, self.people.of])),
            Metric(name="distance", label="Changed by", value=moved, unit="ranges", note="another category counts 1"),
        )


def record_of(now: Watched, target: Target, data: Dataset) -> Record:
    """The row as a record of a model and data: a finding where only what an attacker may change turned the decision."""
    schema = data.schema
    was, there = values_of(schema, now.start), values_of(schema, now.x)
    changed, allowed = now.changed, now.allowed
    finding = Finding(
        key="turned-by-hand",
        title=f"Row {now.row} is turned by changing {', '.join(f.name for f in changed)}",
        severity=Severity.LOW,
        evidence=Evidence(tables=("row",), sentence=differences(schema, now.start, now.x)),
        advice="See whether a person would still decide as before; then measure how many rows can be turned so, under Evasion.",
    )
    found = now.turned and allowed
    cells = tuple((f.name, _text(was[f.name]), _text(there[f.name]), f.mutable) for f in schema.features)
    columns = (Column(name="feature"), Column(name="in the data"), Column(name="as edited"), Column(name="may be changed", kind="boolean"))
    table = Table(
        name="row",
        title=f"Row {now.row}",
        people=True,
        columns=columns,
        rows=cells,
        marked=tuple((i, 2) for i, f in enumerate(schema.features) if f in changed),
    )
    return Record(
        id=uuid.uuid4().hex,
        check=f"redteam.row_{now.row}",
        title=f"Row {now.row}, by hand",
        result=CheckResult(
            status=Status.FINDING if found else Status.INCOMPLETE,
            summary=now.sentence + ("" if allowed or not changed else " Among what was changed is what an attacker may not change."),
            metrics=now.metrics,
            findings=(finding,) if found else (),
            tables=(table,),
            notes=("One row, changed by hand: no rate is measured here.",),
        ),
        given={"row": now.row},
        effective={"row": now.row},
        seed=0,
        target=target.identity,
        data=data.identity,
        versions=versions(),
        started=datetime.now(UTC),
        seconds=0.0,
        queries=2,
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)

"""By hand: draw on an image or edit a row, and watch the scores and the budget used."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, create_model

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Rows, Schema
from tiltyard.datasets.texts import Texts
from tiltyard.errors import Problem
from tiltyard.result import Axis, Chart, Column, Metric, Series, Table
from tiltyard.targets.target import Target

from ..controls.draw import DrawPad
from ..controls.form import Form, form_for
from ..theme import look, plain
from ..views.cards import metric_cards, outcome
from ..views.chart import ChartView
from ..views.message import Message
from ..views.table import TableView
from .session import Session

MOST = 12
PIXEL = 0.5 / 255
TRIES = 200


@dataclass(frozen=True)
class Answer:
    """What the model answers one row: the class it decides and the scores (k,)."""

    label: int
    scores: NDArray[np.float64]

    @classmethod
    def of(cls, target: Target, x: Rows) -> "Answer":
        """The answer to the one row of ``x``."""
        found = target.predictions(x)
        return cls(int(found.labels[0]), found.scores[0])


def drawable(schema: Schema) -> bool:
    """Can it be drawn: one gray square of 4 to 64 pixels a side?"""
    return (
        schema.images
        and len(schema.shape) == 3
        and schema.shape[0] == 1
        and schema.shape[1] == schema.shape[2]
        and 4 <= schema.shape[1] <= 64
    )


def change_of(schema: Schema, before: Rows, now: Rows) -> dict[str, float]:
    """How far a row was moved: ``linf`` and ``l2`` of its numbers as shares of their ranges, ``changed`` pixels or features."""
    low, high = schema.low, schema.high
    share = np.nan_to_num(np.abs(now - before) / np.where(high > low, high - low, 1))
    if schema.images:
        return {"linf": float(share.max()), "l2": float(np.sqrt((share**2).sum())), "changed": float((share > PIXEL).sum())}
    moved = {f.name: float(share[schema.slices[f.name]].max()) for f in schema.features}
    numbers = [moved[f.name] for f in schema.features if not f.grouped]
    return {
        "linf": max(numbers, default=0.0),
        "l2": math.sqrt(sum(v * v for v in numbers)),
        "changed": float(sum(v > 1e-5 for v in moved.values())),
    }


def budget_cards(used: dict[str, float], images: bool) -> tuple[Metric, ...]:
    """The budget used, for cards."""
    of = "of its range" if images else "of its range; numbers only"
    what = "pixel" if images else "feature"
    many = what if used["changed"] == 1 else f"{what}s"
    return (
        Metric(name="linf", label="Largest change (L∞)", value=used["linf"], unit="share", note=of),
        Metric(name="l2", label="Length of the change (L2)", value=used["l2"], unit="ranges", note="" if images else "numbers only"),
        Metric(name="changed", label=f"Changed {what}s", value=used["changed"], unit=many),
    )


def score_chart(classes: Sequence[str], before: Answer, now: Answer, exact: bool) -> Chart:
    """Class scores of the row as it was and as it is; of many classes those that matter."""
    was, there = before.scores, now.scores
    ranked = np.argsort(-np.maximum(was, there))[:MOST]
    kept = sorted(int(i) for i in ranked)
    places = tuple(float(i) for i in range(len(kept)))
    digits = 2 if len(kept) > 4 else 3  # the numbers over narrow bars must not touch
    return Chart(
        name="scores",
        title="Class scores" if exact else "Predicted class",
        kind="bar",
        x=Axis(label="Class", categories=tuple(classes[i] for i in kept)),
        y=Axis(label="Score", low=0, high=1),
        series=(
            Series(name="as it was", x=places, y=tuple(round(float(was[i]), digits) for i in kept)),
            Series(name="as it is now", x=places, y=tuple(round(float(there[i]), digits) for i in kept)),
        ),
        alt=f"Now {classes[now.label]} with a score of {there[now.label]:.2f}, before {classes[before.label]}.",
    )


def row_model(schema: Schema, start: dict[str, Any]) -> tuple[type[BaseModel], dict[str, str]]:
    """A form's model for the features an attacker may change, and the field behind each feature name."""
    fields: dict[str, Any] = {}
    names = {}
    for place, feature in enumerate(schema.features):
        if feature.mutable and start[feature.name] is not None:
            names[feature.name] = f"field_{place}"
            fields[names[feature.name]] = _field(feature, start[feature.name])
    return create_model("Row", **fields), names


def _field(feature: Feature, value: Any) -> tuple[Any, Any]:
    if feature.grouped:
        return Literal[tuple(feature.values)], Field(default=value, title=feature.name, json_schema_extra={"word": "it was"})
    if feature.kind == "text":
        return str, Field(default=value, title=feature.name, json_schema_extra={"word": "it was"})
    kind: type = int if feature.kind == "integer" else float
    extra: dict[str, Any] = {"unit": feature.unit, "source": "", "word": "it was"}
    return kind, Field(default=kind(value), title=feature.name, ge=feature.low, le=feature.high, json_schema_extra=extra)


def row_values(schema: Schema, x: Rows) -> dict[str, Any]:
    """One row of x (d,) as a value for each feature: category by name, None where there is no number."""
    values: dict[str, Any] = {}
    for feature in schema.features:
        part = x[schema.slices[feature.name]]
        if feature.grouped:
            values[feature.name] = feature.values[int(part.argmax() if feature.kind == "onehot" else part[0])]
        elif np.isnan(part[0]):
            values[feature.name] = None
        elif feature.kind == "text":
            (values[feature.name],) = Texts(feature).at(part)
        else:
            values[feature.name] = round(float(part[0])) if feature.kind == "integer" else float(part[0])
    return values


def encoded(schema: Schema, values: dict[str, Any]) -> Rows:
    """The row (1, d) of `row_values`; `Problem` in one line where a value is not valid."""
    import pandas as pd

    columns: dict[str, list[Any]] = {}
    for feature in schema.features:
        if feature.kind == "onehot":
            columns.update({c: [float(c == values[feature.name])] for c in feature.columns})
        else:
            columns[feature.name] = [values[feature.name]]
    return schema.encode(pd.DataFrame(columns))


def moves(schema: Schema, before: Rows, now: Rows) -> Table:
    """The features of a row that were changed, each in its own unit and as a share of its range."""
    was, there = row_values(schema, before), row_values(schema, now)
    changed = [f for f in schema.features if was[f.name] != there[f.name]]
    columns = (
        Column(name="Feature"),
        Column(name="Was"),
        Column(name="Is"),
        Column(name="Change"),
        Column(name="Of its range", kind="percent"),
    )
    rows = tuple((f.name, str(was[f.name]), str(there[f.name]), *_moved(f, was[f.name], there[f.name])) for f in changed)
    return Table(name="moves", title="Budget used, by feature", columns=columns, rows=rows)


def _moved(feature: Feature, was: Any, there: Any) -> tuple[str, float | None]:
    if feature.grouped:
        return "another category", None
    if feature.kind == "text":
        return "another text", None
    span = feature.high - feature.low
    return f"{there - was:+.4g} {feature.unit}".strip().replace("-", "−"), abs(there - was) / span if span else None


class ByHand(look.Stack):
    """The attacker is the reader: a row that the model has right, to be changed until it is wrong."""

    def __init__(self, session: Session, message: Message) -> None:
        super().__init__()
        self.session, self.message = session, message
        self.lead = look.text("", kind="lead")
        self.sentence = outcome()
        self.top = plain.VBox([self.lead])
        self.moves = TableView()
        self.cards = metric_cards()
        self.chart = ChartView(height=240)
        self.fixed = look.text("", kind="help")
        self.asked = look.text("", kind="help")
        self.another = look.button("Another one", kind="primary", title="Another row that the model has right")
        self.another.on_click(lambda _: self.next())
        self.reset = look.button("Reset", title="Back to the row as it was")
        self.reset.on_click(lambda _: self.back())
        self.undo = look.button("Undo", title="Take back the last change")
        self.undo.on_click(lambda _: self.undone())
        self.onward = look.button("Open in One row", title="With what the decision rests on, and to keep it as a record")
        self.onward.on_click(lambda _: self.show_in_one_row())
        self.editor = look.stack([])
        self.buttons = look.row([self.another, self.reset])
        results = [self.top, self.cards, self.chart, self.moves, self.asked]
        self.children = (look.split([self.buttons, self.editor, self.fixed], results),)
        self._of: tuple[str, str] | None = None
        self._turn = np.random.default_rng(0)
        self._quiet = False
        self.pad: DrawPad | None = None
        self.form: Form[BaseModel] | None = None
        self.x: Rows | None = None
        self.y = 0
        self.before = Answer(0, np.zeros(1))
        self.queries = self.sought = 0
        self._past: list[dict[str, Any]] = []

    def refresh(self) -> None:
        """Take the session's target and data; what was edited of the same ones stays."""
        target, data = self.session.target, self.session.data
        if target is None or data is None:
            self._of = None
            self.editor.children = ()
            self._lead("Load a model and data first.")
            return
        if self._of == (target.fingerprint, data.fingerprint):
            return
        self._of = (target.fingerprint, data.fingerprint)
        self.queries, self.sought, self._turn = 0, 0, np.random.default_rng(0)
        self.next()

    def next(self) -> None:
        """Put another row there that the model has right."""
        target, data = self.session.target, self.session.data
        if target is None or data is None:
            return
        if data.schema.images and not drawable(data.schema):
            self._cannot(f"Images of shape {data.schema.shape} cannot be drawn here: one gray square of up to 64 pixels a side can.")
            return
        try:
            self.x, self.y = self._picked(target, data)
            self.onward.disabled = True
        except Problem as problem:
            self._cannot(str(problem))
            return
        self._past = []
        self.before = Answer.of(target, self.x[None])
        self.queries += 1
        if data.schema.images:
            self._show_pad(data.schema)
        else:
            self._show_form(data.schema)
        self.changed()

    def _picked(self, target: Target, data: Dataset) -> tuple[Rows, int]:
        rows = data.classed(target.classes).unseen.sample(TRIES, self._turn)
        self.sought += len(rows)
        right = np.flatnonzero(target.labels(rows.x) == rows.y)
        if len(right) == 0:
            raise Problem(f"a row among {len(rows)} that the model has right", "none", "There is nothing to change its mind about")
        return rows.x[right[0]], int(rows.y[right[0]])

    def _show_pad(self, schema: Schema) -> None:
        assert self.x is not None
        if self.pad is None or self.pad.size != schema.shape[1]:
            self.pad = DrawPad("Draw on it until the model is wrong", size=schema.shape[1])
            self.pad.observe(lambda _: self.changed(), "pixels")
        low, high = schema.features[0].low, schema.features[0].high
        self._quiet = True
        self.pad.preset((self.x[0] - low) / (high - low))
        self._quiet = False
        self.buttons.children = (self.another, self.reset)
        self.editor.children = (self.pad,)
        self.fixed.say("Black is 0, white is 1.")

    def _show_form(self, schema: Schema) -> None:
        assert self.x is not None
        values = row_values(schema, self.x)
        model, self._names = row_model(schema, values)
        self.form = form_for(model, most=100, advanced=())
        self.form.observe(lambda change: self._typed(change["old"]), "given")
        self.buttons.children = (self.another, self.undo, self.reset, self.onward)
        self.undo.disabled = True
        self.editor.children = (self.form,)
        kept = [f"{f.name} = {values[f.name]}" for f in schema.features if not f.mutable]
        kept += [f"{f.name}, which is empty" for f in schema.features if f.mutable and values[f.name] is None]
        self.fixed.say(f"An attacker cannot change: {', '.join(kept)}." if kept else "")

    def _typed(self, old: dict[str, Any]) -> None:
        if not self._quiet:
            self._past.append(dict(old))
            self.undo.disabled = False
        self.changed()

    def back(self) -> None:
        """The row as it was."""
        schema = self.session.data.schema if self.session.data else None
        if schema is None or self.x is None:
            return
        if schema.images and self.pad is not None:
            low, high = schema.features[0].low, schema.features[0].high
            self.pad.preset((self.x[0] - low) / (high - low))
        elif self.form is not None:
            self.form.reset()

    def undone(self) -> None:
        """Take back the last change of a row."""
        if self.form is None or not self._past:
            return
        self._quiet = True
        try:
            self.form.given = self._past.pop()
        finally:
            self._quiet = False
        self.undo.disabled = not self._past

    def now(self) -> Rows:
        """The row as it stands in the editor, (1, *shape); `Problem` where it is not valid."""
        data = self.session.data
        assert data is not None and self.x is not None
        if data.schema.images:
            assert self.pad is not None
            f = data.schema.features[0]
            drawn = self.pad.image() * np.float32(f.high - f.low) + np.float32(f.low)
            same = np.abs(drawn - self.x[0]) <= 1e-4 * (f.high - f.low)
            return np.where(same, self.x[0], drawn)[None, None].astype(np.float32)
        assert self.form is not None
        if self.form.error:
            raise Problem("a valid row", self.form.error, "Correct the field")
        given = {name: self.form.given[field] for name, field in self._names.items()}
        return encoded(data.schema, {**row_values(data.schema, self.x), **given})

    def show_in_one_row(self) -> None:
        """Show the row with all that was edited in *One row*."""
        from tiltyard.comparison.fooled_rows import row_number

        target, data = self.session.target, self.session.data
        if target is None or data is None or self.x is None:
            return
        try:
            row, x = row_number(self.x, self.y, data.classed(target.classes)), self.now()[0]
        except Problem as problem:
            self.message.say(problem)
            return
        if not self.session.row_opener(row, x):
            self.message.say(f"The panel One row shows row {row}.", level="info")

    def changed(self) -> None:
        """Ask the model and show what it says and what was used."""
        target, data = self.session.target, self.session.data
        if self._quiet and data is not None and data.schema.images:
            return
        if target is None or data is None or self.x is None:
            return
        try:
            x = self.now()
            now = Answer.of(target, x)
        except Exception as problem:  # a row that is not valid, or a model of the user's that breaks on it
            shown = problem.found if isinstance(problem, Problem) and problem.expected == "a valid row" else str(problem).split("\n")[0]
            self._judge("failed", shown)
            return
        self.queries += 1
        self._say(target, data, now, x)

    def _cannot(self, why: str) -> None:
        """Say why nothing can be done by hand here."""
        self.x = None
        self.editor.children = ()
        self._judge("not_applicable", why)

    def _lead(self, words: str) -> None:
        self.lead.say(words)
        self.top.children = (self.lead,)

    def _judge(self, state: str, sentence: str) -> None:
        self.sentence.say(state, sentence)
        self.top.children = (self.sentence,)

    def _say(self, target: Target, data: Dataset, now: Answer, x: Rows) -> None:
        assert self.x is not None
        classes, label = target.classes, now.label
        used = change_of(data.schema, self.x, x[0])
        exact = "scores" in target.offers
        sure = f" with a score of {now.scores[label]:.2f}" if exact else ""
        if not used["changed"]:
            self._lead(f"It is {classes[self.y]}, and the model says so{sure}. Change it until the model is wrong.")
        elif label != self.y:
            end = f"it was {classes[self.y]}. Would a person agree that it still is?"
            self._judge("finding", f"Fooled: the model now says {classes[label]}{sure}; {end}")
        else:
            self._judge("passed", f"The model still says {classes[label]}{sure}.")
        self.onward.disabled = not used["changed"]
        self.cards.show(budget_cards(used, data.schema.images))
        self.chart.show(score_chart(classes, self.before, now, exact))
        self.moves.show(None if data.schema.images or not used["changed"] else moves(data.schema, self.x, x[0]))
        self.asked.say(
            f"{self.queries:,} rows asked by hand, and {self.sought:,} to find some that the model has right. "
            "What is drawn or typed here is not recorded."
        )

"""How well the model decides at every threshold: matrix, curves, groups and costs, all moved by one slider in the page."""

from collections.abc import Sequence
from typing import Any

import ipywidgets as w
import numpy as np

from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.formatting.numbers import number
from tiltyard.result import Column, Record, Table
from tiltyard.statistics.classification import Confusion, Rated, ranked_area, ranked_precision
from tiltyard.targets.deciding import deciding
from tiltyard.targets.decision import ClassThreshold, Threshold, threshold
from tiltyard.targets.target import Target

from ..controls.picker import Choice
from ..theme import look
from ..views.table import TableView
from ..views.threshold import ThresholdView
from .panel import Panel
from .threshold_rows import AskedRows

STEP = "validation.performance"
ROWS, SMALLEST = 10_000, 30
NOBODY = "(no groups)"
SHOWN = 20


class PerformancePanel(Panel):
    """One threshold and all that follows from it, on the rows that *Accuracy and calibration* judges."""

    def build(self) -> Sequence[w.Widget]:
        self.title = "Performance"
        self.asked: AskedRows | None = None
        self._of: tuple[str, str, int, int] | None = None
        self._quiet = False
        self.line = look.text("", kind="help")
        self.ask = look.button("Ask the model", kind="primary", title="Ask it for its scores of these rows")
        self.ask.on_click(lambda _: self._start())
        self.record = look.button(
            "Open its check",
            title="Opens Accuracy and calibration, which measures them, holds them against what is accepted, and keeps the record",
        )
        self.record.on_click(lambda _: self.open_step(STEP))
        self.positive = Choice("Class, against the rest", [])
        self.column = Choice("Groups", [NOBODY])
        self.view = ThresholdView()
        self.view.on_use(self._use)
        self.table = TableView()
        self.positive.observe(lambda _: self._show(True), "value")
        self.column.observe(lambda _: self._show(False), "value")
        self.chosen = look.row([self.positive, self.column])
        return [look.heading(self.title), self.message, self.line, self.ask, self.chosen, self.view, self.table, self.record]

    def refresh(self) -> None:
        """Ask a model that is new here; one behind an address only when told to, since each row is a question to it."""
        target, data = self.session.target, self.session.data
        if target is None or data is None:
            self._of = None
            self._clear("Load a model and data first.")
            return
        count, seed = _rows_of(self.session.latest.get(STEP))
        of = (target.fingerprint, data.fingerprint, count, seed)
        if self._of == of:
            return
        self._of = of
        n = min(count, len(data.unseen))
        if "url" in target.offers:
            self._clear(f"Its scores of {n:,} {data.known} are asked for once, which are as many questions to {target.name}.")
            look.show(self.ask, True)
            return
        self._start()

    def _clear(self, words: str) -> None:
        """Nothing of a former model stays."""
        self.asked = None
        self.view.show(None, {})
        self.table.show(None)
        self.line.say(words)
        for part in (self.ask, self.chosen, self.table, self.record):
            look.show(part, False)

    def _start(self) -> None:
        target, data, of = self.session.target, self.session.data, self._of
        if target is None or data is None or of is None:
            return
        self._clear(f"Asking the model about {min(of[2], len(data.unseen)):,} {data.known} …")

        def then(asked: AskedRows) -> None:
            if self._of == of:
                self._take(asked)

        def failed(problem: Exception) -> None:
            if self._of == of:
                self._clear("The model could not be asked.")
                self.message.say(problem)

        self.session.aside(lambda: AskedRows.of(target, data, of[2], of[3]), then, failed)

    def _take(self, asked: AskedRows) -> None:
        self.message.clear()
        self.asked = asked
        look.show(self.record, True)
        classes = asked.rows.schema.classes
        if asked.scores is None:
            self.line.say("This target gives labels alone: there is no score to put a threshold on, so this is its confusion matrix.")
            self.table.show(_matrix(asked))
            look.show(self.table, True)
            return
        self.line.say("")
        self._quiet = True
        self.positive.offer(list(classes))
        self.positive.value = classes[_of_interest(asked)]
        self.column.offer([NOBODY, *asked.rows.sensitive])
        if asked.rows.sensitive and self.column.value == NOBODY:
            self.column.value = next(iter(asked.rows.sensitive))
        self._quiet = False
        look.show(self.chosen, True)
        self._show(True)

    def _show(self, anew: bool) -> None:
        asked = self.asked
        if self._quiet or asked is None or asked.scores is None:
            return
        classes = asked.rows.schema.classes
        k = classes.index(self.positive.value)
        divided = None
        if self.column.value in asked.rows.sensitive:
            from tiltyard.fairness.groups import divisions

            divided = divisions(asked.rows, (self.column.value,), False)[0].groups
        cells = asked.cells(k, divided)
        facts = asked.facts(cells, k, self.column.value, SMALLEST) | _beside(asked, k) | {"cannot": self.session.denied("run")}
        self.view.show(cells, facts, asked.start(cells, k) if anew else None)

    def _use(self, asked: dict[str, Any]) -> None:
        """Make the model decide by the page's threshold."""
        try:
            target, data = self.session.ready()
            decide(self, target, data, self.positive.value, float(asked["threshold"]))
        except Problem as problem:
            self.message.say(problem)


def decide(panel: Panel, target: Target, data: Dataset, name: str, value: float) -> None:
    """Let ``target`` give the class ``name`` from ``value`` on, in the window of ``panel``; undo brings back how it decided."""
    made = deciding(target, threshold(value, target.classes, name))
    panel.session.take(f"the threshold {number(value)} for {name!r}", made)


def _rows_of(record: Record | None) -> tuple[int, int]:
    """How many rows, and the seed they are drawn by: those of the record, so that its numbers are the page's."""
    if record is None:
        return ROWS, 0
    return int(record.effective.get("rows", ROWS)), record.seed


def _of_interest(asked: AskedRows) -> int:
    """The class of the threshold in force, else the rarer of two, as the check takes it; of more the commonest."""
    rule, truth = asked.target.decision, np.bincount(asked.rows.y, minlength=len(asked.rows.schema.classes))
    if isinstance(rule, Threshold | ClassThreshold):
        return rule.index
    return int(truth[1] <= truth[0]) if len(truth) == 2 else int(truth.argmax())


def _beside(asked: AskedRows, k: int) -> dict[str, Any]:
    """Areas under the curves with their intervals, and what always answering the commoner side scores."""
    assert asked.scores is not None
    positive, scores = asked.rows.y == k, asked.scores[:, k]
    hits, n, classes = int(positive.sum()), len(positive), asked.rows.schema.classes
    base, always = hits / n, hits > n - hits
    rest = repr(classes[1 - k]) if len(classes) == 2 else "the rest"
    baseline = {
        "accuracy": max(hits, n - hits) / n,
        "balanced": 0.5,
        "recall": float(always),
        "fpr": float(always),
        "selection": float(always),
    }
    if always:
        baseline |= {"precision": base, "f1": 2 * base / (1 + base)}
    ranks = {
        "roc_auc": f"ROC AUC {_with_interval(ranked_area(positive, scores))}",
        "average_precision": f"Average precision {_with_interval(ranked_precision(positive, scores))}",
    }
    return {"ranks": ranks, "baseline": baseline, "commonest": repr(classes[k]) if always else rest}


def _with_interval(rated: Rated) -> str:
    return "unknown: rows of one class only" if rated.value is None else f"{rated.value:.3f} ({rated.low:.3f} to {rated.high:.3f})"


def _matrix(asked: AskedRows) -> Table:
    classes = asked.rows.schema.classes
    counts = Confusion.of(asked.rows.y, asked.labels, len(classes)).counts
    names = classes[:SHOWN]
    columns = (Column(name="True class"), *(Column(name=f"answered {name}", kind="integer") for name in names))
    rows: list[tuple[str | int, ...]] = [(name, *(int(c) for c in counts[k, : len(names)])) for k, name in enumerate(names)]
    return Table(name="confusion", title="Confusion matrix", columns=columns, rows=tuple(rows), total=len(classes))

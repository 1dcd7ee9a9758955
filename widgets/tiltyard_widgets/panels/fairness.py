"""Fairness: group metrics and mitigations, a point of the frontier to apply, and a threshold for each group by hand."""

from collections.abc import Sequence
from typing import Any

import ipywidgets as w

from tiltyard.errors import Problem
from tiltyard.result import Record, Table

from ..controls.picker import Choice
from ..theme import look
from .fairness_by_hand import HAND, ByHand
from .performance import decide
from .step_runner import StepRunner
from .topic_panel import TopicPanel

THRESHOLDS, FRONTIER = "fairness.threshold_optimizer", "fairness.frontier"
STEPS, BY_HAND = "steps", "hand"


class FairnessPanel(TopicPanel):
    """Group metrics with intervals, the mitigations, and thresholds by hand."""

    topic = "fairness"
    first = "fairness.groups"

    def build(self) -> Sequence[w.Widget]:
        self.point = FrontierPoint(self._apply_point)
        heading, message, *rest = super().build()
        self.hand = ByHand(self.session, self.message, self._use)
        self.ways = Choice("Approach", [("Measure and mitigate", STEPS), (HAND, BY_HAND)], STEPS, kind="segments")
        self.ways.observe(lambda _: self._turn(), "value")
        self.steps_box = look.stack(rest)
        self._turn()
        return [heading, message, self.ways, self.steps_box, self.hand]

    def _turn(self) -> None:
        by_hand = self.ways.value == BY_HAND
        look.show(self.steps_box, not by_hand)
        look.show(self.hand, by_hand)
        if by_hand:
            self.hand.refresh()

    def before(self, id: str, runner: StepRunner) -> tuple[w.Widget, ...]:
        return (self.point,) if id == FRONTIER else ()

    def refresh(self) -> None:
        super().refresh()
        self.point.offer(self.session.latest.get(FRONTIER))
        if self.ways.value == BY_HAND:
            self.hand.refresh()

    def open_step(self, id: str) -> None:
        self.ways.value = STEPS
        super().open_step(id)

    def _run(self, values: dict[str, Any]) -> None:
        """Fill the form of thresholds per group and run it: a record like any other, that can be measured again."""
        self.ways.value = STEPS
        self.choice.value = THRESHOLDS
        runner = self.runner(THRESHOLDS)
        runner.form.reset()
        runner.form.set(values)
        runner.run()

    def _use(self, values: dict[str, Any]) -> None:
        try:
            self._run(values)
        except Problem as problem:
            self.message.say(problem)

    def _apply_point(self, record: Record, row: dict[str, Any]) -> None:
        """One threshold for all becomes the model's decision; thresholds by group become a defense."""
        given = record.effective
        try:
            if row["threshold"] is not None:
                from tiltyard.fairness.favorable import favorable

                target, data = self.session.ready()
                if len(target.classes) != 2:
                    raise Problem("a model of two classes", f"one of {len(target.classes)}", "Put a threshold in force under Performance")
                decide(self, target, data, favorable(data.schema, given["positive"]).name, float(row["threshold"]))
            else:
                self._run({"column": given["column"], "positive": given["positive"], "tolerance": round(float(row["gap allowed"]), 6)})
        except Problem as problem:
            self.message.say(problem)


def points_of(record: Record | None) -> list[dict[str, Any]]:
    """The frontier's ways to decide that can be applied, each by the names of its table's columns."""
    table: Table | None = next((t for t in record.result.tables if t.name == "frontier"), None) if record else None
    if table is None or "threshold" not in [column.name for column in table.columns]:
        return []
    rows = [dict(zip((column.name for column in table.columns), row, strict=True)) for row in table.rows]
    return [row for row in rows if row["threshold"] is not None or row["gap allowed"] is not None]


class FrontierPoint(look.Stack):
    """A point of the measured frontier, to be applied."""

    def __init__(self, apply: Any) -> None:
        super().__init__()
        self._apply = apply
        self.record: Record | None = None
        self.rows: list[dict[str, Any]] = []
        self.choice = Choice("A point of the frontier", [])
        self.button = look.button(
            "Apply this point", title="One threshold for all is put in force; thresholds by group are found, measured and recorded"
        )
        self.button.on_click(lambda _: self._pressed())
        look.show(self, False)

    def offer(self, record: Record | None) -> None:
        """The points of ``record``; nothing where there are none."""
        if record is self.record:
            return
        self.record, self.rows = record, points_of(record)
        look.show(self, bool(self.rows))
        self.children = (look.row([self.choice, self.button]),) if self.rows else ()
        self.choice.offer([(_words(row), str(i)) for i, row in enumerate(self.rows)])

    def _pressed(self) -> None:
        if self.record is not None and self.choice.value:
            self._apply(self.record, self.rows[int(self.choice.value)])


def _words(row: dict[str, Any]) -> str:
    return f"{row['decided by']}, {row['setting']}: accuracy {row['accuracy']:.3f}, gap {row['gap']:.3f}"

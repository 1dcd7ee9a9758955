"""After a defense: measure everything again, and show what it did to the other risks."""

from typing import TYPE_CHECKING

import ipywidgets as w

from tiltyard.errors import Problem
from tiltyard.formatting.numbers import about
from tiltyard.result import Record
from tiltyard.targets.target import Target

from ..controls.progress_bar import ProgressView
from ..theme import look
from ..views.message import Message
from ..views.outcome import OutcomeView
from .session import Session

if TYPE_CHECKING:
    from tiltyard.check import Step


class AgainView(look.Stack):
    """Two buttons under a defense's result, and the cross-risk table once it is measured."""

    def __init__(self, session: Session, message: Message) -> None:
        super().__init__()
        self.session, self.message = session, message
        self.record: Record | None = None
        self.measure = look.button(
            "Measure everything again",
            kind="primary",
            title="Every check run before, on the defended model, with the same parameters",
            denied=session.denied("run"),
        )
        self.measure.on_click(lambda _: self.run())
        self.take = look.button(
            "Go on with the defended model", title="The panels then show the defended model; the old one stays in the history"
        )
        self.take.on_click(lambda _: self.adopt())
        self.cost = look.text("", kind="help")
        self.progress = ProgressView()
        self.progress.on_cancel(session.cancel)
        self.view = OutcomeView("Not measured again yet: nobody knows what this defense did to the other risks.")

    def show(self, record: Record | None) -> None:
        """Offer it for the defense of ``record``; nothing where it made no target."""
        self.record = record
        made = self._made()
        if record is None or made is None:
            self.children: tuple[w.Widget, ...] = ()
            return
        steps = self._steps()
        seconds = sum(r.seconds for r in self.session.latest.values() if r.kind == "check")
        self.cost.say(f"Cost: {about(seconds)} for {len(steps)} checks, as they took before. What was not run before is not measured now.")
        self.children = (
            look.heading("What it does to the other risks", 3),
            look.row([self.measure, self.take]),
            self.cost,
            self.progress,
            self.view,
        )
        known = [r for r in self.session.records if r.check == "cross_risk.after" and r.effective.get("defense_record") == record.id]
        self.view.show(known[-1] if known else None, CODE)

    def _made(self) -> Target | None:
        return self.session.made.get(self.record.id) if self.record else None

    def _steps(self) -> "list[Step]":
        from tiltyard.comparison.cross_risk import again

        return again(list(self.session.latest.values()))

    def run(self) -> None:
        """Run what was run before on the defended target; first on the old one what it lacks."""
        self.message.clear()
        made = self._made()
        try:
            self.session.ready()
            if made is None:
                raise Problem("a defended model", "none", "Apply the defense first")
            steps = self._steps()
        except Problem as problem:
            self.message.say(problem)
            return
        lacking = [s for s in steps if s.id not in self.session.latest]
        self.measure.disabled = True
        self.progress.start("Measuring everything again")
        if lacking:
            self.session.start(lacking, self.progress.report, lambda _: None, lambda: self._after(steps, made))
        else:
            self._after(steps, made)

    def _after(self, steps: "list[Step]", made: Target) -> None:
        found: list[Record] = []
        self.session.start(steps, self.progress.report, found.append, lambda: self._crossed(found, made, len(steps)), target=made)

    def _crossed(self, after: list[Record], made: Target, wanted: int) -> None:
        record, target, data = self.record, self.session.target, self.session.data
        if record is None or target is None or data is None or len(after) < wanted:
            self._free("Cancelled; what was measured is in the history")
            return
        from tiltyard.comparison.cross_risk import cross

        before = [r for r in self.session.latest.values() if r.kind == "check"]
        self.session.aside(lambda: cross(record, target, made, data, before, after), self._done, self._failed)

    def _done(self, crossed: Record) -> None:
        self.session.add(crossed)
        self.view.show(crossed, CODE)
        self._free("Measured again")

    def _failed(self, problem: Exception) -> None:
        self.message.say(problem)
        self._free("")

    def _free(self, words: str) -> None:
        """It has ended, and may be begun again; said last of all, for whoever waits for it looks at the rest then."""
        self.progress.finish(words)
        self.measure.disabled = False

    def adopt(self) -> None:
        """Make the defended target the one the panels show."""
        made = self._made()
        if made is None or self.session.busy:
            self.message.say("Something is running: wait for it or cancel it first.", level="warning")
            return
        self.session.adopt(made, self.session.data)


CODE = """from tiltyard.assessment.assessment import assess
from tiltyard.comparison.cross_risk import again, cross

steps = again(records)  # the records measured before
after = assess(outcome.target, data, steps).records
print(cross(outcome.record, target, outcome.target, data, records, after).result.summary)
"""

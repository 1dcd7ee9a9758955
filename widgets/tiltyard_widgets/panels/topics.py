"""The panels that need nothing beyond what their steps' fields say."""

from collections.abc import Sequence

import ipywidgets as w

from tiltyard.errors import Problem
from tiltyard.result import Record

from ..theme import look
from .step_runner import StepRunner
from .topic_panel import TopicPanel

ASKS_FOR_A_MARK = ("theft.watermark_verify", "theft.watermark_survival")


class ExplainPanel(TopicPanel):
    """SHAP, global and local, and what explanations risk."""

    topic = "explanation"
    first = "explanation.shap"


class TheftPanel(TopicPanel):
    """Model stealing against the number of queries, and watermarks."""

    topic = "theft"
    first = "theft.extraction"

    def build(self) -> Sequence[w.Widget]:
        title = "The panels then show the marked model, and its key is found"
        self.go_on = look.button("Verify the model just marked", kind="primary", title=title)
        self.go_on.on_click(lambda _: self.verify())
        self.marked = look.stack([look.text("A model was marked here and is not the target yet.", kind="help"), self.go_on], tight=True)
        return super().build()

    def before(self, id: str, runner: StepRunner) -> tuple[w.Widget, ...]:
        """Over what asks for a mark: the way to the model that was just marked."""
        return (self.marked,) if id in ASKS_FOR_A_MARK and self._mark() is not None else ()

    def _mark(self) -> Record | None:
        """The watermark that was applied to this target, while its model is at hand."""
        record = self.session.latest.get("theft.watermark")
        return record if record is not None and record.id in self.session.made else None

    def verify(self) -> None:
        """Take the marked model as the target, its key with it, and ask it."""
        record, id = self._mark(), self.choice.value
        if record is None:
            return
        try:
            self.session.free()
            self.session.go_on(record)
        except Problem as problem:
            self.message.say(problem, level="warning")
            return
        self.choice.value = id
        runner = self.runner(id)
        if key := str(record.effective.get("key_file") or ""):
            runner.form.set({"key_file": key})
        runner.refresh()
        name = record.made.name if record.made else "The marked model"
        self.message.say(f"{name} is the target now, and its key was found: press Run.", level="info")


class ValidationPanel(TopicPanel):
    """The input guard: built, exported, attacked."""

    topic = "validation"
    first = "validation.performance"


class PoisoningPanel(TopicPanel):
    """Label flips and backdoors, and how they are found."""

    topic = "poisoning"
    first = "poisoning.backdoor"

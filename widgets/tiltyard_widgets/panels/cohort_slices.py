"""The worst slices and the leaves of the error tree of what every panel looks at, on one line each."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tiltyard.datasets.cohorts import Cohort
from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.result import Record

from ..controls.form import form_for
from ..controls.progress_bar import ProgressView
from ..theme import look
from ..views.cards import outcome
from ..views.message import Message
from .cohort_lines import SliceLines
from .session import Session

if TYPE_CHECKING:
    from tiltyard.validation._slices import Slice
    from tiltyard.validation.slices import Found

SHOWN = ("measure", "positive", "least", "rows", "slices", "depth", "accepted")


class SlicesView(look.Stack):
    """Runs `validation.slices`; ``begin`` gets the cohort of a line that is to be one, ``rows`` that whose rows are wanted."""

    def __init__(self, session: Session, message: Message, begin: Callable[[Cohort], None], rows: Callable[[Cohort], None]) -> None:
        from tiltyard.validation.slices import Slices

        super().__init__()
        self.session, self.message = session, message
        self._begin, self._rows = begin, rows
        self.found: Found | None = None
        self._shown = ""
        self.form = form_for(Slices, only=SHOWN, advanced=SHOWN[1:])
        self.go = look.button("Find the worst slices", kind="primary", title=Slices.question, denied=session.denied("run"))
        self.go.on_click(lambda _: self.run())
        self.progress = ProgressView()
        self.progress.on_cancel(session.cancel)
        self.sentence = outcome()
        self.worst = SliceLines(
            "slice", lambda i: self._begin(self._cohort(self._slices, i)), lambda i: self._rows(self._cohort(self._slices, i))
        )
        self.tree = SliceLines(
            "leaf", lambda i: self._begin(self._cohort(self._leaves, i)), lambda i: self._rows(self._cohort(self._leaves, i))
        )
        heading = look.heading("Where the model errs most", 3)
        self.children = (heading, look.split([self.form, self.go, self.progress], [self.sentence]), self.worst, self.tree)

    @property
    def _slices(self) -> "tuple[Slice, ...]":
        return self.found.search.slices if self.found else ()

    @property
    def _leaves(self) -> "tuple[Slice, ...]":
        return self.found.leaves if self.found else ()

    def refresh(self, data: Dataset) -> None:
        """Show the last result on what every panel looks at, or why there can be none."""
        from tiltyard.validation.slices import Slices

        target, used = self.session.target, self.session.data
        self.form.offer({"classes": list(data.schema.classes)})
        reason = Slices().unmet(target, used) if target is not None and used is not None else "needs a model and data"
        self.go.disabled = bool(self.session.busy) or bool(reason)
        if reason:
            self._clear("not_applicable", f"{reason[:1].upper()}{reason[1:]}.")
            return
        record = self.session.latest.get(Slices.id)
        if record is None:
            self._clear("not_run", "Not looked for yet.")
        elif record.id != self._shown:
            self._again(record)

    def _clear(self, state: str, sentence: str) -> None:
        self._shown, self.found = "", None
        self.sentence.say(state, sentence)
        self._draw("Error")

    def run(self) -> None:
        """Look for them; bad input is one line."""
        self.message.clear()
        try:
            if self.form.error:
                raise Problem("values within their bounds", self.form.error, "Correct them")
            self.session.start([self.form.step()], self.progress.report, lambda _: None, self._over)
        except Problem as problem:
            self.message.say(problem)
            return
        self.progress.start("loading")
        self.sentence.say("running", "Looking on one half of the rows, testing on the other …")
        self.go.disabled = True

    def _over(self) -> None:
        self.progress.finish("")

    def _again(self, record: Record) -> None:
        """The slices of ``record`` with their cohorts: found again by its own parameters, which give the same."""
        from tiltyard.catalogue import effective
        from tiltyard.validation.slices import WORDS, Slices

        target, data = self.session.target, self.session.data
        self._shown = record.id
        self.sentence.show(record.result)
        if target is None or data is None or record.result.status.value in ("failed", "cancelled", "not_applicable"):
            self.found = None
            self._draw("Error")
            return
        step = Slices.model_validate(effective(record))

        def shown(found: "Found") -> None:
            if self._shown == record.id:
                self.found = found
                self._draw(WORDS[step.measure])

        self.session.aside(lambda: step.find(target, data), shown, self.message.say)

    def _draw(self, word: str) -> None:
        downloads = not self.session.denied("export")
        tests = len(self._slices)
        note = f"Counted on rows that were not searched. p: exact, one-sided, corrected by Holm for {tests} slices; bold ones stand out."
        self.worst.show("Worst slices", self._slices, word, note, downloads)
        leaf = "A small decision tree of where the model errs, grown on one half and counted on the other; corrected among its leaves."
        self.tree.show("Error tree", self._leaves, word, leaf, downloads)

    def _cohort(self, slices: "tuple[Slice, ...]", place: str) -> Cohort:
        """The cohort of a line, of all rows: within the cohort in use its conditions hold too."""
        found = slices[int(place)].cohort
        used = self.session.data
        before = used.selection.cohort.conditions if used is not None and used.selection is not None else ()
        return Cohort.of(*before, *found.conditions)

"""A threshold for each group by hand: rates and gaps move in the page, and what is chosen becomes a defense."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tiltyard.errors import Problem, Unavailable
from tiltyard.fairness.belonging import belonging_of
from tiltyard.fairness.favorable import favorable
from tiltyard.fairness.groups import CROSS, divisions, together
from tiltyard.result import Record

from ..controls.picker import Choice
from ..theme import look
from ..views.message import Message
from ..views.threshold import ThresholdView
from .session import Session
from .threshold_rows import AskedRows

HAND = "Thresholds by hand"
CHECK = "fairness.groups"
ROWS, SMALLEST, ACCEPTED = 20_000, 30, 0.1
ALONE = "(no second column)"
MOST_GROUPS = 40


class ByHand(look.Stack):
    """Sliders for the groups of one sensitive column, or of two crossed, on the rows that *Fairness by group* judges."""

    def __init__(self, session: Session, message: Message, use: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()
        self.session, self.message, self._apply = session, message, use
        self.asked: AskedRows | None = None
        self._of: tuple[str, str, int, int] | None = None
        self._quiet = False
        self.line = look.text("", kind="help")
        self.ask = look.button("Ask the model", kind="primary", title="Ask it for its scores of these rows")
        self.ask.on_click(lambda _: self._start())
        self.column = Choice("Sensitive column", [])
        self.second = Choice("Crossed with", [ALONE])
        self.hope = Choice("Favorable outcome", [])
        self.view = ThresholdView()
        self.view.on_use(self._use)
        for choice in (self.column, self.second, self.hope):
            choice.observe(lambda _: self._show(), "value")
        self.chosen = look.row([self.column, self.second, self.hope])
        self.children = (self.line, self.ask, self.chosen, self.view)

    def refresh(self) -> None:
        """Ask a model that is new here; one behind an address only when told to."""
        target, data = self.session.target, self.session.data
        if target is None or data is None or not data.sensitive or "scores" not in target.offers:
            self._of = None
            self._clear(self._missing())
            return
        record = self.session.latest.get(CHECK)
        count, seed = _rows_of(record)
        of = (target.fingerprint, data.fingerprint, count, seed)
        if self._of == of:
            return
        self._of = of
        if "url" in target.offers:
            n = min(count, len(data.unseen))
            self._clear(f"Its scores of {n:,} {data.known} are asked for once, which are as many questions to {target.name}.")
            look.show(self.ask, True)
            return
        self._start()

    def _missing(self) -> str:
        if self.session.target is None or self.session.data is None:
            return "Load a model and data first."
        if not self.session.data.sensitive:
            return "The data names no sensitive column, so there are no groups to compare. Choose one in Model and data."
        return "This target gives labels alone: a threshold needs a score to lie on."

    def _clear(self, words: str) -> None:
        self.asked = None
        self.view.show(None, {})
        self.line.say(words)
        for part in (self.ask, self.chosen):
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
        self.asked = asked
        columns = list(asked.rows.sensitive)
        self._quiet = True
        self.column.offer(columns)
        self.second.offer([ALONE, *columns])
        self.hope.offer(list(asked.rows.schema.classes))
        self.hope.value = favorable(asked.rows.schema).name
        self._quiet = False
        look.show(self.chosen, True)
        look.show(self.second, len(columns) > 1)
        self._show()

    @property
    def columns(self) -> tuple[str, ...]:
        """The sensitive columns whose groups are compared: one, or two crossed."""
        second = self.second.value
        return (self.column.value, second) if second not in (ALONE, "", self.column.value) else (self.column.value,)

    def _show(self) -> None:
        asked = self.asked
        if self._quiet or asked is None:
            return
        found = divisions(asked.rows, self.columns, False)
        groups = together(*(d.groups for d in found)) if len(found) > 1 else found[0].groups
        if (many := len(np.unique(groups))) > MOST_GROUPS:
            self.view.show(None, {})
            self.line.say(f"{many} groups are more than {MOST_GROUPS}: choose columns with fewer.")
            return
        hope = favorable(asked.rows.schema, self.hope.value)
        k = hope.index
        cells = asked.cells(k, groups)
        name = CROSS.join(self.columns)
        facts = asked.facts(cells, k, name, SMALLEST) | {"fairness": True, "cannot": self._cannot(asked)}
        self.line.say(self._favorable(asked, hope.name))
        self.view.show(cells, facts, asked.start(cells, k))

    def _favorable(self, asked: AskedRows, name: str) -> str:
        proposed = favorable(asked.rows.schema)
        why = f": {proposed.why}" if proposed.name == name else ": you chose it"
        return f"The favorable outcome is {name!r}{why}. Groups of fewer than {SMALLEST} rows are shown but not compared."

    def _cannot(self, asked: AskedRows) -> str:
        """Why these thresholds cannot be put in force, or nothing."""
        if denied := self.session.denied("run"):
            return denied
        if len(asked.rows.schema.classes) != 2:
            return f"Thresholds can be put in force where there are two classes; this model has {len(asked.rows.schema.classes)}."
        try:
            belonging_of(asked.rows, self.columns)
        except Unavailable as problem:
            return f"To look at, not to use: {problem}"
        return ""

    def _use(self, asked: dict[str, Any]) -> None:
        """Give the thresholds to the defense that puts them in force and measures what they do."""
        if self.asked is None:
            return
        groups = [str(name) for name in self.view.facts.get("groups", [])]
        try:
            values = [float(v) for v in asked["thresholds"]]
            if len(values) != len(groups):
                raise Problem("a threshold for each group", f"{len(values)} for {len(groups)}", "Move the sliders again")
        except Problem as problem:
            self.message.say(problem)
            return
        first, *second = self.columns
        crossed = {"crossed_with": second[0] if second else ""}
        hand = {"groups": groups, "thresholds": values, "tolerance": ACCEPTED}
        self._apply({"column": first, "positive": self.hope.value, **crossed, **hand})


def _rows_of(record: Record | None) -> tuple[int, int]:
    """How many rows, and the seed they are drawn by: those of the record, so that its numbers are the page's."""
    return (ROWS, 0) if record is None else (int(record.effective.get("rows", ROWS)), record.seed)

"""One row: choose it, change it, and watch the decision, what it rests on, and who is decided otherwise."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import ipywidgets as w
import numpy as np
from pydantic import BaseModel

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.schema import Rows
from tiltyard.errors import Problem, Unavailable
from tiltyard.evasion._smallest_change import Turned, smallest_change
from tiltyard.explanation._shapley import Attribution, players
from tiltyard.explanation.explaining import Explainer, background_rows, explained_class, shown, what
from tiltyard.explanation.local import waterfall
from tiltyard.explanation.people import differences, otherwise, people_of
from tiltyard.formatting.numbers import number
from tiltyard.progress import Progress
from tiltyard.targets.decision import Prediction
from tiltyard.targets.target import Target

from ..controls.form import Form
from ..theme import look, plain
from ..views.cards import metric_cards, outcome
from ..views.chart import ChartView
from ..views.table import TableView
from .kept_row import Watched, record_of
from .panel import Panel
from .row_fields import beyond, form_of, row_of, values_of
from .row_picker import RowPicker

FIRST, REFINED, PAIRS = 25, 100, 8  # background rows at once, then in the background with so many permutations each
ASKED = 4000


class RowsPanel(Panel):
    """A row whose every feature can be edited, with the model's answer to it at once."""

    title = "One row"

    def build(self) -> Sequence[w.Widget]:
        self.lead = look.text("Load a model and data first.", kind="empty")
        self.picker = RowPicker(self.choose)
        denied = self.session.denied("run")
        self.reset = look.button("Reset", title="Back to the row as it is in the data")
        self.undo = look.button("Undo", title="Take back the last edit")
        self.search = look.button("Find the smallest change", kind="primary", title="That turns the decision", denied=denied)
        self.keep = look.button("Keep this row", title="As a record, for history and report", denied=denied)
        for button, press in ((self.reset, self.back), (self.undo, self.undone), (self.search, self.sought), (self.keep, self.kept)):
            button.on_click(lambda _, press=press: press())
        self.editor = look.stack([])
        self.verdict, self.sentence, self.cards = outcome(), look.text("", kind="lead"), metric_cards()
        self.chart = ChartView()
        self.footer, self.warned, self.found = (look.text("", kind="help") for _ in range(3))
        self.others = TableView()
        results = [
            self.verdict,
            self.sentence,
            self.cards,
            self.warned,
            look.row([self.search, self.undo, self.reset, self.keep]),
            self.found,
            self.chart,
            self.footer,
            self.others,
            self.picker.table,
        ]
        self.body = look.split([self.picker, look.heading("Change it", 3), self.editor], results)
        self._of: tuple[str, str] = ("", "")
        self._turn = 0
        self._past: list[dict[str, Any]] = []
        self._quiet = False
        self.form: Form[BaseModel] | None = None
        self.now: Watched | None = None
        self.before: Prediction | None = None
        self.place = plain.VBox([self.lead])
        return [look.heading(self.title), self.message, self.place]

    def forget(self) -> None:
        self._of, self.now, self._turn = ("", ""), None, self._turn + 1

    def refresh(self) -> None:
        """Take the session's target and data; a row that is edited stays while they do."""
        target, data = self.session.target, self.session.data
        ready = target is not None and data is not None and not data.schema.images
        self.place.children = (self.body,) if ready else (self.lead,)
        if not ready or target is None or data is None:
            images = data is not None and data.schema.images
            self.lead.say(
                "Rows of a table are edited here; images are drawn on in Red teaming, by hand."
                if images
                else "Load a model and data first."
            )
            self._of = ("", "")
        elif self._of != self.session.about:
            self._of = self.session.about
            self._begin(target, data)

    def _begin(self, target: Target, data: Dataset) -> None:
        rng = np.random.default_rng(0)
        data = data.classed(target.classes)
        chosen = explained_class(target, "", data.schema.favorable)
        self.people = people_of(target, data, 1 if chosen is None else chosen, rng)
        names = players(data.schema)
        self.explainer = Explainer(target, background_rows(data, FIRST, rng), names, chosen, "auto", "probability", 1)
        self.finer = replace(self.explainer, background=background_rows(data, REFINED, rng), permutations=PAIRS)
        self.picker.offer(self.people, self.session.latest.get("privacy.membership"))

    def choose(self, row: int) -> None:
        """Show the row of that number, as it is in the data."""
        data = self.people.data
        self._past = []
        self.form, self._names = form_of(data.schema, values_of(data.schema, data.x[row]))
        self.form.observe(lambda change: self._typed(change["old"]), "given")
        self.editor.children = (self.form,)
        self.row, self.start, self.before = row, data.x[row], None
        self.found.say("")
        self.changed()

    def show_row(self, row: int, x: Rows) -> bool:
        """Show the row of that number edited to what ``x`` (d,) holds; False where there is none to show."""
        if self._of == ("", "") or not 0 <= row < len(self.people.data):
            return False
        self.choose(row)
        assert self.form is not None
        was, now = (values_of(self.people.data.schema, one) for one in (self.start, x))
        self.form.set({field: now[name] for name, field in self._names.items() if now[name] != was[name]})
        return True

    def _typed(self, old: dict[str, Any]) -> None:
        if not self._quiet:
            self._past.append(dict(old))
        self.changed()

    def edited(self) -> Rows:
        """The row (d,) as it stands in the fields; `Problem` where it is not valid."""
        assert self.form is not None
        if self.form.error:
            raise Problem("a valid row", self.form.error, "Correct the field")
        given = {name: self.form.given[field] for name, field in self._names.items()}
        return row_of(self.people.data.schema, self.start, given)

    def changed(self) -> None:
        """Ask the model about the row as it stands and show what it says, at once; a finer explanation follows."""
        self._turn += 1
        began = time.perf_counter()
        try:
            target, _ = self.session.ready()
            x = self.edited()
            now = target.predictions(x[None])
        except Exception as problem:  # a row that is not valid, or a model of the user's that breaks on it
            self.sentence.say("")
            self.verdict.say("failed", str(problem).splitlines()[0] if str(problem) else type(problem).__name__)
            return
        self.undo.disabled = not self._past
        if self.before is None:
            self.before = now if np.array_equal(x, self.start, equal_nan=True) else target.predictions(self.start[None])
        both = Prediction(np.concatenate([self.before.labels, now.labels]), np.concatenate([self.before.scores, now.scores]))
        self.now = Watched(self.people, self.row, self.start, x, both)
        self._shown_now(self.now)
        self._explained(target, x, self._turn)
        self.took = time.perf_counter() - began

    def _shown_now(self, now: Watched) -> None:
        found = now.turned and now.allowed  # one row that keeps its decision is no pass
        self.sentence.say("" if found else now.sentence)
        if found:
            self.verdict.say("finding", now.sentence)
        else:
            self.verdict.tree = []
        self.cards.show(now.metrics)
        self.warned.say(" ".join(("⚠", *beyond(self.people.data.schema, now.x))) if beyond(self.people.data.schema, now.x) else "")
        self.others.show(otherwise(self.people, now.x, int(now.both.labels[1]), self.row))

    def _explained(self, target: Target, x: Rows, turn: int) -> None:
        """The running waterfall: exact for trees, else from few permutations first and from more in the background."""
        if "url" in target.offers:
            self.footer.say(
                "An endpoint is not asked for thousands of rows at every edit: its contributions are in Explanation, SHAP values."
            )
            self.chart.show(None)
            return
        self._drawn(self._attributed(self.explainer, x), x)
        if self.explainer.trees is None:
            self.session.aside(lambda: self._attributed(self.finer, x), lambda found: self._refined(found, x, turn), lambda _: None)

    def _attributed(self, explainer: Explainer, x: Rows) -> Attribution:
        of = explainer.of(x[None])
        return explainer.explain(x[None], of, np.random.default_rng(0), Progress())

    def _refined(self, found: Attribution, x: Rows, turn: int) -> None:
        if turn == self._turn:  # the row may have been edited since
            self._drawn(found, x)

    def _drawn(self, found: Attribution, x: Rows) -> None:
        schema, target = self.people.data.schema, self.explainer.target
        own = {f.name: shown(f, x[schema.slices[f.name]]) for f in schema.features}
        of = int(self.explainer.of(x[None])[0])
        line = self.people.threshold if of == self.people.of else None
        named = what(target, of, found.unit)
        title = f"From {number(float(found.base[0]))} on average to {number(float(found.outputs[0]))}"
        self.chart.show(waterfall(found, 0, own, title, named, target.classes[of], line)[1])
        self.footer.say(_footer(found, len(self.explainer.background if found.method == "tree" else self.finer.background)))

    def back(self) -> None:
        """The row as it is in the data."""
        if self.form is not None:
            self.form.reset()

    def undone(self) -> None:
        """Take back the last edit."""
        if self.form is not None and self._past:
            self._quiet = True
            try:
                self.form.given = self._past.pop()
            finally:
                self._quiet = False
            self.undo.disabled = not self._past

    def sought(self) -> None:
        """Look for the smallest change of the row as it stands, beside what else is done."""
        if self.now is None:
            return
        x, turn, data = self.now.x, self._turn, self.people.data
        target = self.explainer.target
        self.search.disabled = True
        self.found.say(f"Looking for it, with at most {ASKED:,} rows asked …")
        observed = data.x[self.people.index]
        self.session.aside(
            lambda: smallest_change(target, data.schema, x, observed, ASKED), lambda found: self._turned(found, x, turn), self._failed
        )

    def _failed(self, problem: Exception) -> None:
        self.search.disabled = False
        self.found.say(f"Not found out: {problem}" if isinstance(problem, Problem | Unavailable) else f"It broke: {type(problem).__name__}")

    def _turned(self, found: Turned, x: Rows, turn: int) -> None:
        self.search.disabled = False
        if found.x is None:
            self.found.say(f"None found within {found.asked:,} rows asked, of changes that an attacker may make.")
            return
        words = differences(self.people.data.schema, x, found.x)
        self.found.say(f"Smallest change found: {words} ({number(found.cost)} ranges, {found.asked:,} rows asked). Undo takes it back.")
        if turn == self._turn and self.form is not None:
            values = values_of(self.people.data.schema, found.x)
            self.form.set({field: values[name] for name, field in self._names.items() if name in found.features})

    def kept(self) -> None:
        """Keep the row as it stands as a record."""
        if self.now is None:
            return
        try:
            self.session.add(record_of(self.now, self.explainer.target, self.people.data))
        except Problem as problem:
            self.message.say(problem)
            return
        self.message.say(f"Row {self.row} is kept as a record; History and Report show it.", level="info")


def _footer(found: Attribution, background: int) -> str:
    gap = f"Sum and output differ by {number(abs(float(found.gap[0])), 1)}."
    if found.method == "tree":
        return f"Exact, by TreeSHAP against {background:,} rows. {gap}"
    error = float(np.sqrt((found.error[0] ** 2).mean()))
    return f"By permutation; the standard error of a step is {number(error, 2)} (whiskers: 95 %). {gap}"

"""Cohorts: rows chosen by conditions, used by every panel; the worst slices and an error tree, found by themselves."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import ipywidgets as w
import numpy as np

from tiltyard.datasets.cohorts import Cohort, Labels
from tiltyard.datasets.conditions import Answers, Mask
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.kept_cohorts import KeptCohorts
from tiltyard.errors import Problem
from tiltyard.formatting.numbers import percent
from tiltyard.targets.target import Target

from ..controls.download import Download
from ..theme import look
from ..theme.markup import Markup, Node, el
from ..views.chart import ChartView
from ..views.table import TableView
from . import kept_loads
from .cohort_builder import CohortBuilder
from .cohort_lines import KeptLines
from .cohort_rows import csv_of
from .cohort_slices import SlicesView
from .panel import Panel

if TYPE_CHECKING:
    from tiltyard.datasets.conditions import RowNumbers
    from tiltyard.result import Record

ASKED_UNBIDDEN = 200_000
EMPTY = "Load a model and data first; then choose here which rows to look at."


def whole(data: Dataset | None) -> Dataset | None:
    """The data that a cohort was taken from; other data as it is."""
    return None if data is None else kept_loads.whole(data)


class CohortsPanel(Panel):
    """Choose rows by conditions, see how the model does on them, keep them under a name, and use them in every panel."""

    title = "Cohorts"

    def build(self) -> Sequence[w.Widget]:
        denied = self.session.denied("run")
        self._for: tuple[Target | None, Dataset | None] = (None, None)
        self.answers: Answers | None = None
        self._offered: tuple[str, ...] = ()  # of which records rows are offered by what was found of them
        self._deleted: Cohort | None = None
        self._drafted: Dataset | None = None  # whose draft is in the form, and is kept as it changes
        self._renaming = ""
        self.banner = Markup(live="polite")
        self.back = look.button("Back to all rows", title="Use the whole data in every panel again")
        self.back.on_click(lambda _: self.all_rows())
        self.ask = look.button("Ask the model about all rows", denied=denied)
        self.ask.on_click(lambda _: self._ask())
        self.builder = CohortBuilder()
        self.builder.observe(lambda _: self._live(), "version")
        self.name = look.entry("Name", hint="made of the conditions")
        self.name.observe(lambda _: self._remember(), "value")
        self.use = look.button("Use in every panel", kind="primary", title="Every panel and check then sees these rows alone")
        self.use.on_click(lambda _: self.adopt(self.cohort()))
        self.keep = look.button("Keep", title="Keep the cohort under its name", denied=denied)
        self.keep.on_click(lambda _: self._keep())
        self.clear = look.button("Start over", title="Remove every condition")
        self.clear.on_click(lambda _: self.builder.clear())
        self.rows = look.button("Rows as CSV", denied=self.session.denied("export"))
        self.rows.on_click(lambda _: self.offer_rows())
        self.download = Download()
        self.live = Markup(live="polite")
        self.sides, self.chart = TableView(), ChartView(height=220)
        self.kept_lines = KeptLines(self._use_kept, self._change, self._rename, self._delete)
        self.new_name = look.entry("New name")
        self.renamed = look.button("Rename")
        self.renamed.on_click(lambda _: self._rename_to())
        self.renaming = look.row([self.new_name, self.renamed])
        look.show(self.renaming, False)
        self.restore = look.button("Undo the deletion")
        self.restore.on_click(lambda _: self._restore())
        look.show(self.restore, False)
        self.slices = SlicesView(self.session, self.message, self.begin, self._offer_slice)
        buttons = look.row([self.use, self.keep, self.rows, self.clear])
        controls = [self.ask, self.builder, self.name, buttons, self.download]
        kept = look.stack([self.kept_lines, self.renaming, self.restore], tight=True)
        self.top = look.stack([self.banner, look.row([self.back])], tight=True)
        self.body = look.stack([look.split(controls, [self.live, self.chart]), self.sides, kept, self.slices])
        return [look.heading(self.title), self.message, self.top, self.body]

    @property
    def data(self) -> Dataset | None:
        """All rows, whether a cohort of them is in use or not."""
        return whole(self.session.data)

    def refresh(self) -> None:
        target, data = self.session.target, self.data
        look.show(self.body, data is not None and target is not None)
        look.show(self.back, self.session.data is not data)
        if target is None or data is None:
            self._for = (target, data)
            self.banner.tree = [el("p", {"class": "ty-empty"}, EMPTY)]
            return
        self._say_what(data)
        if (target, data) != self._for:
            self._for, self.answers, self._offered = (target, data), None, ()
            self._drafted = None
            self.builder.offer(data, None)
            self._recall(data)
            self.download.offer("", "", "")
            if len(data) <= ASKED_UNBIDDEN and "url" not in target.offers:
                self._ask()
            self._live()
        self._offer_found(target, data)
        look.show(self.ask, self.answers is None and (len(data) > ASKED_UNBIDDEN or "url" in target.offers))
        self.slices.refresh(data)

    def _recall(self, data: Dataset) -> None:
        """Begin with what was begun in an earlier window on the same data, where one could come back to these."""
        if not self.session.load:
            return
        with suppress(OSError, Problem):
            for cohort in KeptCohorts.draft_of(data.fingerprint, self.session.person).all():
                self.name.value = cohort.name if cohort.name != Cohort.of(*cohort.conditions).name else ""
                self.builder.fill(cohort)
        self._drafted = data

    def _remember(self) -> None:
        """Keep what is in the form, for a window that is opened anew."""
        data = self.data
        if data is None or self._drafted is not data:
            return
        with suppress(OSError, Problem):  # a window works without
            draft = self.cohort() if self.builder.stated else None
            KeptCohorts.draft_of(data.fingerprint, self.session.person).put_alone(draft)

    def _say_what(self, data: Dataset) -> None:
        """What every panel looks at now."""
        used = self.session.data
        if used is None or used.selection is None:
            self.banner.tree = [el("p", {"class": "ty-lead"}, f"Every panel looks at all {len(data):,} rows of {data.name}.")]
            return
        cohort = used.selection.cohort
        where = "" if cohort.words == cohort.name else f" ({cohort.words})"
        words = f"Every panel looks at the cohort “{cohort.name}”{where}: {len(used):,} of {len(data):,} rows of {data.name}."
        self.banner.tree = [marked(words)]

    def _ask(self) -> None:
        """Ask the model about all rows, once."""
        target, data = self.session.target, self.data
        if target is None or data is None:
            return
        asked: Target = target
        rows: Dataset = data

        def body() -> Answers:
            return asked.predictions(rows.x) if "scores" in asked.offers else Labels(asked.labels(rows.x))

        self.session.aside(body, lambda found: self._answered(asked, rows, found), self.message.say)

    def _answered(self, target: Target, data: Dataset, answers: Answers) -> None:
        if self._for != (target, data):
            return
        self.answers = answers
        look.show(self.ask, False)
        self.builder.offer(data, answers)
        self._offered = ()
        self._offer_found(target, data)
        self._live()

    def _offer_found(self, target: Target, data: Dataset) -> None:
        """Offer rows by what attacks found of them, anew where there are other records of all rows."""
        records = [r for r in self.session.latest.values() if r.check.startswith(("evasion.", "privacy."))]
        offered = tuple(record.id for record in records)
        if self.answers is None or self.session.data is not data or offered == self._offered:
            return
        self._offered = offered

        def found(rows: "dict[str, RowNumbers]") -> None:
            if self._for == (target, data) and self._offered == offered:
                self.builder.offer(data, self.answers, rows)

        self.session.aside(lambda: rows_found(records, data), found, self.message.say)

    def cohort(self) -> Cohort:
        """The cohort as it stands in the form."""
        conditions = self.builder.stated
        if not conditions:
            raise Problem("a condition", "none", "Choose what it is about under Condition on")
        made = Cohort.of(*conditions)
        return Cohort(name=" ".join(self.name.value.split())[:120] or made.name, conditions=conditions)

    def mask(self, cohort: Cohort) -> Mask:
        """Which of all rows belong to it."""
        assert self.data is not None
        return cohort.mask(self.data, self.answers)

    def _live(self) -> None:
        """Count as conditions change: the cohort, all others, all rows; and the kept cohorts beside them."""
        data = self.data
        if data is None:
            return
        conditions = self.builder.stated
        self._remember()
        for button in (self.use, self.keep, self.rows, self.clear):
            button.disabled = not conditions
        try:
            found = self.mask(self.cohort()) if conditions else None
            self._compare(data, found)
            kept = KeptCohorts.of(data.fingerprint, self.session.person).all()
            self.kept_lines.show(kept, [self._count(cohort) for cohort in kept])
        except Problem as problem:
            self.live.tree = [marked(" ".join(str(problem).split()), "failed")]

    def _count(self, cohort: Cohort) -> str:
        try:
            return f"{int(self.mask(cohort).sum()):,}"
        except Problem:
            return "–"

    def _compare(self, data: Dataset, mask: Mask | None) -> None:
        from tiltyard.comparison import cohort_numbers as numbers

        lines = []
        if mask is not None:
            lines = [("This cohort", mask), ("All other rows", ~mask)]
            self.live.tree = [_sentence(int(mask.sum()), len(data))]
            self.use.disabled = not mask.any()
        else:
            self.live.tree = [el("p", {"class": "ty-help"}, "Choose a condition: the rows are counted as you choose.")]
        lines.append((numbers.ALL, np.ones(len(data), bool)))
        lines += [(cohort.name, m) for cohort in self._kept(data) if (m := self._known(cohort)) is not None]
        rows = [numbers.numbers(name, data, m, self.answers) for name, m in lines if m.any()]
        self.sides.show(numbers.table(rows, data))
        self.chart.height = 120 + 34 * min(len(rows), numbers.MOST_CHARTED)
        self.chart.show(numbers.chart(rows))

    def _kept(self, data: Dataset) -> tuple[Cohort, ...]:
        return KeptCohorts.of(data.fingerprint, self.session.person).all()

    def _known(self, cohort: Cohort) -> Mask | None:
        try:
            return self.mask(cohort)
        except Problem:
            return None

    def adopt(self, cohort: Cohort) -> None:
        """Use the rows of ``cohort`` in every panel."""
        self.message.clear()
        data = self.data
        try:
            self.session.free()
            if data is not None:
                self.session.use(data.selected(cohort, self.mask(cohort)))
        except Problem as problem:
            self.message.say(problem)

    def all_rows(self) -> None:
        """Use all rows in every panel again."""
        self.message.clear()
        try:
            self.session.free()
            if self.data is not None:
                self.session.use(self.data)
        except Problem as problem:
            self.message.say(problem)

    def begin(self, cohort: Cohort) -> None:
        """Put the conditions of ``cohort`` into the form, to be changed, kept or used."""
        self.message.clear()
        self.name.value = ""
        self.builder.fill(cohort)

    def _kept_file(self) -> KeptCohorts:
        assert self.data is not None
        return KeptCohorts.of(self.data.fingerprint, self.session.person)

    def _keep(self) -> None:
        self._try(lambda: self._kept_file().keep(self.cohort()))

    def _try(self, change: Callable[[], object]) -> None:
        """Change the kept cohorts; what goes wrong is one line."""
        self.message.clear()
        try:
            self.session.person.must("run")
            change()
        except Problem as problem:
            self.message.say(problem)
        self._live()

    def _by_name(self, name: str) -> Cohort | None:
        return next((c for c in self._kept_file().all() if c.name == name), None)

    def _use_kept(self, name: str) -> None:
        if (cohort := self._by_name(name)) is not None:
            self.adopt(cohort)

    def _change(self, name: str) -> None:
        if (cohort := self._by_name(name)) is not None:
            self.begin(cohort)

    def _rename(self, name: str) -> None:
        self._renaming = self.new_name.value = name
        self.new_name.description = f"New name of “{name}”"
        look.show(self.renaming, True)

    def _rename_to(self) -> None:
        self._try(lambda: self._kept_file().rename(self._renaming, self.new_name.value))
        look.show(self.renaming, bool(self.message.text))

    def _delete(self, name: str) -> None:
        def gone() -> None:
            self._deleted = self._kept_file().remove(name)
            look.show(self.restore, True)

        self._try(gone)

    def _restore(self) -> None:
        if self._deleted is not None:
            deleted = self._deleted
            self._try(lambda: self._kept_file().keep(deleted))
            look.show(self.restore, False)

    def offer_rows(self) -> None:
        """A link to the rows of the cohort in the form."""
        try:
            self._offer(self.cohort())
        except Problem as problem:
            self.message.say(problem)

    def _offer_slice(self, cohort: Cohort) -> None:
        try:
            self._offer(cohort)
        except Problem as problem:
            self.message.say(problem)

    def _offer(self, cohort: Cohort) -> None:
        assert self.data is not None
        self.session.person.must("export")
        content = csv_of(self.data, self.mask(cohort), self.answers)
        name = "".join(c if c.isalnum() else "-" for c in cohort.name)[:60].strip("-") or "rows"
        self.message.say(f"The rows where {cohort.words} are ready under the form.", level="info")
        self.download.offer(f"{name}.csv", "text/csv", content)


def rows_found(records: "Sequence[Record]", data: Dataset) -> "dict[str, RowNumbers]":
    """Rows that attacks turned, most of them turned, or rank highest, by what they are called."""
    from tiltyard.comparison.exposed_rows import exposed_rows
    from tiltyard.comparison.fooled_rows import fooled_rows, most_fooled

    attacks = [record for record in records if record.check.startswith("evasion.")]
    found = {"Most fooled rows": most_fooled(attacks, data)}
    found |= {f"Rows fooled by {r.title}": fooled_rows(r, data) for r in attacks}
    found |= {f"Rows most exposed to {r.title}": exposed_rows(r, data) for r in records}
    return {name: rows for name, rows in found.items() if rows is not None}


def marked(words: str, state: str = "running") -> Node:
    """A sentence that stands out."""
    return el("div", {"class": "ty-sentence", "data-state": state}, el("p", None, words))


def _sentence(n: int, of: int) -> Node:
    if not n:
        return marked("No row meets all conditions. Loosen or remove one.", "incomplete")
    few = " Few rows: intervals are wide." if n < 30 else ""
    return marked(f"{n:,} of {of:,} rows ({percent(n / of)}).{few}")

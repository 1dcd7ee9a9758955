"""The schema as it was proposed, with what was assumed, to be corrected feature by feature."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import ipywidgets as w

from tiltyard.datasets.arrays import Arrays
from tiltyard.datasets.correcting import correct, lacking, middle
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.result import Column, Table

from ..controls.picker import Choice
from ..theme import look, plain
from .message import Message
from .relations import RelationsView
from .table import TableView

if TYPE_CHECKING:
    from tiltyard.datasets.proposing import Proposal

KINDS = ["continuous", "integer", "categorical"]


def table_of(schema: Schema) -> Table:
    """One row a feature."""
    columns = tuple(Column(name=n) for n in ("Feature", "Kind", "Bounds or categories", "An attacker may change it", "Assumed"))
    rows = tuple((f.name, f.kind, bounds_of(f), change_of(f), f.assumed) for f in schema.features)
    title = f"Schema: label {schema.label}, classes {', '.join(schema.classes)}"
    note = f"Kept in every row: {'; '.join(schema.relations)}." if schema.relations else ""
    return Table(name="schema", title=title, columns=columns, rows=rows, note=note)


def bounds_of(f: Feature) -> str:
    """A feature's range or its categories in a few words."""
    if f.grouped:
        shown = ", ".join(f.values[:5])
        return shown + (f" and {len(f.values) - 5} more" if len(f.values) > 5 else "")
    if f.kind == "text":
        return "free text"
    size = f" × {'×'.join(map(str, f.shape))}" if f.shape else ""
    return f"{f.low:,g} to {f.high:,g} {f.unit}{size}".strip()


def change_of(f: Feature) -> str:
    """Whether an attacker may change a feature, and what that costs, in a few words."""
    if not f.mutable:
        return "no"
    costs = [f"{f.cost_per_change:g} a change"] if f.cost_per_change else []
    costs += [f"{f.cost_per_unit:g} for each {f.unit or 'unit'}"] if f.cost_per_unit else []
    return f"yes, at {' and '.join(costs)}" if costs else "yes"


class SchemaView(look.Stack):
    """Shows a schema; with a `Proposal` it can be corrected, and undone."""

    def __init__(self, changed: Callable[[], None]) -> None:
        super().__init__()
        self.changed = changed
        self.proposal: Proposal | None = None
        self._undo: list[Proposal] = []
        self.message = Message()
        self.assumed = look.text("", kind="help")
        self.table = TableView()
        self.label = Choice(label="Label column", options=["—"], value="—")
        self.sensitive = look.labelled(
            plain.SelectMultiple(options=[], rows=5, description="Sensitive columns", tooltip="Columns whose groups are compared")
        )
        self.feature = Choice(label="Correct a feature", options=["—"], value="—")
        self.kind = Choice(label="Kind", options=KINDS, value="continuous")
        self.low = look.labelled(plain.FloatText(description="Lowest"))
        self.high = look.labelled(plain.FloatText(description="Highest"))
        self.unit = look.labelled(plain.Text(description="Unit"))
        self.divide = look.labelled(
            plain.FloatText(description="Divide pixels by", tooltip="1 for a model that takes them as the file has them")
        )
        self.missing = look.entry("Missing numbers become", "not filled", help="A number; the middle one is offered")
        self.mutable = plain.Checkbox(description="An attacker may change it", indent=False)
        self.per_change = look.labelled(
            plain.FloatText(description="A change costs", tooltip="What any change of it costs an attacker, in your money; 0 for nothing")
        )
        self.per_unit = look.labelled(
            plain.FloatText(
                description="Each unit costs", tooltip="What each unit costs that the number is moved, in your money; 0 for nothing"
            )
        )
        self.apply = look.button("Correct it")
        self.undo = look.button("Undo")
        self.drop = look.button("Leave it out")
        self.apply.on_click(lambda _: self._try(self._correct))
        self.drop.on_click(lambda _: self._try(lambda p: p.drop(self.feature.value)))
        self.out = Choice(label="Left out", options=["—"], value="—")
        self.take = look.button("Take it in")
        self.take.on_click(lambda _: self._try(lambda p: p.take(self.out.value)))
        self.undo.on_click(lambda _: self._back())
        self.label.observe(lambda _: self._relabel(), "value")
        self.sensitive.observe(lambda _: self._mark(), "value")
        self.feature.observe(lambda _: self._pick(), "value")
        self._quiet = False
        self.number = look.row([self.low, self.high, self.unit])
        self.lost = look.row([self.missing])
        self.image = look.row([self.divide])
        self.costs = look.row([self.per_change, self.per_unit])
        self.back = look.stack([self.out, look.row([self.take])])
        buttons = look.row([self.apply, self.drop, self.undo])
        one = [self.feature, self.kind, self.number, self.lost, self.image, self.mutable, self.costs, buttons]
        self.relations = RelationsView(self._try)
        self.editor = look.stack([self.label, self.sensitive, *one, self.back, self.relations])
        self.children: tuple[w.Widget, ...] = (self.message, self.assumed, self.table)

    @property
    def marked(self) -> tuple[str, ...] | None:
        """The sensitive columns, where they are not those that were proposed."""
        if self.proposal is None or not self._undo:
            return None
        chosen = self.proposal.schema.sensitive
        return chosen if chosen != self._undo[0].schema.sensitive else None

    def show(self, schema: Schema | None) -> None:
        """A schema that is given (with the model), not to be corrected here."""
        self.proposal = None
        self.table.show(table_of(schema) if schema else None)
        self.assumed.say("The model brings this schema; the data are read by it." if schema else "")
        self.children = (self.message, self.assumed, self.table)

    def offer(self, proposal: "Proposal") -> None:
        """A proposal to be corrected."""
        self._undo.clear()
        self.relations.forget()
        self._set(proposal)
        self.children = (self.message, self.assumed, self.editor, self.table)

    def _set(self, proposal: "Proposal") -> None:
        self.proposal = proposal
        self._quiet = True
        schema = proposal.schema
        names = [f.name for f in schema.features]
        self.label.offer([schema.label, *names, *proposal.left_out])
        self.label.value = schema.label
        self.sensitive.options = [*names, *proposal.left_out]
        self.sensitive.value = [s for s in schema.sensitive if s in self.sensitive.options]
        chosen = self.feature.value if self.feature.value in names else names[0]
        self.feature.offer(names)
        self.feature.value = chosen
        takes = [] if isinstance(proposal.table, Arrays) else list(proposal.left_out)
        look.show(self.back, bool(takes))
        self.out.offer(takes or ["—"])
        self._quiet = False
        self._pick()
        guessed = [*proposal.warnings, *proposal.assumptions]
        self.assumed.say("Assumed: " + " ".join(guessed) if guessed else "")
        self.table.show(table_of(schema))
        self.undo.disabled = not self._undo
        self.relations.show(proposal)

    def _pick(self) -> None:
        if self._quiet or self.proposal is None:
            return
        f = self.proposal.schema.feature(self.feature.value)
        self.low.value, self.high.value, self.unit.value, self.mutable.value = f.low, f.high, f.unit, f.mutable
        editable = f.kind in KINDS
        look.show(self.kind, editable)
        look.show(self.number, f.kind in ("continuous", "integer"))
        look.show(self.image, f.kind == "pixels")
        self.divide.value = f.divide
        self.per_change.value, self.per_unit.value = f.cost_per_change, f.cost_per_unit
        look.show(self.costs, f.numeric or f.grouped)
        look.show(self.per_unit, f.numeric)
        lost = lacking(self.proposal, f.name)
        look.show(self.lost, bool(lost))
        self.missing.value = f"{middle(self.proposal, f.name):g}" if lost else ""
        if editable:
            self.kind.value = f.kind

    def _correct(self, proposal: "Proposal") -> "Proposal":
        f = proposal.schema.feature(self.feature.value)
        if f.kind in ("continuous", "integer") and self.low.value > self.high.value:
            raise Problem("the lowest value below the highest", f"{self.low.value:g} and {self.high.value:g}", "Correct them")
        return correct(proposal, f.name, {key: value for key, value in self._given(f).items() if value != getattr(f, key, None)})

    def _given(self, f: Feature) -> dict[str, object]:
        """What the fields that are shown for ``f`` say."""
        given: dict[str, object] = {"mutable": self.mutable.value}
        if f.kind == "pixels":
            return {**given, "divide": self.divide.value}
        if f.numeric or f.grouped:
            given["cost_per_change"] = self.per_change.value
        if f.kind in KINDS:
            given["kind"] = self.kind.value
        if f.kind in ("continuous", "integer") and self.kind.value != "categorical":
            given |= {"low": self.low.value, "high": self.high.value, "unit": self.unit.value, "cost_per_unit": self.per_unit.value}
            given |= {"missing": _number(self.missing.value)} if self.missing.value.strip() else {}
        return given

    def _relabel(self) -> None:
        if not self._quiet and self.proposal is not None and self.label.value != self.proposal.schema.label:
            self._try(lambda p: p.relabel(self.label.value))

    def _mark(self) -> None:
        if not self._quiet and self.proposal is not None:
            self._try(lambda p: p.mark(tuple(self.sensitive.value)))

    def _try(self, change: Callable[["Proposal"], "Proposal"]) -> None:
        if self.proposal is None:
            return
        before = self.proposal
        try:
            after = change(before)
        except (Problem, ValueError) as problem:
            self.message.say(problem if isinstance(problem, Problem) else str(problem).splitlines()[0])
            return
        self.message.clear()
        if after is before:
            self.relations.show(before)
            return
        self._undo.append(before)
        self._set(after)
        self.changed()

    def _back(self) -> None:
        if self._undo:
            self._set(self._undo.pop())
            self.changed()


def _number(text: str) -> float:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        raise Problem("a number that stands for the missing ones", repr(text[:40]), "Correct it, or leave it empty") from None

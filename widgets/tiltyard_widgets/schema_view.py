"""The schema as it was proposed, with what was assumed, to be corrected feature by feature."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import ipywidgets as w

from tiltyard.datasets.schema import Feature, Schema
from tiltyard.errors import Problem
from tiltyard.result import Column, Table

from . import look
from .message import Message
from .picker import Choice
from .table import TableView

if TYPE_CHECKING:
    from tiltyard.datasets.proposing import Proposal

KINDS = ["continuous", "integer", "categorical"]


def table_of(schema: Schema) -> Table:
    """One row a feature."""
    columns = tuple(Column(name=n) for n in ("Feature", "Kind", "Bounds or categories", "An attacker may change it", "Assumed"))
    rows = tuple((f.name, f.kind, bounds_of(f), "yes" if f.mutable else "no", f.assumed) for f in schema.features)
    return Table(name="schema", title=f"Schema: label {schema.label}, classes {', '.join(schema.classes)}", columns=columns, rows=rows)


def bounds_of(f: Feature) -> str:
    """A feature's range or its categories in a few words."""
    if f.grouped:
        shown = ", ".join(f.values[:5])
        return shown + (f" and {len(f.values) - 5} more" if len(f.values) > 5 else "")
    size = f" × {'×'.join(map(str, f.shape))}" if f.shape else ""
    return f"{f.low:,g} to {f.high:,g} {f.unit}{size}".strip()


class SchemaView(w.VBox):
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
        self.sensitive = w.SelectMultiple(options=[], rows=5, description="Sensitive", tooltip="Columns whose groups are compared")
        self.feature = Choice(label="Correct a feature", options=["—"], value="—")
        self.kind = Choice(label="Kind", options=KINDS, value="continuous")
        self.low = w.FloatText(description="Lowest")
        self.high = w.FloatText(description="Highest")
        self.unit = w.Text(description="Unit")
        self.mutable = w.Checkbox(description="An attacker may change it", indent=False)
        self.apply = look.button("Correct it")
        self.undo = look.button("Undo")
        self.drop = look.button("Leave it out")
        self.apply.on_click(lambda _: self._try(self._correct))
        self.drop.on_click(lambda _: self._try(lambda p: p.drop(self.feature.value)))
        self.undo.on_click(lambda _: self._back())
        self.label.observe(lambda _: self._relabel(), "value")
        self.sensitive.observe(lambda _: self._mark(), "value")
        self.feature.observe(lambda _: self._pick(), "value")
        self._quiet = False
        limits = look.row([self.low, self.high, self.unit])
        buttons = look.row([self.apply, self.drop, self.undo])
        self.editor = look.stack([self.label, self.sensitive, self.feature, self.kind, limits, self.mutable, buttons])
        self.children: tuple[w.Widget, ...] = (self.message, self.assumed, self.table)

    def show(self, schema: Schema | None) -> None:
        """A schema that is given (with the model), not to be corrected here."""
        self.proposal = None
        self.table.show(table_of(schema) if schema else None)
        self.assumed.say("The model brings this schema; the data are read by it." if schema else "")
        self.children = (self.message, self.assumed, self.table)

    def offer(self, proposal: "Proposal") -> None:
        """A proposal to be corrected."""
        self._undo.clear()
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
        self._quiet = False
        self._pick()
        said = [*proposal.warnings, *proposal.assumptions]
        self.assumed.say("Assumed: " + " ".join(said) if said else "")
        self.table.show(table_of(schema))
        self.undo.disabled = not self._undo

    def _pick(self) -> None:
        if self._quiet or self.proposal is None:
            return
        f = self.proposal.schema.feature(self.feature.value)
        self.low.value, self.high.value, self.unit.value, self.mutable.value = f.low, f.high, f.unit, f.mutable
        editable = f.kind in KINDS
        self.kind.disabled = not editable
        if editable:
            self.kind.value = f.kind

    def _correct(self, proposal: "Proposal") -> "Proposal":
        f = proposal.schema.feature(self.feature.value)
        kind = self.kind.value if f.kind in KINDS else f.kind
        if self.low.value > self.high.value:
            raise Problem("the lowest value below the highest", f"{self.low.value:g} and {self.high.value:g}", "Correct them")
        change = {"kind": kind, "low": self.low.value, "high": self.high.value, "unit": self.unit.value, "mutable": self.mutable.value}
        return proposal.replace(f.model_copy(update={**change, "assumed": "corrected by hand"}))

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
        self._undo.append(before)
        self._set(after)
        self.changed()

    def _back(self) -> None:
        if self._undo:
            self._set(self._undo.pop())
            self.changed()

"""Relations between columns on the schema's page: written by a person, or proposed from the rows with support and exceptions."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tiltyard.datasets.proposing_relations import proposed_relations
from tiltyard.errors import Problem

from ..controls.picker import Choice
from ..theme import look, plain

if TYPE_CHECKING:
    from tiltyard.datasets.proposing import Proposal

EXAMPLES = "a <= b · a + b = 100 · at most one above zero: a, b · if job is none then pay is low · total := a + b"
NONE = "—"


class RelationsView(look.Stack):
    """States, proposes and removes relations of a `Proposal`; ``change`` applies a change to it, and shows what is wrong."""

    def __init__(self, change: Callable[[Callable[["Proposal"], "Proposal"]], None]) -> None:
        super().__init__()
        self.change = change
        self.written = look.entry("Relation that every row keeps", "a <= b", help=EXAMPLES)
        self.help = look.text(f"An attack keeps it in every row. {EXAMPLES}", kind="help")
        self.state = look.button("State it")
        self.look_for = look.button("Propose from the rows")
        self.offered = look.labelled(plain.SelectMultiple(options=[], rows=5, description="Proposed: rows, and how many break it"))
        self.accept = look.button("State the chosen")
        self.stated = Choice(label="Stated", options=[NONE], value=NONE)
        self.remove = look.button("Remove it")
        self.state.on_click(lambda _: self._add((self.written.value,)))
        self.look_for.on_click(lambda _: self.change(self._propose))
        self.accept.on_click(lambda _: self._add(tuple(self.offered.value)))
        self.remove.on_click(lambda _: self.change(self._without))
        self.proposed = look.stack([self.offered, look.row([self.accept])])
        self.kept = look.stack([self.stated, look.row([self.remove])])
        look.show(self.proposed, False)
        self.children = (self.written, self.help, look.row([self.state, self.look_for]), self.proposed, self.kept)

    def show(self, proposal: "Proposal") -> None:
        """The relations that are stated of ``proposal``; none of images."""
        look.show(self, not proposal.schema.images)
        texts = list(proposal.schema.relations)
        self.stated.offer(texts or [NONE])
        look.show(self.kept, bool(texts))
        left = [option for option in self.offered.options if option[1] not in texts]
        self.offered.options = left
        look.show(self.proposed, bool(left))

    def forget(self) -> None:
        """Nothing is offered any more: another table."""
        self.offered.options = []

    def _add(self, texts: tuple[str, ...]) -> None:
        wanted = tuple(text for text in texts if text.strip())
        if wanted:
            self.change(lambda proposal: proposal.relate((*proposal.schema.relations, *wanted)))

    def _without(self, proposal: "Proposal") -> "Proposal":
        return proposal.relate(tuple(text for text in proposal.schema.relations if text != self.stated.value))

    def _propose(self, proposal: "Proposal") -> "Proposal":
        found = proposed_relations(proposal.x, proposal.schema.features)
        known = proposal.schema.relations
        self.offered.options = [(f"{one.text}: {one.words}", one.text) for one in found if one.text not in known]
        if not self.offered.options:
            raise Problem("rows that suggest a relation", "none", "Write one if you know it")
        return proposal

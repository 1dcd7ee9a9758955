"""A topic as a panel: choose a step, see its cost, run it, read the result."""

from collections.abc import Sequence

import ipywidgets as w

from tiltyard.datasets.dataset import Dataset
from tiltyard.defense import Defense
from tiltyard.targets.target import Target

from ..controls.picker import Choice
from ..theme import look, plain
from ..views.outcome import OutcomeView
from .panel import Panel
from .step_runner import Bound, StepRunner
from .steps import listed, runnable


class TopicPanel(Panel):
    """All checks and defenses of one topic; third parties' too, for it reads the catalogue."""

    topic = ""
    first = ""

    def build(self) -> Sequence[w.Widget]:
        from tiltyard.catalogue import TOPICS, topic_of

        from .steps import available

        self.title = TOPICS[self.topic]
        steps = {s.id: s for s in available() if topic_of(s) == self.topic}
        self.steps = steps
        self._for: tuple[Target | None, Dataset | None] = (None, None)
        first = self._opening()
        self.choice = Choice(label="Check or defense", options=listed(steps, self.session), value=first)
        self.choice.observe(lambda _: self._choose(self.choice.value), "value")
        self.column = plain.VBox()
        self.column.add_class("ty-column")
        self.results = look.stack([])
        self.bench = look.split([self.choice, self.column], [self.results])
        self._runners: dict[str, StepRunner] = {}
        self._choose(first)
        return [look.heading(self.title), self.message, *self.above(), self.bench, *self.below()]

    def above(self) -> Sequence[w.Widget]:
        """Widgets between the heading and the two columns."""
        return []

    def below(self) -> Sequence[w.Widget]:
        """Widgets under the two columns."""
        return []

    def _opening(self) -> str:
        """The step that is shown first: of those that can run on this target and data, where there are such."""
        ids = list(self.steps)
        can = [id for id in ids if runnable(self.steps[id], self.session)]
        return self.first_step(can or ids)

    def first_step(self, ids: list[str]) -> str:
        """The step that is shown first."""
        return self.first if self.first in ids else ids[0]

    def runner(self, id: str) -> StepRunner:
        """The column of step ``id``, made when first asked for."""
        if id not in self._runners:
            press = (
                "Not applied yet. Apply the defense to see what it gains."
                if issubclass(self.steps[id], Defense)
                else "Not run yet. Press Run to measure."
            )
            view = OutcomeView(press, self._offer_defense)
            view.observe(lambda change: setattr(self.session, "details", change.new), "unfolded")
            made = self._runners[id] = StepRunner(self.session, self.steps[id], view, self.message, self.bound(id))
            made.settings.observe(lambda _: self._arrange(), "folded")
        return self._runners[id]

    def _choose(self, id: str) -> None:
        runner = self.runner(id)
        runner.view.unfolded = self.session.details
        runner.refresh()
        self.column.children = self.dress(id, runner)
        self._arrange()

    def _arrange(self) -> None:
        """The result beside the settings, or over the whole width where these are folded."""
        id = self.choice.value
        runner = self.runner(id)
        folded = runner.settings.folded
        (self.bench.add_class if folded else self.bench.remove_class)("ty-folded")
        above = self.before(id, runner)
        self.results.children = (*above, runner.stands, runner.view, *([runner.remeasure] if runner.remeasure else []))

    def dress(self, id: str, runner: StepRunner) -> tuple[w.Widget, ...]:
        """What stands in the narrow column for a step; a topic may add to it."""
        return (runner,)

    def bound(self, id: str) -> Bound | None:
        """Controls of its own for a step, or None."""
        return None

    def before(self, id: str, runner: StepRunner) -> tuple[w.Widget, ...]:
        """What stands above the result of a step."""
        return ()

    def _offer_defense(self, defense: str) -> None:
        if defense in self.steps:
            self.choice.value = defense
        else:
            self.open_step(defense)

    def forget(self) -> None:
        self.message.clear()
        for runner in self._runners.values():
            runner.forget()

    def refresh(self) -> None:
        for runner in self._runners.values():
            runner.refresh()
        self.choice.offer(listed(self.steps, self.session))
        self._move_on()
        self._arrange()

    def _move_on(self) -> None:
        """On another target or data, away from a step that cannot run there to one that can."""
        target, data = self.session.target, self.session.data
        if target is self._for[0] and data is self._for[1]:
            return
        self._for = (target, data)
        if not runnable(self.steps[self.choice.value], self.session):
            self.choice.value = self._opening()

"""A topic as a panel: choose a step, see its cost, run it, read the result. Everything follows from the step's fields."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from tiltyard.catalogue import titles
from tiltyard.check import Step, named
from tiltyard.datasets.dataset import Dataset
from tiltyard.defense import Defense
from tiltyard.errors import Problem
from tiltyard.formatting import numbers as numerals
from tiltyard.result import Record
from tiltyard.targets.target import Target

from ..controls.file_field import file_fields
from ..controls.form import Form, form_for
from ..controls.picker import Choice
from ..theme import look
from ..views.message import Message
from ..views.outcome import OutcomeView
from ..views.save_page import SavePage
from ..views.static import page
from .bar import WorkBar
from .remeasure import RemeasureView
from .session import Session
from .settings import Settings
from .steps import instead, listed, runnable
from .work import Work

if TYPE_CHECKING:
    from tiltyard.execution.executors import Executor

    from .still_output import StillOutput


class Panel(w.VBox):
    """A widget over a `Session`, alone in a cell or inside the `Workbench`: ``AttackPanel(model, frame, label="y")``.

    Parameters
    ----------
    target, data, label, sensitive
        What to assess, as `Session` takes it.
    session
        That of a window, instead of one of its own.
    """

    title = "Panel"

    def __init__(
        self,
        target: Any = None,
        data: Any = None,
        session: Session | None = None,
        *,
        label: str | None = None,
        sensitive: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.session = session or Session(target, data, label=label, sensitive=sensitive)
        self._still: StillOutput | None = None
        self._news_of, self._off, self._stale = self.session.about, False, False
        self.add_class("ty-panel")
        self.message = Message()
        first = (look.style(),) if session is None else ()
        built = self.build()
        saving = SavePage(self.saved, f"tiltyard-{self.title.lower().replace(' ', '-')}", self.session.denied("export"))
        self.children = (*first, *built, saving)
        self.session.observe(lambda _: self._news(), "version")
        self._news()

    def _news(self) -> None:
        """Refresh, once it is to be seen. A `Problem` is shown in this panel; it must not end the run whose news this is."""
        self._stale = self._off
        if self._off:
            return
        try:
            if self._news_of != self.session.about:
                self._news_of = self.session.about
                self.forget()
            self.refresh()
        except Problem as problem:
            self.message.say(problem)

    def stage(self, on: bool) -> None:
        """Is it to be seen? A window shows one panel; the others take the news when it is their turn."""
        self._off = not on
        if on and self._stale:
            self._news()

    def build(self) -> Sequence[w.Widget]:
        """The panel's widgets, made once."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **given: Any) -> Any:
        """As ipywidgets shows it; in a notebook with a picture beside it that stays when the kernel is gone."""
        if self._still is None:
            from .still_output import kept

            self._still = kept(self, self.session)
        return super()._repr_mimebundle_(**given)

    def saved(self) -> str:
        """What stands in the panel as one HTML document, without what needs a kernel: charts and tables stay alive."""
        self.session.person.must("export")
        return page(self, f"Tiltyard: {self.title}")

    def refresh(self) -> None:
        """Bring what is shown in line with the session."""

    def heard(self) -> None:
        """Somebody wrote to the store, or the panel is shown again; for panels that show more than the session's standing."""

    def forget(self) -> None:
        """Put away what is of the former target or data, just before `refresh`: files made, links, what was said."""

    def open_step(self, id: str) -> None:
        """Show the panel of a step where a window holds it; say where it stands otherwise."""
        if not self.session.opener(id):
            from tiltyard.catalogue import TOPICS, topic_of

            topic = topic_of(id)
            self.message.say(f"{titles().get(id, id)} stands in the panel {TOPICS.get(topic, topic)}.", level="info")


class Bound(look.Stack):
    """Controls of its own for some parameters of a step; the form leaves these out."""

    names: tuple[str, ...] = ()

    def values(self) -> dict[str, object]:
        """The parameters by name."""
        raise NotImplementedError


class StepRunner(look.Stack):
    """The narrow column for one step: form, cost, run, progress with cancel; and its result view beside."""

    def __init__(self, session: Session, step: type[Step], view: OutcomeView, message: Message, bound: "Bound | None" = None) -> None:
        super().__init__()
        self.bound = bound
        self.session, self.step, self.view, self.message = session, step, view, message
        self.executor: Executor | None = None
        self.shown: Callable[[Record], None] = lambda record: None
        held = bound.names if bound else ()
        only = [name for name in step.model_fields if name not in held]
        self.form: Form[Step] = form_for(step, choices=self._choices(), only=only, person=session.person, main=step.main)
        self.files = file_fields(step, session.person)
        self._given: dict[str, dict[str, Any]] = {}
        self._refused = self._lacks = False
        self._seen: tuple[str | None, str | None] = (None, None)
        watched = [(self.form, "given"), *((c, "wrong") for c in (bound.children if bound else ()) if c.has_trait("wrong"))]
        for control, trait in watched:
            control.observe(lambda _: self._corrected(), trait)
        word = "Apply the defense" if issubclass(step, Defense) else "Run"
        self.button = look.button(word, kind="primary", title=step.title, denied=session.denied("run"))
        self.button.on_click(lambda _: self.run())
        self.progress = WorkBar(session)
        self.remeasure = RemeasureView(session, message) if issubclass(step, Defense) else None
        self.question = look.text(step.question, kind="help")
        self.stands = look.text("", kind="help")
        why = (look.text(self.button.denied, kind="help"),) if self.button.denied else ()
        self.settings = Settings([*([bound] if bound else []), self.form, *self.files.values()])
        self.progress.observe(lambda change: self.settings.fold() if change.new else None, "active")
        buttons = look.row([self.button, self.settings.change])
        self.children = (self.question, buttons, *why, self.progress, self.settings)
        self.add_class("ty-runner")

    def _choices(self) -> dict[str, list[str]]:
        data = self.session.data
        if data is None:
            return {}
        meaning = data.schema
        return {"sensitive": sorted(data.sensitive), "features": [f.name for f in meaning.features], "classes": list(meaning.classes)}

    def refresh(self) -> None:
        """Say what it will cost, or why it cannot run on this target and data."""
        target, data = self.session.target, self.session.data
        self.form.offer(self._choices())
        standing = self.session.standing.steps.get(self.step.id)
        latest = standing.shown if standing else None
        self.stands.say((standing.stands if standing else "") or self._dated(latest))
        if self.session.closed:
            self.button.disabled = True
            self.progress.cost(self.session.closed)
            self.view.show(latest, self.code(latest) if latest else "")
            return
        if target is None or data is None:
            self.button.disabled = True
            self.view.show(None)
            self._put_away()
            return
        reason = self._unmet(target, data)
        self._lacks = bool(reason)
        self.button.disabled = bool(reason)
        self._settle(bool(reason) or latest is not None)
        if reason:
            why = f"{reason[:1].upper()}{reason[1:]}. {instead(self.step, target, data)}"
            self.view.say("not_applicable", why.strip())
            self._put_away()
            return
        if self.progress.work is not None:
            return  # what runs or waits is said, until it has ended
        self.progress.cost(self._cost(target, data))
        self.view.show(latest, self.code(latest) if latest else "")
        if self.remeasure is not None:
            self.remeasure.show(latest)

    def _cost(self, target: Target, data: Dataset) -> str:
        try:
            step = self.step() if self.form.error else self.made()
        except Problem:
            step = self.step()
        return f"{self.session.expected([step], target, data).words}."

    def _dated(self, record: Record | None) -> str:
        """When it was measured, of what was there before this window."""
        old = record is not None and record.started < self.session.opened
        return f"Measured before this window was opened, on {record.started:%Y-%m-%d %H:%M} UTC." if old and record else ""

    def _put_away(self) -> None:
        """Nothing of a defense that is not the present target's stays."""
        if self.remeasure is not None:
            self.remeasure.show(None)

    def forget(self) -> None:
        """Put away what was said of a run on the former target."""
        if not self.progress.active:
            self.progress.finish("")

    def _settle(self, fold: bool) -> None:
        """Fold the settings of what cannot run, or has run, when its target and data are first seen; after that a person opens them."""
        target, data = self.session.target, self.session.data
        seen = (target.fingerprint if target else None, data.fingerprint if data else None)
        if seen != self._seen:
            self._seen = seen
            if fold or self.settings.folded:
                self.settings.fold(fold)

    def _unmet(self, target: Target, data: Dataset) -> str:
        try:
            return "" if self.form.error else self.made().unmet(target, data)
        except Problem:
            return ""  # a wrong value is reported beside its field, and when the step is run

    def _corrected(self) -> None:
        """Values were corrected: take the error away, and look again at whether the step can run."""
        if self._lacks:
            self.refresh()
        if self._refused and not self.form.error:
            self._refused = False
            self.message.clear()

    def made(self) -> Step:
        """The step as form and bound controls say; a `Problem` in one line where a value is wrong."""
        given = {name: field.path for name, field in self.files.items() if field.value}
        return named(self.step, {**self.form.values(), **(self.bound.values() if self.bound else {}), **given})

    def run(self) -> None:
        """Start; bad input is reported in one line and nothing typed is lost."""
        self.message.clear()
        if self.form.error:
            self._refused = True
            self.message.say(self.form.error)
            return
        try:
            step = self.made()
        except Problem as problem:
            self._refused = True
            self.message.say(problem)
            return
        try:
            if self._asked_already(step):
                self.message.say("This step waits or runs with these values already.", level="info")
                return
            work = self.session.start([step], self.progress.report, self._shown, self._over, executor=self.executor)
        except Problem as problem:
            self.message.say(problem)
            return
        self._given[work.id] = step.model_dump()
        self.progress.take(work)
        self._tell(work)

    def _asked_already(self, step: Step) -> bool:
        queue, target, data = self.session.queue, self.session.target, self.session.data
        alike = [work for work in (queue.running, *queue.waiting) if work and self._given.get(work.id) == step.model_dump()]
        return any(work.target == (target and target.identity) and work.data == (data and data.identity) for work in alike)

    def _tell(self, work: Work) -> None:
        if words := self.session.queue.words(work):
            self.view.wait(f"{work.title}: {words[:1].lower()}{words[1:]}.")
        elif not work.over:
            self.view.wait(f"{work.title} is running …")

    def cancel(self) -> None:
        """Stop what this step asked for last, or take it out of the queue."""
        if (work := self.progress.work) is not None:
            self.session.queue.cancel(work.id)

    def _shown(self, record: Record) -> None:
        self.shown(record)
        if not self.session.current(record):
            return  # of a model that was in the header when it was asked for
        self.progress.finish(f"Ended in {numerals.took(record.seconds)}: {record.result.status.value.replace('_', ' ')}")
        self.view.show(record, self.code(record))
        if self.remeasure is not None:
            self.remeasure.show(record)

    def _over(self) -> None:
        if self.session.warning:
            self.message.say(self.session.warning, level="warning")
        if (work := self.progress.work) is not None:
            self._tell(work)
            return
        if self.progress.active:  # it ended without a record
            self.progress.finish("Ended; nothing was concluded")
        self.refresh()

    def code(self, record: Record) -> str:
        """Python that does the same."""
        given = ", ".join(f"{k}={v!r}" for k, v in self.step.present(record.given).items())
        spelling = self.step.spelling()
        name, result = ("outcome", "outcome.record.result") if issubclass(self.step, Defense) else ("record", "record.result")
        return f"{spelling.imports}\n\n{name} = {spelling.name}({given})(target, data)\nprint({result}.summary)\n"


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
        self.column = w.VBox()
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

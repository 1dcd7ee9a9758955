"""The narrow column for one step: form, cost, run, progress with cancel. Everything follows from the step's fields."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tiltyard.check import Step, named
from tiltyard.datasets.dataset import Dataset
from tiltyard.defense import Defense
from tiltyard.errors import Problem
from tiltyard.formatting import numbers as numerals
from tiltyard.result import Record
from tiltyard.targets.target import Target

from ..controls.file_field import file_fields
from ..controls.form import Form, form_for
from ..theme import look
from ..views.message import Message
from ..views.outcome import OutcomeView
from .bar import WorkBar
from .remeasure import RemeasureView
from .session import Session
from .settings import Settings
from .steps import instead
from .work import Work

if TYPE_CHECKING:
    from tiltyard.execution.executors import Executor

RECKONING = "How long it takes is being worked out …"


class Bound(look.Stack):
    """Controls of its own for some parameters of a step; the form leaves these out."""

    names: tuple[str, ...] = ()

    @property
    def settled(self) -> bool:
        """Are `values` there without waiting?"""
        return True

    def values(self) -> dict[str, object]:
        """The parameters by name."""
        raise NotImplementedError


class StepRunner(look.Stack):
    """The narrow column for one step: form, cost, run, progress with cancel; and its result view beside."""

    def __init__(self, session: Session, step: type[Step], view: OutcomeView, message: Message, bound: Bound | None = None) -> None:
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
        self._reckoning: object = None
        watched = [(self.form, "given"), *((c, "wrong") for c in (bound.children if bound else ()) if c.has_trait("wrong"))]
        for control, trait in watched:
            control.observe(lambda _: self._corrected(), trait)
        word = "Apply the defense" if issubclass(step, Defense) else "Run"
        self.button = look.button(word, kind="primary", title=step.title, denied=session.denied("run"))
        self.button.on_click(lambda _: self.run())
        self.progress = WorkBar(session)
        self.progress.begun = self._tell
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
        self._reckon(target, data)
        self.view.show(latest, self.code(latest) if latest else "")
        if self.remeasure is not None:
            self.remeasure.show(latest)

    def _reckon(self, target: Target, data: Dataset) -> None:
        """Say what it will take, as soon as that is known."""
        self._reckoning = turn = object()
        self.progress.cost(RECKONING)

        def say(words: str) -> None:
            if turn is self._reckoning and self.progress.message == RECKONING:
                self.progress.cost(words)

        self.session.reckoned(lambda: [self._presumed()], target, data, say)

    def _presumed(self) -> Step:
        """The step as it stands; with what is usual where a value is wrong."""
        try:
            return self.step() if self.form.error else self.made()
        except Problem:
            return self.step()

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
            return "" if self.form.error else self.made(wait=False).unmet(target, data)
        except Problem:
            return ""  # a wrong value is reported beside its field, and when the step is run

    def _corrected(self) -> None:
        """Values were corrected: take the error away, and look again at whether the step can run."""
        if self._lacks:
            self.refresh()
        if self._refused and not self.form.error:
            self._refused = False
            self.message.clear()

    def made(self, wait: bool = True) -> Step:
        """The step as form and bound controls say; a `Problem` in one line where a value is wrong. Without ``wait``, controls that are not settled say nothing."""
        given = {name: field.path for name, field in self.files.items() if field.value}
        bound = self.bound.values() if self.bound and (wait or self.bound.settled) else {}
        return named(self.step, {**self.form.values(), **bound, **given})

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
            self.view.wait(f"{work.title}: {words[:1].lower()}{words[1:]}.", "waiting")
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

"""What all panels of one window share: target, data, and what was measured of them."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import traitlets as t

from tiltyard.access.person import Person, me
from tiltyard.access.roles import Action, reason
from tiltyard.check import Step
from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.progress import Progress, Report
from tiltyard.result import Record
from tiltyard.targets.target import Target

from .known_records import KnownRecords, News

if TYPE_CHECKING:
    from tiltyard.assessment.standing import Standing
    from tiltyard.comparison.remeasure import Remeasured
    from tiltyard.execution.executors import Executor
    from tiltyard.execution.job import Job
    from tiltyard.store.lines import Run
    from tiltyard.store.store import Store

Listener = Callable[[Report], None]
T = TypeVar("T")

# Without an event loop several threads show what they found: one after the other, as a loop would let them.
SHOWING = threading.RLock()


class Former(NamedTuple):
    """The target from before a defense: what `Session.undo` brings back."""

    defense: str
    target: Target
    data: Dataset | None
    run: "Run | None"
    source: dict[str, str]


class Session(t.HasTraits):
    """Shared state. Observe ``version`` to hear of any change; ``busy`` names what runs.

    Parameters
    ----------
    target, data
        What to assess; either may come later through ``adopt``. A model as `tiltyard.open` opens it and a table are taken too.
    label, sensitive
        Of a table: its label column, and its sensitive columns.
    store
        Where runs are kept; None keeps them in memory only.
    """

    target = t.Instance(Target, allow_none=True, default_value=None)  # type: ignore[call-overload]
    data = t.Instance(Dataset, allow_none=True, default_value=None)
    version = t.Int(0)
    busy = t.Unicode("")
    warning = t.Unicode("")
    details = t.Bool(False, help="are details of results unfolded in this window?")

    def __init__(
        self,
        target: Any = None,
        data: Any = None,
        store: "Store | None" = None,
        label: str | None = None,
        sensitive: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.store = store
        self.person: Person = store.person if store is not None else me()
        self.run: Run | None = None
        self.source: dict[str, str] = {}  # how target and data were loaded, where *Model and data* did it
        self.known = KnownRecords(store)
        self.made: dict[str, Target] = {}
        self.former: list[Former] = []
        self._looking = False
        self._stop: Callable[[], None] | None = None  # cancels what makes the session busy, where that can be cancelled
        self.opener: Callable[[str], bool] = lambda id: False
        self._stands: tuple[tuple[object, ...], Standing] | None = None
        self._loop = _loop()
        if target is not None and data is not None:
            from tiltyard.targets.meeting import meet

            target, data = meet(target, data, label, sensitive)
        if target is not None or data is not None:
            self.adopt(target, data)

    @property
    def records(self) -> list[Record]:
        """Every record of the present target and data that is known, whoever made it, in the order in which they were started."""
        return self.known.records

    def adopt(self, target: Target | None, data: Dataset | None) -> None:
        """Take a target and its data with all that the store knows of them; what was measured of others stays there."""
        self.former = []
        self._turn(target, data, None)

    def go_on(self, defense: Record) -> None:
        """Take the target that ``defense`` made for the present one; `undo` brings that back.

        Raises
        ------
        Problem
            It made none here.
        """
        made = self.made.get(defense.id)
        if made is None or self.target is None:
            raise Problem("a defended model", "none", "Apply the defense first")
        self.former.append(Former(defense.title, self.target, self.data, self.run, self.source))
        self._turn(made, self.data, None)

    def undo(self) -> None:
        """Back to the target from before the last `go_on`; nothing where there was none."""
        if self.former:
            former = self.former.pop()
            self.source = former.source
            self._turn(former.target, former.data, former.run)

    def _turn(self, target: Target | None, data: Dataset | None, run: "Run | None") -> None:
        self.target, self.data, self.run = target, data, run
        self.warning = ""
        try:
            self.known.turn(target.identity if target else None, data.identity if data else None)
            self._left_out()
        except Problem as problem:
            self.warning = f"What was measured before is not shown: {problem}"
        self.version += 1

    def _left_out(self) -> None:
        if broken := self.known.broken:
            more = f", and {len(broken) - 1} more" if len(broken) > 1 else ""
            self.warning = f"Left out, for it is not as it was written: {broken[0]}{more}"

    def look(self) -> None:
        """Take over what other windows and shells wrote of the present target and data since; reads in a thread."""
        if not self._looking:
            self._looking = True
            self.aside(self.known.news, self._heard, self._deaf)

    def _deaf(self, problem: Exception) -> None:
        self._looking = False  # a store that is locked or gone is said where it is written to

    def _heard(self, news: "News | None") -> None:
        self._looking = False
        if news is not None and self.known.take(news):
            self._left_out()
            self.version += 1

    def resume(self, run: "Run", records: Sequence[Record]) -> None:
        """Let new steps join a stored run of the present target and data, whose ``records`` are shown too."""
        self.run = run
        for record in records:
            self.known.add(record)
        self.version += 1

    @property
    def about(self) -> tuple[str, str]:
        """The fingerprints of the present target and data; empty where there is none."""
        return (self.target.fingerprint if self.target else "", self.data.fingerprint if self.data else "")

    @property
    def standing(self) -> "Standing":
        """All that is known of the present target and data; header, rail and panels take their numbers from it."""
        key = (self.version, self.target, self.data, self.records)
        if self._stands is None or any(one is not other for one, other in zip(self._stands[0], key, strict=True)):
            self._stands = (key, self._standing())
        return self._stands[1]

    def _standing(self) -> "Standing":
        from tiltyard.assessment.standing import standing_of
        from tiltyard.catalogue import unmet

        target, data = self.target, self.data
        if target is None or data is None:
            return standing_of((), target.identity if target else None, data.identity if data else None)
        return standing_of(self.records, target.identity, data.identity, unmet(target, data))

    @property
    def latest(self) -> dict[str, Record]:
        """Of each step the record that a panel shows, by id: the newest on the present target and data that was not cancelled."""
        return {id: step.shown for id, step in self.standing.steps.items() if step.shown is not None}

    def current(self, record: Record) -> bool:
        """Is the record about the present target and data, whole or as a threat model shows it?"""
        from tiltyard.assessment.standing import concerns

        return self.target is not None and self.data is not None and concerns(record, self.target.identity, self.data.identity)

    def denied(self, action: Action) -> str:
        """Why the person's role does not allow it, in one sentence, or nothing where it does."""
        return reason(self.person.role, action)

    def ready(self) -> tuple[Target, Dataset]:
        """Target and data, or a `Problem`; also one where something runs or is being loaded already."""
        self.free()
        if self.target is None or self.data is None:
            raise Problem("a target and its data", "none yet", "Load a model and data first")
        self.person.must("run")
        return self.target, self.data

    def free(self) -> None:
        """A `Problem` where something runs or is being loaded."""
        if self.busy:
            raise Problem("one run at a time", self.doing, "Wait for it or cancel it" if self._stop else "Wait for it")

    @property
    def doing(self) -> str:
        """What makes the session busy, as a clause; empty where nothing does."""
        return f"{self.busy} {'are' if self.busy.endswith(' steps') else 'is'} running" if self.busy else ""

    def start(
        self,
        steps: Sequence[Step],
        listen: Listener,
        each: Callable[[Record], None],
        done: Callable[[], None],
        target: Target | None = None,
        executor: "Executor | None" = None,
    ) -> None:
        """Run ``steps`` in a thread, on ``target`` where it is another than the session's (a defended one), where ``executor`` says.

        ``listen`` is called from that thread; ``each`` record and ``done`` on the kernel's own.
        """
        from tiltyard.execution.runner import Runner

        own, data = self.ready()
        steps = [step.settled(self.person) for step in steps]  # before a run is begun for them
        run = None if target else self._kept(own, data)
        kept = self.store if run is not None or target else None
        self.busy = steps[0].title if len(steps) == 1 else f"{len(steps)} steps"
        try:
            job = Runner(kept, executor).start(
                steps,
                target or own,
                data,
                run=run,
                on_progress=listen,
                on_record=lambda record, made: self.on_main(lambda: self._add(record, made, each)),
                on_done=lambda job: self.on_main(lambda: self._over(job, done)),
            )
        except Problem:
            self.busy = ""
            raise
        self._stop = job.cancel

    def remeasure(
        self, defense: Record, listen: Listener, done: "Callable[[Remeasured], None]", failed: Callable[[Exception], None]
    ) -> None:
        """Measure every risk again on the model that ``defense`` made, in a thread; ``done`` or ``failed`` on the kernel's own.

        What it is about is read here, at its start: a model adopted meanwhile has no effect on it.
        """
        from tiltyard.comparison.remeasure import remeasure
        from tiltyard.defense import Outcome
        from tiltyard.execution.runner import Runner

        target, data = self.ready()
        outcome, before = Outcome(defense, self.made.get(defense.id)), list(self.latest.values())
        if outcome.target is None:
            raise Problem("a defended model", "none", "Apply the defense first")
        run = self._kept(target, data)
        runner, progress = Runner(self.store if run is not None else None), Progress(listener=listen)

        def take(record: Record) -> None:
            self.on_main(lambda: self._add(record, None, lambda _: None))

        def shown(found: "Remeasured") -> None:
            self._warn(found.problem, found.unlogged)
            if found.crossed is not None:
                self._keep(found.crossed, run)
            done(found)

        def measure() -> "Remeasured":
            return remeasure(outcome, target, data, before, runner, progress, run=run, on_record=take)

        self.occupied("Measuring every risk again", measure, shown, failed, progress.cancel)

    def cancel(self) -> None:
        """Stop what runs within a second; what is finished stays."""
        if self._stop is not None:
            self._stop()

    def _kept(self, target: Target, data: Dataset) -> "Run | None":
        if self.store is None or self.run is not None:
            return self.run
        try:
            from tiltyard.catalogue import unmet

            config = {"assumed": [*data.assumed, *target.assumptions], "unmet": unmet(target, data)}
            self.run = self.store.begin(f"{target.name} on {data.name}", target.identity, data.identity, config)
        except Problem as problem:
            self.warning = f"Not kept in the history: {problem}"
        return self.run

    def add(self, record: Record) -> None:
        """Take a record that was made of others (the cross-risk table), and keep it in the run; for analysts."""
        self.person.must("run")
        self._keep(record, self.run)

    def _keep(self, record: Record, run: "Run | None") -> None:
        if self.store is not None and run is not None:
            try:
                self.store.add(run.id, record)
            except Problem as problem:
                self.warning = f"Not kept in the history: {problem}"
        self._add(record, None, lambda _: None)

    def _add(self, record: Record, made: Target | None, each: Callable[[Record], None]) -> None:
        self.known.add(record)
        if made is not None:
            self.made[record.id] = made
        self.version += 1
        each(record)

    def _over(self, job: "Job", done: Callable[[], None]) -> None:
        if job.error is not None:
            self.warning = f"The run itself broke: {type(job.error).__name__}: {job.error}"
        else:
            self._warn(job.problem, job.unlogged)
        self._release()
        done()

    def _warn(self, problem: Problem | None, unlogged: str) -> None:
        if problem is not None:
            self.warning = f"Not kept in the history: {problem}"
        elif unlogged:
            self.warning = unlogged

    def _release(self) -> None:
        self.busy, self._stop = "", None
        self.version += 1

    def occupied(
        self,
        name: str,
        function: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[Exception], None],
        stop: Callable[[], None] | None = None,
    ) -> None:
        """As `aside`; until it has ended the session is busy with ``name``, so that no run starts on what is about to change.

        ``stop`` cancels it; None where it cannot be cancelled.
        """
        self.free()
        self.busy, self._stop = name, stop

        def ended(found: T) -> None:
            self._release()
            then(found)

        def broken(problem: Exception) -> None:
            self._release()
            failed(problem)

        self.aside(function, ended, broken)

    def aside(self, function: Callable[[], T], then: Callable[[T], None], failed: Callable[[Exception], None]) -> threading.Thread:
        """Call ``function`` in a thread, then ``then`` on the kernel's own; ``failed`` there with what either of them raised."""

        def shown(found: T) -> None:
            try:
                then(found)
            except Exception as problem:
                failed(problem)

        def body() -> None:
            try:
                found = function()
            except Exception as problem:
                error = problem
                self.on_main(lambda: failed(error))
            else:
                self.on_main(lambda: shown(found))

        thread = threading.Thread(target=body, daemon=True, name="tiltyard aside")
        thread.start()
        return thread

    def on_main(self, function: Callable[[], None]) -> None:
        """Call on the kernel's event loop where there is one, so that widgets are made on its thread."""
        if self._loop is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(function)
        else:
            with SHOWING:
                function()


def _loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None

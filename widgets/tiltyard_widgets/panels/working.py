"""How a window works: its queue, what runs off the kernel's thread, and what comes back to it."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import traitlets as t

from tiltyard.access.person import Person
from tiltyard.check import Step
from tiltyard.datasets.dataset import Dataset
from tiltyard.errors import Problem
from tiltyard.progress import Progress, Report
from tiltyard.result import Record
from tiltyard.targets.target import Target

from .work import Queue, Stop, Work

if TYPE_CHECKING:
    from tiltyard.comparison.remeasure import Remeasured
    from tiltyard.execution.executors import Executor
    from tiltyard.execution.job import Job
    from tiltyard.execution.timing import Expected
    from tiltyard.store.lines import Run, Timing
    from tiltyard.store.store import Store

Listener = Callable[[Report], None]
T = TypeVar("T")
Pair = tuple[str, str]  # fingerprints of target and data
CONCLUDED = ("passed", "finding", "incomplete")

# Without an event loop several threads show what they found: one after the other, as a loop would let them.
SHOWING = threading.RLock()


class Working(t.HasTraits):
    """The part of a `Session` that works. Everything heavy goes through ``queue``, each thing about the target and data it was asked for.

    ``busy`` names what runs or is being loaded; ``closed`` says why the target and data in the header can only be looked at.
    """

    version = t.Int(0)
    busy = t.Unicode("")
    warning = t.Unicode("")
    target: Target | None
    data: Dataset | None
    store: "Store | None"
    person: Person
    run: "Run | None"
    made: dict[str, Target]

    def __init__(self) -> None:
        super().__init__()
        self.runs: dict[Pair, Run] = {}  # the open run of each target and data
        self.sources: dict[Pair, dict[str, Any]] = {}  # how each target and data can be opened again
        self.queue = Queue()
        self.queue.observe(lambda _: self._busied(), "version")
        self.closed = ""
        self._loading = ""
        self._timings: list[Timing] | None = None
        self._loop = _loop()

    @property
    def records(self) -> list[Record]:
        """What is known of the present target and data."""
        raise NotImplementedError

    @property
    def latest(self) -> dict[str, Record]:
        """The last record of each step on the present target and data, by id."""
        raise NotImplementedError

    def _add(self, record: Record, made: Target | None, each: Callable[[Record], None]) -> None:
        raise NotImplementedError

    def _keep(self, record: Record, run_id: str) -> None:
        raise NotImplementedError

    def ready(self) -> tuple[Target, Dataset]:
        """Target and data, or a `Problem`; also one while others are being loaded. What runs is no hindrance: work waits its turn."""
        self.free()
        if self.target is None or self.data is None:
            raise Problem("a target and its data", "none yet", "Load a model and data first")
        if self.closed:
            raise Problem("a model that can be asked", "its records alone", self.closed)
        self.person.must("run")
        return self.target, self.data

    def free(self) -> None:
        """A `Problem` while model and data are being loaded."""
        if self._loading:
            raise Problem("model and data to be there", f"{self._loading} is running", "Wait for it")

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
        title: str = "",
    ) -> Work:
        """Put ``steps`` into the queue, on ``target`` where it is another than the session's (a defended one), where ``executor`` says.

        They run in a thread when their turn comes, now where nothing runs, on the target and data that the session has now. ``listen`` is
        called from that thread; ``each`` record, and ``done`` once however it ends, on the kernel's own.
        """
        own, data = self.ready()
        steps = [step.settled(self.person) for step in steps]  # before a run is begun for them
        about = target or own
        name = title or (steps[0].title if len(steps) == 1 else f"{len(steps)} steps")
        seconds = self.expected(steps, about, data).seconds
        work = Work(name, tuple(step.id for step in steps), about.identity, data.identity, expected=seconds)
        config = self.config(about, data)

        def begin() -> Stop:
            from tiltyard.execution.runner import Runner

            run = None if target else self._kept(own, data, config)
            kept = self.store if run is not None or target else None
            work.run = run.id if run is not None else ""
            job = Runner(kept, executor, lambda run: work.runs.add(run.id)).start(
                steps,
                about,
                data,
                run=run,
                config=config,
                on_progress=lambda report: self._further(work, listen, report),
                on_record=lambda record, made: self.on_main(lambda: self._came(work, record, made, each)),
                on_done=lambda job: self.on_main(lambda: self._over(work, job, done)),
            )
            return job.cancel

        return self.queue.add(work, begin, lambda: self._dropped(work, done))

    def remeasure(
        self, defense: Record, listen: Listener, done: "Callable[[Remeasured], None]", failed: Callable[[Exception], None]
    ) -> Work:
        """Put measuring every risk again, on the model that ``defense`` made, into the queue; ``done`` or ``failed`` on the kernel's own.

        What it is about is read here, at its start: a model adopted meanwhile has no effect on it.
        """
        from tiltyard.comparison.remeasure import remeasure
        from tiltyard.defense import Outcome

        target, data = self.ready()
        outcome, before = Outcome(defense, self.made.get(defense.id)), list(self.latest.values())
        if outcome.target is None:
            raise Problem("a defended model", "none", "Apply the defense first")
        seconds = sum(record.seconds for record in before if record.kind == "check")
        title = f"Every risk again, after {defense.title}"
        work = Work(title, (defense.check,), target.identity, data.identity, expected=seconds or None)
        progress = Progress(listener=lambda report: self._further(work, listen, report))
        config = self.config(target, data)

        def take(record: Record) -> None:
            self.on_main(lambda: self._came(work, record, None, lambda _: None))

        def shown(found: "Remeasured") -> None:
            self._warn(found.problem, found.unlogged)
            if found.crossed is not None:
                self._keep(found.crossed, work.run)
            done(found)

        def measure() -> "Remeasured":
            from tiltyard.execution.runner import Runner

            run = self._kept(target, data, config)
            work.run = run.id if run is not None else ""
            runner = Runner(self.store if run is not None else None, None, lambda run: work.runs.add(run.id))
            return remeasure(outcome, target, data, before, runner, progress, run=run, on_record=take)

        return self.queued(work, measure, shown, failed, progress.cancel)

    def queued(
        self,
        work: Work,
        function: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[Exception], None],
        stop: Stop | None = None,
    ) -> Work:
        """Put a function into the queue; it is called in a thread when its turn comes, then ``then`` or ``failed`` on the kernel's own.

        ``stop`` cancels it; None where it cannot be cancelled. Taken out before its turn, it has ``failed`` told so.
        """

        def ended(found: T) -> None:
            self._end(work, cancelled=work.cancelling)
            then(found)

        def broken(problem: Exception) -> None:
            self._end(work, error="" if work.over else _line(problem))
            failed(problem)

        def begin() -> Stop | None:
            self.aside(function, ended, broken)
            return stop

        def dropped() -> None:
            failed(Problem("its turn", work.error or "that it was taken out of the queue", "Start it again where it is still wanted"))

        return self.queue.add(work, begin, dropped)

    def cancel(self) -> None:
        """Stop what runs within a second; what is finished stays, and what waits goes on."""
        self.queue.stop()

    def expected(self, steps: Sequence[Step], target: Target, data: Dataset) -> "Expected":
        """What these steps will take, by what this machine measured."""
        from tiltyard.execution.timing import all_of, expected, measured

        if self._timings is None:
            self._timings = measured(self.store)
        own = [_timing(record) for record in self.records if self.store is None and record.result.status.value in CONCLUDED]
        return all_of([expected(step, target, data, [*own, *self._timings]) for step in steps])

    def reckoned(self, steps: Callable[[], Sequence[Step]], target: Target, data: Dataset, then: Callable[[str], None]) -> None:
        """``then`` with a sentence of what these steps will take, on the kernel's own thread. Some try a little to tell: in a thread, where a page waits."""

        def words() -> str:
            return f"{self.expected(steps(), target, data).words}."

        if self._loop is None or not self._loop.is_running():
            then(words())
        else:
            self.aside(words, then, lambda _: then("How long it takes could not be told."))

    def config(self, target: Target, data: Dataset) -> dict[str, Any]:
        """What a run of these keeps: what was assumed, and where they come from, so that another window can open them again."""
        from tiltyard.catalogue import unmet

        from .kept_loads import cohorts_of, whole

        source = self.sources.get(pair(target, whole(data)), {})
        known = {"assumed": [*data.assumed, *target.assumptions], "unmet": unmet(target, data)}
        cohorts = [cohort.model_dump(mode="json") for cohort in cohorts_of(data)]
        return known | ({"source": source} if source else {}) | ({"cohorts": cohorts} if source and cohorts else {})

    def _kept(self, target: Target, data: Dataset, config: dict[str, Any] | None = None) -> "Run | None":
        """The run of these, begun where there is none yet; from any thread."""
        about = pair(target, data)
        if self.store is None or about in self.runs:
            return self.runs.get(about)
        try:
            given = self.config(target, data) if config is None else config
            run = self.runs[about] = self.store.begin(f"{target.name} on {data.name}", target.identity, data.identity, given)
        except Problem as problem:
            self.warning = f"Not kept in the history: {problem}"
            return None
        if self.target is target and self.data is data:
            self.run = run
        return run

    def _further(self, work: Work, listen: Listener, report: Report) -> None:
        self.queue.report(work, report)
        listen(report)

    def _came(self, work: Work, record: Record, made: Target | None, each: Callable[[Record], None]) -> None:
        self.queue.has(work)
        self._add(record, made, each)

    def _dropped(self, work: Work, done: Callable[[], None]) -> None:
        if work.error:
            self.warning = work.error
        done()

    def _over(self, work: Work, job: "Job", done: Callable[[], None]) -> None:
        if job.error is not None:
            self.warning = f"The run itself broke: {type(job.error).__name__}: {job.error}"
        else:
            self._warn(job.problem, job.unlogged)
        broken = _line(job.error) if isinstance(job.error, Exception) else str(job.error or "") or _failures(job.records)
        self._end(work, endings(job.records), broken, job.cancelled)
        done()

    def _warn(self, problem: Problem | None, unlogged: str) -> None:
        if problem is not None:
            self.warning = f"Not kept in the history: {problem}"
        elif unlogged:
            self.warning = unlogged

    def _end(self, work: Work, ending: str = "", error: str = "", cancelled: bool = False) -> None:
        self._timings = None
        self.queue.end(work, ending, error, cancelled)
        self.version += 1

    def _busied(self) -> None:
        running = self.queue.running
        self.busy = self._loading or (running.title if running else "")

    def occupied(self, name: str, function: Callable[[], T], then: Callable[[T], None], failed: Callable[[Exception], None]) -> None:
        """As `aside`, for what changes target or data: until it has ended nothing else is loaded, and no run is added to the queue."""
        self.free()
        self._loading = name
        self._busied()

        def release() -> None:
            self._loading = ""
            self._busied()
            self.version += 1

        def ended(found: T) -> None:
            release()
            then(found)

        def broken(problem: Exception) -> None:
            release()
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


def pair(target: Target, data: Dataset) -> Pair:
    """The fingerprints of a target and its data, by which runs and sources are kept."""
    return target.fingerprint, data.fingerprint


def _line(problem: Exception) -> str:
    return str(problem) if isinstance(problem, Problem) else f"{type(problem).__name__}: {problem}"


def endings(records: Sequence[Record]) -> str:
    """How records ended, counted: ``2 passed, 1 finding``; empty for none."""
    counts = Counter(record.result.status.value.replace("_", " ") for record in records)
    return ", ".join(f"{n} {state}" for state, n in counts.items()) if len(records) != 1 else next(iter(counts))


def _failures(records: Sequence[Record]) -> str:
    """Of records that all failed, what the last of them says."""
    failed = [record for record in records if record.result.status.value == "failed"]
    return " ".join(failed[-1].result.summary.split()) if failed and len(failed) == len(records) else ""


def _timing(record: Record) -> "Timing":
    from tiltyard.store.lines import Timing

    return Timing(
        step=record.check, given=record.given, seconds=record.seconds, target=record.target.fingerprint, data=record.data.fingerprint
    )


def _loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None

"""What the store says, in the forms of the API. Everything here may wait for a lock, so the handlers call it in a thread."""

import errno
import os
import re
from pathlib import Path

from tiltyard.catalogue import COMPOSED, topic_of
from tiltyard.comparison.comparison import Comparison, compare
from tiltyard.errors import Problem, Trouble
from tiltyard.reports.findings import described
from tiltyard.result import Record
from tiltyard.store.lines import LIVE, RunLine, StepLine
from tiltyard.store.store import Store
from tiltyard.store.troubles import Locked, problem_of
from tiltyard.version import __version__

from .forms import CancelAnswer, Deleted, Finding, ModelList, RunDetail, RunItem, RunPage, RunsAsked, StepItem, StoreState, Version
from .refusals import Conflict, Unknown

ID = re.compile(r"[0-9a-f]{1,32}|last")
NO_STORE = StoreState(state="missing", detail="No run yet: the first one makes the store.")
WELL = StoreState(state="ok", detail="")


def missing(store: Store) -> bool:
    """Is it a file that is not there yet, for the first run to make? Looking must not make it.

    Raises
    ------
    Trouble
        Where no run could make it, for its folder is gone, or where file or folder may not be read.
    """
    place = store.url
    if "://" in place:
        return False
    try:
        os.stat(place)  # never opened here: to close it again would take SQLite's locks from this process
    except OSError as error:
        if isinstance(error, FileNotFoundError) and Path(place).parent.is_dir():
            return True
        raise problem_of(error, place) from None
    if not os.access(place, os.R_OK):
        raise problem_of(PermissionError(errno.EACCES, "no permission"), place)
    return False


def state_of(store: Store) -> StoreState:
    """Does the store answer? Its place is not shown."""
    try:
        if missing(store):
            return NO_STORE
        store.count()
    except Trouble as trouble:
        return troubled(trouble, store)
    return WELL


def troubled(trouble: Trouble, store: Store) -> StoreState:
    """The trouble as a state, without the store's place."""
    shown = public(trouble, store)
    return StoreState(state="locked" if isinstance(trouble, Locked) else "broken", detail=str(shown))


def public(problem: Problem, store: Store) -> Problem:
    """The problem without the store's place, which is nobody's business."""
    try:
        place = store.url
    except Problem:
        return problem
    expected, found, do = (
        text.replace(f" at {place}", "").replace(f" {place}", "") for text in (problem.expected, problem.found, problem.do)
    )
    return type(problem)(expected, found, do)


def version(store: Store) -> Version:
    """Which Tiltyard, and its store."""
    return Version(tiltyard=__version__, store=state_of(store))


def page(store: Store, asked: RunsAsked) -> RunPage:
    """One page of runs."""
    if missing(store):
        return RunPage(store=NO_STORE, total=0, offset=asked.offset, runs=())
    lines = store.runs(asked.limit, asked.offset, asked.search)
    return RunPage(store=WELL, total=store.count(asked.search), offset=asked.offset, runs=items(store, lines))


def items(store: Store, lines: list[RunLine]) -> tuple[RunItem, ...]:
    """Each run with its progress and severities."""
    ids = [line.id for line in lines]
    underway, severities = store.jobs.underway(ids), store.severities(ids)
    facts = ((dict(line), underway.get(line.id), severities.get(line.id, {})) for line in lines)
    return tuple(RunItem(**line, progress=progress, severities=counts) for line, progress, counts in facts)


def found(store: Store, run_id: str) -> RunItem:
    """The run with this id or beginning of one."""
    if missing(store):
        raise Unknown("the id of a run", "no run at all", "Run a check first")
    if not ID.fullmatch(run_id):
        raise Unknown("the id of a run, or its beginning", ascii(run_id[:40]), "See the list of runs")
    try:
        run = store.run(run_id)
    except Trouble:
        raise
    except Problem as problem:
        raise Unknown(problem.expected, problem.found, problem.do) from None
    kept = {name: getattr(run, name) for name in RunLine.model_fields}
    return items(store, [RunLine(**kept)])[0]


def detail(store: Store, run_id: str) -> RunDetail:
    """One run with its steps and what each found."""
    item = found(store, run_id)
    run = store.run(item.id)
    steps = tuple(_step(line, record) for line, record in _with_records(store, item.id))
    facts = {name: str(run.config.get(name, "")) for name in ("profile", "command")}
    return RunDetail(run=item, versions=run.versions, **facts, steps=steps)


def _with_records(store: Store, run_id: str) -> list[tuple[StepLine, Record | Problem | None]]:
    lines = store.steps(run_id)
    records = store.outcomes(run_id)
    return [(line, records.get(line.token)) for line in lines]


def _step(line: StepLine, record: Record | Problem | None) -> StepItem:
    if isinstance(record, Problem):
        return StepItem(**dict(line), problem=str(record))
    if record is None:
        return StepItem(**dict(line))
    own = line.kind == "check" and topic_of(line.check) not in COMPOSED  # the others repeat findings of checks
    found = described(record.result) if own else ()
    findings = tuple(Finding(**{name: getattr(one, name) for name in Finding.model_fields}) for one in found)
    return StepItem(**dict(line), summary=record.result.summary, seconds=record.seconds, findings=findings)


def cancel(store: Store, run_id: str) -> CancelAnswer:
    """Ask all jobs of a run to stop, in whichever process they are."""
    item = found(store, run_id)
    asked = store.cancel(item.id)
    if not asked:
        raise Conflict("a run with a step under way", f"one that is {item.state} with none", "There is nothing to cancel")
    return CancelAnswer(run=item.id, asked=asked)


def delete(store: Store, run_id: str) -> Deleted:
    """Forget a run that has ended."""
    item = found(store, run_id)
    if item.state in LIVE:
        raise Conflict("a run that has ended", "one that a kernel or shell still has open", "Cancel it, or shut that kernel down")
    return Deleted(run=item.id, unlogged=store.delete(item.id))


def models(store: Store) -> ModelList:
    """The models seen."""
    if missing(store):
        return ModelList(store=NO_STORE, models=())
    return ModelList(store=WELL, models=tuple(store.models()))


def side_by_side(store: Store, before: str, after: str) -> Comparison:
    """Two runs compared."""
    a, b = store.run(found(store, before).id), store.run(found(store, after).id)
    return compare(a, store.records(a.id, latest=True), b, store.records(b.id, latest=True))

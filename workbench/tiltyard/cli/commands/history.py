"""``tiltyard runs``: what was run, and what was cut off."""

from collections import Counter
from datetime import datetime

from ...comparison.trend import TrendList, trends
from ...formatting.numbers import measured
from ...published.listing import RunList
from ...store.lines import BROKEN, CUT_OFF, SIGNS, UNPROVEN, RunLine
from ...store.opening import open_store
from ...store.store import Store
from ..console import emit, remark, say, show_table, unlogged


def show(as_json: bool, limit: int, search: str) -> int:
    """List the runs, newest first."""
    store = open_store()
    lines = store.runs(limit=limit, search=search)
    total = store.count(search)
    if as_json:
        emit(RunList(store=store.url, total=total, runs=tuple(lines)))
        return 0
    if not lines:
        say("No runs yet. Try `tiltyard demo`." if not search else f"No run, model or data is called {search!r}.")
        return 0
    heads = ("run", "started", "name", "target", "data", "state", "verdict", "results", "proof")
    show_table(heads, [_cells(line) for line in lines])
    _tell_doubts(store, lines)
    if total > len(lines):
        remark(f"{len(lines)} of {total:,} runs in {store.url}; --limit shows more.", style="dim")
    for step in store.cut_off()[:5]:
        remark(f"Cut off in run {step.run_id[:8]}: {step.title} ({step.check}), begun {local(step.started)}.", style="yellow")
    return 0


def local(moment: datetime) -> str:
    """A time in this machine's zone."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def _cells(line: RunLine) -> tuple[str, ...]:
    state = "CUT OFF" if line.state == CUT_OFF else line.state
    named = (line.short, local(line.started), line.name, line.target.name, line.data.name)
    return (*named, state, line.verdict, line.sentence, marked(line.proof))


def marked(proof: str) -> str:
    """A sign and a word for whether a run holds."""
    return f"{SIGNS.get(proof, '?')} {proof or UNPROVEN}"


def _tell_doubts(store: Store, lines: list[RunLine]) -> None:
    """Say which runs do not hold, one by one, and how many are not proven, by why."""
    whole = store.doubts()
    for doubt in whole:
        remark(f"✕ {doubt}; see `tiltyard verify {store.url}`.", style="red")
    for line in [line for line in lines if line.proof == BROKEN and line.doubt not in whole][:5]:
        remark(f"✕ Run {line.short}: {line.doubt}; see `tiltyard verify {store.url}`.", style="red")
    for doubt, n in Counter(line.doubt for line in lines if line.proof == UNPROVEN).items():
        remark(f"? {n} run{'s are' if n != 1 else ' is'} {doubt}.", style="yellow")


def forget(name: str) -> int:
    """Delete one run."""
    store = open_store()
    store.person.must("delete")
    run = store.run(name)
    unlogged(store.delete(run.id))
    say(f"Forgot run {run.short} ({run.name}).")
    return 0


def follow(name: str, as_json: bool) -> int:
    """Every number that several runs of the model and data of run ``name`` have measured, run by run."""
    store = open_store()
    run = store.run(name)
    found = trends(store, run)
    if as_json:
        emit(TrendList(target=run.target.name, data=run.data.name, trends=tuple(found)))
        return 0
    if not found:
        say(f"No number was measured by two runs of {run.target.name} on {run.data.name} yet.")
        return 0
    rows = [(t.check, t.label, local(p.started), p.run[:8], measured(p.metric)) for t in found for p in t.points]
    show_table(("check", "number", "started", "run", "value"), rows)
    return 0


def lend(name: str, on: bool) -> int:
    """Let everybody look at a run, or no longer."""
    store = open_store()
    run = store.run(name)
    unlogged(store.share(run.id, on))
    say(f"{'Everybody may look at' if on else 'Only its owner sees'} run {run.short} ({run.name}).")
    return 0

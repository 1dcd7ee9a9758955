"""``tiltyard compare``: two runs or two models side by side."""

from dataclasses import dataclass

from ...assessment.two_models import compare_models, measure_models, refuse_unlike
from ...comparison.comparison import Comparison, MetricChange, compare, shortly
from ...execution.profiles import chosen, steps
from ...execution.runner import Runner
from ...store.opening import open_store
from ..console import emit, progress_bar, remark, say, show_table, unlogged
from ..opened import describe_opened
from .step import opened


@dataclass(frozen=True)
class Measured:
    """On what, and by which checks, two model files are measured; an empty text is an option not given."""

    data: str
    label: str = ""
    sensitive: str = ""
    member: str = ""
    classes: str = ""
    checks: str = ""
    profile: str = "quick"
    seed: int = 0
    keeps: bool = True


def run(before: str, after: str, as_json: bool, models: bool = False) -> int:
    """Compare two runs of the store, or the models of the two."""
    store = open_store()
    a, b = store.run(before), store.run(after)
    found = compare_models(store, a, b) if models else compare(a, store.records(a.id), b, store.records(b.id))
    if as_json:
        emit(found)
        return 0
    for run in (a, b):
        if run.doubt:
            remark(f"? Run {run.short} is {run.doubt}.", style="yellow")
    _show(found, f"{found.before} and {found.after}, on {a.data.name}" if models else f"{a.short} ({a.name}) and {b.short} ({b.name})")
    return 0


def of_models(before: str, after: str, given: Measured, as_json: bool) -> int:
    """Measure two model files on the same rows by the same checks, and compare them."""
    common = {name: getattr(given, name) for name in ("data", "label", "sensitive", "member", "classes")}
    (one, rows), (other, again) = (opened({**common, "model": model}, given.seed) for model in (before, after))
    refuse_unlike(one.identity, rows.identity, other.identity, again.identity)
    for target in (one, other):
        describe_opened(target, rows)
    ids = [id.strip() for id in given.checks.split(",") if id.strip()]
    wanted = chosen(ids, given.profile, given.seed, rows) if ids else steps(given.profile, given.seed, one, rows)
    with progress_bar(not as_json) as tell:
        found, kept = measure_models(one, other, rows, wanted, Runner(open_store() if given.keeps else None), tell)
    emit(found) if as_json else _show(found, f"{found.before} and {found.after}, on {rows.name}")
    for assessment in kept:
        if assessment.run is not None:
            remark(assessment.problem or f"Kept as run {assessment.run.short}.", style="dim")
        unlogged(assessment.unlogged)
    return 2 if any(assessment.problem for assessment in kept) else 0


def _show(found: Comparison, heading: str) -> None:
    say(heading, style="bold")
    _show_changed(found)
    _show_metrics(found)
    for what, checks in (("Only in the first", found.only_before), ("Only in the second", found.only_after)):
        if checks:
            say(f"{what}: {', '.join(checks)}.")


def _show_changed(found: Comparison) -> None:
    if not found.changed:
        say("Target, data, versions and parameters are the same.")
        return
    show_table(("what changed", "before", "after"), [(c.what, shortly(c.before), shortly(c.after)) for c in found.changed])
    say()


def _show_metrics(found: Comparison) -> None:
    rows = [_cells(change) for change in found.metrics]
    if rows:
        show_table(("check", "metric", "before", "after", "difference", "verdict"), rows)
        say(
            "A difference of shares is in percentage points; it is called better or worse only where its 95 % interval leaves out 0.",
            style="dim",
        )


def _cells(change: MetricChange) -> tuple[str, ...]:
    return (change.check, change.label, change.told_before, change.told_after, change.told_difference, change.verdict)

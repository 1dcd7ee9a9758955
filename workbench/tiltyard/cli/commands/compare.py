"""``tiltyard compare``: two runs side by side."""

from ...comparison.comparison import Comparison, MetricChange, compare, shortly
from ...store.opening import open_store
from ..console import emit, remark, say, show_table


def run(before: str, after: str, as_json: bool) -> int:
    """Compare two runs of the store."""
    store = open_store()
    a, b = store.run(before), store.run(after)
    found = compare(a, store.records(a.id), b, store.records(b.id))
    if as_json:
        emit(found)
        return 0
    for run in (a, b):
        if run.doubt:
            remark(f"? Run {run.short} is {run.doubt}.", style="yellow")
    say(f"{a.short} ({a.name}) and {b.short} ({b.name})", style="bold")
    _show_changed(found)
    _show_metrics(found)
    for what, checks in (("Only in the first", found.only_before), ("Only in the second", found.only_after)):
        if checks:
            say(f"{what}: {', '.join(checks)}.")
    return 0


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

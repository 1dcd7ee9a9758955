"""``tiltyard compare``: two runs side by side."""

from ..result import Metric
from ..running.comparison import Comparison, MetricChange, compare
from ..running.store import Store
from .console import emit, measured, say, show_table


def run(before: str, after: str, as_json: bool) -> int:
    """Compare two runs of the store."""
    store = Store()
    a, b = store.run(before), store.run(after)
    found = compare(a, store.records(a.id), b, store.records(b.id))
    if as_json:
        emit(found)
        return 0
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
    show_table(("what changed", "before", "after"), [(c.what, _short(c.before), _short(c.after)) for c in found.changed])
    say()


def _short(text: str | None, most: int = 40) -> str:
    if text is None:
        return "–"
    return text if len(text) <= most else text[: most - 1] + "…"


def _show_metrics(found: Comparison) -> None:
    rows = [_cells(change) for change in found.metrics]
    if rows:
        show_table(("check", "metric", "before", "after", "difference", "verdict"), rows)
        say("A difference is called better or worse only where its 95 % interval leaves out 0.", style="dim")


def _cells(change: MetricChange) -> tuple[str, ...]:
    return (change.check, change.label, _value(change.before), _value(change.after), _gap(change), change.verdict)


def _value(metric: Metric | None) -> str:
    return "–" if metric is None else measured(metric)


def _gap(change: MetricChange) -> str:
    if change.difference is None:
        return "–"
    text = f"{change.difference:+.4g}"
    return text if change.low is None or change.high is None else f"{text} [{change.low:+.4g}, {change.high:+.4g}]"

"""What of a result is seen first, and what waits behind *Details*: the numbers, the picture and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tiltyard.catalogue import find
from tiltyard.check import Step
from tiltyard.errors import Problem
from tiltyard.reports.findings import Described, described
from tiltyard.result import Chart, CheckResult, Evidence, Finding, Gallery, Metric, Record, Severity, Status, Table

MOST = 3
WORST_FIRST = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.INFO)
SETTLES = "What settles it"


@dataclass(frozen=True)
class Action:
    """What to do about a result: a head, a sentence, and the defense or the finding it is about, where there is one."""

    head: str
    advice: str
    finding: Described | None = None
    more: int = 0


@dataclass(frozen=True)
class Layers:
    """A result in two layers: ``metrics``, ``picture`` and ``action`` are seen first, the others on demand."""

    metrics: tuple[Metric, ...]
    picture: Chart | Gallery | Table | None
    action: Action | None
    other_metrics: tuple[Metric, ...]
    other_charts: tuple[Chart, ...]
    other_galleries: tuple[Gallery, ...]
    other_tables: tuple[Table, ...]
    findings: tuple[Described, ...]


def layers(record: Record) -> Layers:
    """How ``record`` is told, by what its step's class says of it; a record of no known step in the order it has."""
    step, result = _step(record.check), record.result
    gravest = sorted(result.findings, key=_rank)
    first = first_numbers(result, step, gravest)
    picture = first_picture(result, step, gravest)
    found = sorted(described(result), key=_rank)
    return Layers(
        metrics=first,
        picture=picture,
        action=action(record, found),
        other_metrics=tuple(m for m in result.metrics if m not in first),
        other_charts=tuple(c for c in result.charts if c is not picture),
        other_galleries=tuple(g for g in result.galleries if g is not picture),
        other_tables=tuple(t for t in result.tables if t is not picture),
        findings=tuple(found),
    )


def _rank(finding: Finding) -> int:
    return WORST_FIRST.index(finding.severity)


def _step(id: str) -> type[Step] | None:
    try:
        return find(id)
    except Problem:
        return None


def first_numbers(result: CheckResult, step: type[Step] | None, found: Sequence[Finding] = ()) -> tuple[Metric, ...]:
    """At most three: the headline, what the gravest finding rests on, those that the class leads with, then the others in order.

    Of a headline that there is for each column or attack it is that of the finding. What was measured comes before what was not.
    """
    rested = _evidence(found, "metrics")
    proof = [metric for name in rested for metric in result.metrics if metric.name == name]
    headline = step.headline_of(result) if step and (step.headline or not step.leads) else None
    if headline and step and headline.name != step.headline:
        headline = next((metric for metric in proof if metric.name.startswith(f"{step.headline}_")), headline)
    leads = [metric for lead in (step.leads if step else ()) for metric in _named(result, lead)]
    open_question = [
        metric for metric in result.metrics if step and step.headline and metric.name.startswith(step.headline) and headline is None
    ]
    order = sorted(result.metrics, key=lambda metric: metric.value is None)
    chosen: list[Metric] = []
    for metric in [*([headline] if headline else open_question), *proof, *leads, *order]:
        if metric not in chosen:
            chosen.append(metric)
    return tuple(chosen[:MOST])


def _named(result: CheckResult, lead: str) -> list[Metric]:
    """The metric of this name; where there is none those whose names begin so."""
    exact = [metric for metric in result.metrics if metric.name == lead]
    return exact or [metric for metric in result.metrics if metric.name.startswith(f"{lead}_")]


def _evidence(found: Sequence[Finding], kind: Literal["metrics", "charts"]) -> tuple[str, ...]:
    """What the first of ``found`` names as its evidence."""
    evidence = found[0].evidence if found else None
    return (evidence.metrics if kind == "metrics" else evidence.charts) if isinstance(evidence, Evidence) else ()


def first_picture(result: CheckResult, step: type[Step] | None, found: Sequence[Finding] = ()) -> Chart | Gallery | Table | None:
    """The chart or gallery that the class names, else the gravest finding; else the first gallery, for an attack on images is seen; else the first chart.

    Of a record that sums up others, as a campaign's matrix, it is the first table.
    """
    tables = result.tables if step is None else ()
    pictures: Sequence[Chart | Gallery | Table] = [*(g for g in result.galleries if g.rows), *result.charts, *tables]
    wanted = [step.picture] if step and step.picture else _evidence(found, "charts")
    return next((p for name in wanted for p in pictures if p.name == name), next(iter(pictures), None))


def action(record: Record, found: Sequence[Described]) -> Action | None:
    """The gravest finding's advice; of an incomplete result what would settle it; nothing to do where it passed."""
    status, result = record.result.status, record.result
    if status is Status.FINDING or (found and status is Status.INCOMPLETE):
        return Action("What to do", found[0].advice, found[0], len(found) - 1)
    if status is Status.INCOMPLETE:
        return Action("What would settle it", settled_by(result))
    if status is Status.FAILED:
        return Action("What to do", "Correct what the sentence names, then run it again.")
    if status is Status.CANCELLED:
        return Action("What to do", "Run it again, or with fewer rows where it took too long.")
    if status is not Status.PASSED:
        return None
    if record.kind == "defense":
        return Action("What to do", "Measure every risk again before you go on with it: what helps against one can cost another.")
    return Action("What to do", "Nothing: it passed.", more=len(found))


def settled_by(result: CheckResult) -> str:
    """What an incomplete result lacks, in its own words."""
    settling = [note for note in result.notes if note.startswith(SETTLES)]
    lacking = _lacking([metric for metric in result.metrics if metric.value is None and metric.note])
    answers = [*(note.removeprefix(f"{SETTLES}: ") for note in settling), *lacking[:MOST], *result.notes]
    if not answers:
        return "More rows or a larger budget: set them and run it again."
    return f"{answers[0][:1].upper()}{answers[0][1:]}" if settling or not lacking else " ".join(lacking[:MOST])


def _lacking(metrics: Sequence[Metric]) -> list[str]:
    """What keeps numbers from being measured, a sentence for each reason, however many numbers share it."""
    sharing: dict[str, list[str]] = {}
    for metric in metrics:
        sharing.setdefault(metric.note, []).append(metric.label)
    more = {note: f" and {len(labels) - 1} more" if len(labels) > 1 else "" for note, labels in sharing.items()}
    return [f"{labels[0]}{more[note]}: {note}." for note, labels in sharing.items()]

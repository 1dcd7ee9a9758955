"""What fell in a campaign: one row for each attack, mapped to MITRE ATLAS and OWASP; and what was not tried, and why."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from ..catalogue import topic_of
from ..check import versions
from ..comparison.comparison import latest
from ..datasets.dataset import Dataset
from ..formatting.numbers import labeled
from ..result import CheckResult, Column, Evidence, Finding, Metric, Record, Severity, Status, Table
from ..targets.target import Target
from .campaign import GOALS, Plan, Planned
from .rules import own

ID = "campaign.matrix"
TITLE = "Red-team campaign"
FELL = {
    Status.FINDING: "fell",
    Status.PASSED: "held",
    Status.INCOMPLETE: "not settled",
    Status.NOT_APPLICABLE: "not tried",
    Status.FAILED: "broke off",
    Status.CANCELLED: "cancelled",
}
SETTLED = (Status.FINDING, Status.PASSED)
NAMES = {topic: goal for goal, topic in GOALS.items()}
COLUMNS = (
    Column(name="Goal"),
    Column(name="Attack"),
    Column(name="Outcome"),
    Column(name="Measured"),
    Column(name="ATLAS"),
    Column(name="OWASP"),
    Column(name="Rows asked", kind="integer"),
)
MOST = 50
PREFERRED = ("robust_accuracy", "gap", "fidelity")


def matrix(records: Sequence[Record], plan: Plan | None = None) -> CheckResult:
    """The matrix of ``records``, the last of each attack; with ``plan`` also what is left to run and what was left out.

    An attack *fell* where its check has a finding, *held* where it passed; what did not end is neither.
    """
    last = latest(records)
    fell = [r for r in last if r.result.status is Status.FINDING]
    settled = [r for r in last if r.result.status in SETTLED]
    done = {r.check for r in last}
    waiting = [p for p in plan.steps if p.id not in done] if plan else []
    return CheckResult(
        status=_status(fell, settled, last, len(waiting)),
        summary=_summary(fell, settled, last, len(waiting), plan),
        metrics=_metrics(fell, settled, records),
        findings=tuple(
            _finding(goal, [r for r in fell if topic_of(r.check) == topic])
            for goal, topic in GOALS.items()
            if any(topic_of(r.check) == topic for r in fell)
        ),
        tables=(_table(last, plan), *((_left(plan),) if plan and plan.left_out else ())),
        notes=(
            *(plan.threat.renaming_notes if plan else ()),
            "Held means that this attack with these parameters found nothing; a stronger one may.",
            *(f"{r.title} did not settle: {r.result.summary}" for r in last if r.result.status is Status.INCOMPLETE),
        ),
    )


def _status(fell: list[Record], settled: list[Record], last: list[Record], waiting: int) -> Status:
    if fell:
        return Status.FINDING
    return Status.PASSED if settled and len(settled) == len(last) and not waiting else Status.INCOMPLETE


def _summary(fell: list[Record], settled: list[Record], last: list[Record], waiting: int, plan: Plan | None) -> str:
    who = f"An attacker ({plan.threat.words})" if plan else "The attacker"
    if not last:
        return f"{who} has no attack to try here." if plan and not plan.steps else "Nothing was run yet."
    parts = [f"{who} gained something in {len(fell)} of {len(settled)} attacks that ended"]
    if open := len(last) - len(settled):
        parts.append(f"{open} did not settle")
    if waiting:
        parts.append(f"{waiting} planned {'is' if waiting == 1 else 'are'} not run yet")
    if plan and plan.left_out:
        parts.append(f"{len(plan.left_out)} could not be tried under this threat model")
    return "; ".join(parts) + "."


def _metrics(fell: list[Record], settled: list[Record], records: Sequence[Record]) -> tuple[Metric, ...]:
    return (
        Metric(name="fell", label="Attacks that gained something", value=float(len(fell)), unit=f"of {len(settled)}", safer="lower"),
        Metric(name="queries", label="Rows asked in all", value=float(sum(r.queries for r in records)), unit="rows"),
        Metric(name="seconds", label="Time in all", value=sum(r.seconds for r in records), unit="s"),
    )


def _finding(goal: str, fell: list[Record]) -> Finding:
    order = list(Severity)
    worst = max((f.severity for r in fell for f in r.result.findings), key=order.index)
    first = next(f for r in fell for f in r.result.findings if f.severity is worst)
    ids = tuple(dict.fromkeys(id for r in fell for id in r.standards if id.startswith(("AML.", "OWASP"))))
    told = "; ".join(f"{r.title}: {r.result.summary}" for r in fell[:3])
    words = {
        "evade": "Predictions were evaded",
        "infer": "Training data was inferred",
        "steal": "The model was stolen",
        "poison": "Training was poisoned",
    }
    return Finding(
        key=goal,
        title=f"{words[goal]} by {len(fell)} attack{'s' * (len(fell) != 1)}",
        severity=worst,
        evidence=Evidence(tables=("matrix",), sentence=told),
        advice=first.advice,
        standards=ids,
        defense=first.defense,
    )


def _table(last: list[Record], plan: Plan | None) -> Table:
    done = {r.check for r in last}
    rows = [_row(r) for r in sorted(last, key=lambda r: list(GOALS.values()).index(topic_of(r.check)) if topic_of(r.check) in NAMES else 9)]
    rows += [_waiting(p) for p in (plan.steps if plan else ()) if p.id not in done]
    marked = tuple((i, 2) for i, row in enumerate(rows) if row[2] == "fell")[:MOST]
    return Table(
        name="matrix",
        title="What fell",
        columns=COLUMNS,
        rows=tuple(rows[:MOST]),
        marked=marked,
        total=len(rows),
        note="Ids of MITRE ATLAS techniques and of the OWASP Machine Learning Security Top 10.",
    )


def _row(r: Record) -> tuple[str | float | int | bool | None, ...]:
    return (
        NAMES.get(topic_of(r.check), topic_of(r.check)),
        r.title,
        FELL[r.result.status],
        measured(r),
        _ids(r.standards, "AML."),
        _ids(r.standards, "OWASP"),
        r.queries,
    )


def _waiting(p: Planned) -> tuple[str | float | int | bool | None, ...]:
    return (p.goal, p.title, "not run yet", "–", _ids(p.standards, "AML."), _ids(p.standards, "OWASP"), None)


def measured(r: Record) -> str:
    """The number of a record that says what was gained, with its interval and n; its sentence where it has none."""
    told = [m for m in r.result.metrics if m.value is not None and m.safer != "none"]
    if not told:
        return r.result.summary
    m = next((m for m in told if m.name in PREFERRED), told[0])
    return labeled(m)


def _ids(standards: Sequence[str], prefix: str) -> str:
    return ", ".join(id.removeprefix("OWASP ") for id in standards if id.startswith(prefix)) or "–"


def _left(plan: Plan) -> Table:
    columns = (Column(name="Goal"), Column(name="Attack"), Column(name="Why not"))
    rows = tuple((one.goal, one.title, one.reason) for one in plan.left_out)
    return Table(name="left_out", title="Not tried", columns=columns, rows=rows[:MOST], total=len(rows))


def campaign_record(plan: Plan, target: Target, data: Dataset, records: Sequence[Record]) -> Record:
    """The matrix of a campaign as a record about ``target`` itself, for the store and the report."""
    mine = own(plan, target, records)
    ids = sorted({id for r in mine for id in r.standards if id.startswith(("AML.", "OWASP"))})
    return Record(
        id=uuid.uuid4().hex,
        check=ID,
        title=f"{TITLE}: {plan.threat.words}",
        result=matrix(mine, plan),
        given=plan.threat.model_dump(mode="json", include=set(plan.threat.model_fields_set)),
        effective={"plan": plan.model_dump(mode="json"), "records": [r.id for r in mine]},
        seed=next((r.seed for r in mine), 0),
        target=target.identity,
        data=data.identity,
        versions=versions(),
        started=min((r.started for r in mine), default=datetime.now(UTC)),
        seconds=sum(r.seconds for r in mine),
        queries=sum(r.queries for r in mine),
        standards=tuple(ids),
    )

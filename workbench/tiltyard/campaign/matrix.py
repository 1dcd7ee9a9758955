"""The outcome of a campaign: one row for each attack, mapped to MITRE ATLAS and OWASP; and what was not tried, and why."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from ..catalogue import checks, topic_of
from ..check import CampaignGoal, Check, versions
from ..comparison.comparison import latest
from ..datasets.dataset import Dataset
from ..formatting.numbers import labeled
from ..result import CheckResult, Column, Evidence, Finding, Metric, Record, Severity, Status, Table
from ..targets.target import Target
from .campaign import GOALS, Plan, Planned
from .rules import own

ID = "campaign.matrix"
TITLE = "Red-team campaign"
OUTCOMES = {
    Status.FINDING: "succeeded",
    Status.PASSED: "held",
    Status.INCOMPLETE: "not settled",
    Status.NOT_APPLICABLE: "not tried",
    Status.FAILED: "broke off",
    Status.CANCELLED: "cancelled",
}
SETTLED = (Status.FINDING, Status.PASSED)
GAINED: dict[CampaignGoal | None, str] = {
    "evade": "Predictions were evaded",
    "infer": "Training data was inferred",
    "steal": "The model was stolen",
    "poison": "Training was poisoned",
    None: "The model was attacked",
}
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


def matrix(records: Sequence[Record], plan: Plan | None = None) -> CheckResult:
    """The matrix of ``records``, the last of each attack; with ``plan`` also what is left to run and what was left out.

    An attack *succeeded* where its check has a finding and *held* where it passed; what did not end is neither.
    """
    last = latest(records)
    successful = [r for r in last if r.result.status is Status.FINDING]
    settled = [r for r in last if r.result.status in SETTLED]
    done = {r.check for r in last}
    waiting = [p for p in plan.steps if p.id not in done] if plan else []
    return CheckResult(
        status=_status(successful, settled, last, len(waiting)),
        summary=_summary(successful, settled, last, len(waiting), plan),
        metrics=_metrics(successful, settled, records),
        findings=tuple(_finding(goal, mine) for goal in (*GOALS, None) if (mine := [r for r in successful if goal_of(r.check) == goal])),
        tables=(_table(last, waiting), *((_left(plan),) if plan and plan.left_out else ())),
        notes=(
            *(plan.threat.renaming_notes if plan else ()),
            *_chains(last),
            "Held means that this attack with these parameters found nothing; a stronger one may.",
            *(f"{r.title} did not settle: {r.result.summary}" for r in last if r.result.status is Status.INCOMPLETE),
        ),
    )


def _chains(last: Sequence[Record]) -> list[str]:
    """Which attack used what another was answered, with the ATLAS techniques of both."""
    by_id = {r.check: r for r in last}
    found = []
    for r in last:
        own = next((m.value for m in r.result.metrics if m.name == "asked_for_copy"), None)
        sources = [id for id in getattr(checks().get(r.check), "feeds_on", ()) if id in by_id]
        if own == 0 and sources:
            first = by_id[sources[0]]
            found.append(
                f"Chain: {first.title} ({_ids(first.standards, 'AML.')}) gave the copy for {r.title} ({_ids(r.standards, 'AML.')}), which asked no row to train one."
            )
    return found


def goal_of(check: str) -> CampaignGoal | None:
    """The campaign goal of the check with this id; None where it has none, or is not registered here."""
    step = checks().get(check)
    return step.campaign_goal if step else None


def _status(successful: list[Record], settled: list[Record], last: list[Record], waiting: int) -> Status:
    if successful:
        return Status.FINDING
    return Status.PASSED if settled and len(settled) == len(last) and not waiting else Status.INCOMPLETE


def _summary(successful: list[Record], settled: list[Record], last: list[Record], waiting: int, plan: Plan | None) -> str:
    who = f"An attacker ({plan.threat.words})" if plan else "The attacker"
    if not last:
        return f"{who} has no attack to try here." if plan and not plan.steps else "Nothing was run yet."
    parts = [f"{who} gained something in {len(successful)} of {len(settled)} attacks that ended"]
    if open := len(last) - len(settled):
        parts.append(f"{open} did not settle")
    if waiting:
        parts.append(f"{waiting} planned {'is' if waiting == 1 else 'are'} not run yet")
    if plan and plan.left_out:
        parts.append(f"{len(plan.left_out)} could not be tried under this threat model")
    return "; ".join(parts) + "."


def _metrics(successful: list[Record], settled: list[Record], records: Sequence[Record]) -> tuple[Metric, ...]:
    count, of = float(len(successful)), f"of {len(settled)}"
    return (
        Metric(name="successful_attacks", label="Successful attacks", value=count, unit=of, safer="lower"),
        Metric(name="queries", label="Rows asked in all", value=float(sum(r.queries for r in records)), unit="rows"),
        Metric(name="seconds", label="Time in all", value=sum(r.seconds for r in records), unit="s"),
    )


def _finding(goal: CampaignGoal | None, successful: list[Record]) -> Finding:
    order = list(Severity)
    worst = max((f.severity for r in successful for f in r.result.findings), key=order.index)
    first = next(f for r in successful for f in r.result.findings if f.severity is worst)
    ids = tuple(dict.fromkeys(id for r in successful for id in r.standards if id.startswith(("AML.", "OWASP"))))
    summaries = "; ".join(f"{r.title}: {r.result.summary}" for r in successful[:3])
    return Finding(
        key=goal or "attack",
        title=f"{GAINED[goal]} by {len(successful)} attack{'s' * (len(successful) != 1)}",
        severity=worst,
        evidence=Evidence(tables=("matrix",), sentence=summaries),
        advice=first.advice,
        standards=ids,
        defense=first.defense,
    )


def _table(last: list[Record], waiting: list[Planned]) -> Table:
    order = (*GOALS, None)
    ran = sorted(last, key=lambda r: order.index(goal_of(r.check)))
    rows = [*map(_row, ran), *map(_waiting, waiting)]
    return Table(
        name="matrix",
        title="Outcome of each attack",
        columns=COLUMNS,
        rows=tuple(rows[:MOST]),
        marked=tuple((i, 2) for i, r in enumerate(ran[:MOST]) if r.result.status is Status.FINDING),
        total=len(rows),
        note="Ids of MITRE ATLAS techniques and of the OWASP Machine Learning Security Top 10.",
    )


def _row(r: Record) -> tuple[str | float | int | bool | None, ...]:
    return (
        goal_of(r.check) or topic_of(r.check),
        r.title,
        OUTCOMES[r.result.status],
        measured(r),
        _ids(r.standards, "AML."),
        _ids(r.standards, "OWASP"),
        r.queries,
    )


def _waiting(p: Planned) -> tuple[str | float | int | bool | None, ...]:
    return (p.goal, p.title, "not run yet", "–", _ids(p.standards, "AML."), _ids(p.standards, "OWASP"), None)


def measured(r: Record) -> str:
    """The headline of a record with its interval and n, without the attack's name; its sentence where it has no number."""
    metric = checks().get(r.check, Check).headline_of(r.result)
    return labeled(metric).replace(f"({r.title}, ", "(", 1) if metric else r.result.summary


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

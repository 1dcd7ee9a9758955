"""The result of a membership inference attack, from its scores: AUC, TPR at fixed FPR, ROC, risk by record and by group, severity."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..formatting.numbers import percent
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Status, Table
from ..statistics.intervals import LEVEL, clopper_pearson
from ..statistics.majority import Skill
from ..statistics.roc import tpr_interval
from ..statistics.ruling import Limit, ruling
from .membership import Halves, Mask, Roc, Scores, auc, checked, halves, roc, tpr_at

STANDARDS = ("OWASP ML04:2023", "AITG-MOD-04", "AML.T0024.000", "NISTAML.033", "EU AI Act Art. 15(5)", "AI RMF MEASURE 2.10")
FEW = 100
ABOVE, ACCEPTED_TPR = 0.05, 0.02
HELP_ABOVE = "How far above guessing (0.5) the AUC and the accuracy of one threshold may lie, by the ends of their intervals"
HELP_TPR = "Share of members found at 1 % false alarms that is accepted, by the end of its interval; guessing finds 0.01"
SURE = 1 - 0.05 / 3
ADVICE = (
    "Train privately (DP-SGD), regularize or stop earlier, and give out labels or coarse scores instead of full ones; "
    "measure again after any change"
)
STEPS: tuple[tuple[Severity, float, float], ...] = (
    (Severity.CRITICAL, 0.85, 0.20),
    (Severity.HIGH, 0.65, 0.05),
    (Severity.MEDIUM, 0.55, 0.02),
)


@dataclass(frozen=True)
class Attacked:
    """Scores of the rows that were attacked, and what is known of them.

    ``rows`` are their places in the data set; ``groups`` sensitive columns; ``shown`` more columns for the table of records;
    ``skill`` how well the model does on the members, where their classes are known.
    """

    scores: Scores
    member: Mask
    rows: NDArray[np.intp] | None = None
    groups: dict[str, NDArray[np.str_]] = field(default_factory=dict)
    shown: tuple[tuple[Column, tuple[Any, ...]], ...] = ()
    skill: Skill | None = None


@dataclass(frozen=True)
class Accepted:
    """What leak is accepted: AUC and accuracy of one threshold ``above`` 0.5, and ``tpr``, members found at 1 % false alarms; shares."""

    above: float = ABOVE
    tpr: float = ACCEPTED_TPR


def enough(accepted: float) -> int:
    """Rows of which one at least shows a leak of the size ``accepted`` in 95 % of draws (the rule of three), and never fewer than `FEW`."""
    return max(FEW, math.ceil(3 / accepted))


def open_ends(few: int, accepted: float, skill: Skill | None = None) -> tuple[str, ...]:
    """What is missing for a pass: rows on the smaller side, and a model that learned, each as a clause."""
    found = []
    if few < enough(accepted):
        found.append(f"only {few:,} rows on the smaller side, too few to say that nothing leaks (at least {enough(accepted):,})")
    if skill is not None and not skill.learned:
        found.append(skill.unlearned.rstrip("."))
    return tuple(found)


def report(
    it: Attacked, attack: str, rng: np.random.Generator, notes: tuple[str, ...] = (), accepted: Accepted = Accepted()
) -> CheckResult:
    """The whole answer of one attack, called ``attack`` in its sentence.

    It passes where AUC, accuracy of one threshold and TPR at 1 % FPR are within what is ``accepted`` by the upper ends of their intervals;
    a finding is one whose lower end is beyond.
    """
    scores, member = checked(it.scores, it.member)
    area = auc(scores, member)
    low_rates = [tpr_at(scores, member, rate) for rate in (0.001, 0.01)]
    split = halves(scores, member, rng) if min(member.sum(), (~member).sum()) >= 2 else None
    of_halves = _of_halves(split) if split else []
    metrics = [area, *(m for m, _ in low_rates), *of_halves]
    few = min(int(member.sum()), int((~member).sum()))
    grade = _severity(scores, member, split)
    sentence = _sentence(attack, area, low_rates[1][0], grade)
    ruled = ruling(
        _limits([area, *of_halves[1:]], low_rates[1][0], accepted, len(scores)), open_ends=open_ends(few, accepted.above, it.skill)
    )
    findings: tuple[Finding, ...] = ()
    if ruled.status is Status.FINDING:
        findings = (
            Finding(
                title="Rows that the model was trained on can be distinguished from others",
                severity=grade or Severity.LOW,
                evidence=Evidence(metrics=("auc", "tpr_at_1pct", "advantage"), charts=("roc",)),
                advice=ADVICE,
                standards=STANDARDS,
                defense="privacy.dp_sgd",
            ),
        )
    tables = [_records(it, scores, member)] if it.rows is not None else []
    if it.groups:
        tables.append(_by_group(it, scores, member))
    charts = (_chart(roc(scores, member), scores, member, attack),)
    return CheckResult(
        status=ruled.status,
        summary=f"{sentence} {ruled.sentence}",
        metrics=tuple(metrics),
        findings=findings,
        tables=tuple(tables),
        charts=charts,
        notes=(*ruled.notes, *notes),
    )


def _limits(above: list[Metric], tpr: Metric, accepted: Accepted, n: int) -> list[Limit]:
    """What is accepted of each; all count ``n`` rows, so that the rows that would settle are rows of both kinds."""
    pairs = [*((m, 0.5 + accepted.above) for m in above), (tpr, accepted.tpr)]
    return [Limit(m.model_copy(update={"n": n}), limit, surely=True) for m, limit in pairs]


def severity(scores: Scores, member: Mask) -> Severity | None:
    """How grave the leak is that these scores show by AUC and TPR at 1 % FPR; None where they are no better than guessing."""
    return _severity(scores, member, None)


def _of_halves(split: Halves) -> list[Metric]:
    gain = split.advantage
    if gain.value is None or gain.low is None or gain.high is None:
        return [gain]
    half = {"value": split.accuracy, "low": (gain.low + 1) / 2, "high": (gain.high + 1) / 2}
    label = "Accuracy of one threshold (members and others weighed alike)"
    return [gain, gain.model_copy(update={"name": "attack_accuracy", "label": label, "unit": "share", **half})]


def _severity(scores: Scores, member: Mask, split: Halves | None) -> Severity | None:
    """None where the attack is no better than guessing; else by its AUC and its TPR at 1 % FPR, the graver of the two.

    AUC, TPR and advantage are each held against guessing at a third of 5 %, so that a coin raises an alarm in 5 % of runs at most.
    """
    area, (tpr, false) = auc(scores, member, level=SURE), tpr_at(scores, member, 0.01, SURE)
    by_area = area.low is not None and area.low > 0.5
    # The interval reckons with the threshold; the second bound keeps a coin's few alarms from being taken for members.
    by_rate = tpr.low is not None and tpr.low > max(0.01, false / max(1, int((~member).sum())))
    gain = split.advantage_at(SURE) if split else None
    by_gain = gain is not None and gain.low is not None and gain.low > 0
    if not (by_area or by_rate or by_gain):
        return None
    for severity, least_area, least_rate in STEPS:
        if (by_area and (area.value or 0) >= least_area) or (by_rate and (tpr.value or 0) >= least_rate):
            return severity
    return Severity.LOW


def _sentence(attack: str, area: Metric, tpr: Metric, severity: Severity | None) -> str:
    text = f"{attack}: AUC {area.value:.3f} ({area.low:.3f} to {area.high:.3f}, n = {area.n:,})"
    if tpr.value is not None:
        text += f", {percent(tpr.value)} of members found at 1 % false alarms"
    return text + ("; no better than guessing." if severity is None else "; members can be distinguished from others.")


def _chart(curve: Roc, scores: Scores, member: Mask, attack: str) -> Chart:
    """Log-log, at most 60 points, each with the interval of its own TPR at that FPR."""
    floor = 1 / max(curve.others, 1)
    x = np.unique(np.concatenate([np.geomspace(floor, 1, 56), [0.001, 0.01, 0.1]]))
    x = x[x >= floor]
    place = np.searchsorted(curve.fpr, x + 1e-12, side="right") - 1
    y = curve.tpr[place]
    ends = [tpr_interval(scores[member], scores[~member], float(v), LEVEL, 1000) if v < 1 else (1.0, 1.0) for v in x]
    bottom = min(floor, 1 / max(curve.members, 1))
    low, high = (tuple(max(float(end[side]), bottom) for end in ends) for side in (0, 1))
    found = Series(name=attack, x=tuple(x), y=tuple(np.maximum(y, bottom)), low=low, high=high)
    chance = Series(name="guessing", x=tuple(x), y=tuple(np.maximum(x, bottom)))
    return Chart(
        name="roc",
        title="Members found against false alarms",
        kind="line",
        x=Axis(label="False-positive rate", unit="share", scale="log", low=float(x[0]), high=1.0),
        y=Axis(label="True-positive rate", unit="share", scale="log", low=float(bottom), high=1.0),
        series=(found, chance),
        alt=f"ROC of {attack} on logarithmic axes, {curve.members:,} members and {curve.others:,} others; guessing is the diagonal.",
    )


def false_alarms(scores: Scores, member: Mask) -> Scores:
    """For each row, the share of non-members that score at least as high: the alarms borne until it is found."""
    others = np.sort(scores[~member])
    return np.asarray(1 - np.searchsorted(others, scores, side="left") / len(others))


def _records(it: Attacked, scores: Scores, member: Mask) -> Table:
    rows = it.rows if it.rows is not None else np.arange(len(scores))
    alarms = false_alarms(scores, member)
    inside = np.flatnonzero(member)
    top = inside[np.argsort(-scores[inside], kind="stable")][:20]
    columns = (
        Column(name="row", kind="integer"),
        *(c for c, _ in it.shown),
        Column(name="score", kind="number"),
        Column(name="false alarms before it is found", kind="percent"),
    )
    cells = tuple((int(rows[i]), *(values[i] for _, values in it.shown), float(scores[i]), float(alarms[i])) for i in top)
    note = f"0 % means that none of {int((~member).sum()):,} non-members scores as high."
    return Table(
        name="records", title="Members at the highest risk", people=True, columns=columns, rows=cells, total=len(inside), note=note
    )


def _by_group(it: Attacked, scores: Scores, member: Mask) -> Table:
    """AUC within each group, and members found at the threshold that gives 1 % false alarms over all."""
    others = np.sort(scores[~member])[::-1]
    allowed = int(0.01 * len(others))
    threshold = others[allowed] if allowed else np.inf
    columns = (
        Column(name="column"),
        Column(name="group"),
        Column(name="members", kind="integer"),
        Column(name="others", kind="integer"),
        Column(name="AUC", kind="number"),
        Column(name="AUC low", kind="number"),
        Column(name="AUC high", kind="number"),
        Column(name="members found at 1 % false alarms", kind="percent"),
        Column(name="found low", kind="percent"),
        Column(name="found high", kind="percent"),
    )
    rows: list[tuple[str | float | int | bool | None, ...]] = []
    for name, column in it.groups.items():
        values, counts = np.unique(column, return_counts=True)
        for value in values[np.argsort(-counts, kind="stable")]:
            here = column == value
            m, o = int((here & member).sum()), int((here & ~member).sum())
            area = auc(scores[here], member[here]) if min(m, o) >= 20 else None
            hits = int((here & member & (scores > threshold)).sum())
            found = (hits / m, *clopper_pearson(hits, m)) if m and allowed else (None, None, None)
            within = (area.value, area.low, area.high) if area else (None, None, None)
            rows.append((name, str(value), m, o, *within, *found))
    note = (
        "AUC is left out where a group has fewer than 20 rows on a side. What is found is counted at the threshold that gave 1 % false alarms "
        "over all these rows; its interval holds for that threshold, and says nothing of another."
    )
    return Table(name="groups", title="Risk by group", columns=columns, rows=tuple(rows[:50]), total=len(rows), note=note)

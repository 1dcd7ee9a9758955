"""How good the model is at its own task: accuracy and calibration, the baseline every risk is weighed against."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from ..check import Check, parameter
from ..datasets.dataset import Dataset
from ..progress import Progress
from ..result import CheckResult, Evidence, Finding, Severity
from ..statistics.ruling import Limit, ruling
from ..targets.decision import Prediction
from ..targets.target import Target
from ._accepted import chart, table
from ._calibration import Calibration
from ._judged import Judged

STANDARDS = ("AI RMF MEASURE 2.5", "EU AI Act Art. 15(1)", "EU AI Act Art. 15(3)", "AITG-MOD-06")
CALIBRATE = "Calibrate on held-out rows (temperature scaling) before anyone acts on the scores."
DECIDE = "See on the performance page what another threshold would do, or say what is accepted of this model."
WITHOUT_SCORES = "Without scores neither ranking nor calibration can be measured."


class Performance(Check):
    """How often the decision is right, by class and against the majority-class baseline, and whether its confidence says so.

    It passes where every number is within what is accepted by the end of its interval on the unsafe side; a number that is itself
    beyond it is a finding.
    """

    id: ClassVar[str] = "validation.performance"
    title: ClassVar[str] = "Accuracy and calibration"
    question: ClassVar[str] = "How often is the model right, and does its confidence say so?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels"})
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = (
        "Guo et al. 2017, arXiv 1706.04599",
        "Brodersen et al. 2010 (balanced accuracy)",
        "Hand, Christen and Kirielle 2021, arXiv 2008.00103 (interval of F1)",
    )
    cost: ClassVar[str] = "a second"
    main: ClassVar[tuple[str, ...]] = ("rows", "alarm")
    quick: ClassVar[Mapping[str, Any]] = {}
    headline: ClassVar[str] = "balanced_accuracy"
    remeasured: ClassVar[bool] = True
    averages_noise: ClassVar[bool] = True
    core: ClassVar[bool] = True

    rows: int = parameter(
        10_000, "Rows to judge, drawn at random from those not trained on where that is known", "rows", ge=10, le=1_000_000
    )
    balanced: float = parameter(0.6, "Smallest balanced accuracy that is accepted; 0 accepts any", "share", ge=0, le=1)
    recall: float = parameter(
        0.5,
        "Smallest recall of the class of interest that is accepted, of more than two classes of each; 0 accepts any",
        "share",
        ge=0,
        le=1,
    )
    precision: float = parameter(
        0.5,
        "Smallest precision of the class of interest that is accepted, of more than two classes their mean; 0 accepts any",
        "share",
        ge=0,
        le=1,
    )
    alarm: float = parameter(0.05, "Largest calibration error that is accepted; more is a finding", "probability", gt=0, le=1)
    bins: int = parameter(15, "Bins of confidence for the calibration curve", "bins", ge=2, le=100)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = np.random.default_rng(self.seed)
        rows = data.unseen.sample(self.rows, rng)
        scored = "scores" in target.offers
        answer = target.predictions(rows.x) if scored else Prediction(target.labels(rows.x), np.zeros((len(rows), 0)))
        progress.step(0.5, "intervals")
        judged = Judged.of(rows, answer, target, data.known)
        calibration = Calibration.of(rows.y, answer.labels, answer.scores, self.bins, self.alarm, rng) if scored else None
        limits = self._limits(judged, calibration)
        skill = judged.skill
        ruled = ruling(limits, open_ends=() if skill.above else (f"{skill.fact}. {skill.advice.rstrip('.')}",))
        metrics = (*judged.metrics, *(calibration.metrics if calibration else ()))
        commonest = judged.skill.commonest
        return CheckResult(
            status=ruled.status,
            summary=" ".join((judged.sentence, calibration.sentence if calibration else WITHOUT_SCORES, ruled.sentence)),
            metrics=metrics,
            findings=_findings(limits),
            charts=(chart(limits, judged.baseline, commonest), *((calibration.chart,) if calibration else ())),
            tables=(table(metrics, judged.baseline, limits, commonest), judged.table, judged.matrix),
            notes=judged.notes,
        )

    def _limits(self, judged: Judged, calibration: Calibration | None) -> list[Limit]:
        """What is accepted of each number; a limit of 0 is none."""
        of = {m.name: m for m in judged.metrics}
        recall = of["recall" if "recall" in of else "worst_recall"]
        least = ((of["balanced_accuracy"], self.balanced), (recall, self.recall), (of["precision"], self.precision))
        found = [Limit(metric, accepted) for metric, accepted in least if accepted > 0]
        return found + ([Limit(calibration.error, self.alarm, calibration.chance)] if calibration else [])


def _findings(limits: Sequence[Limit]) -> tuple[Finding, ...]:
    return tuple(_finding(limit) for limit in limits if limit.state == "broken")


def _finding(limit: Limit) -> Finding:
    calibration = limit.metric.name == "calibration_error"
    severity = Severity.MEDIUM if limit.sure and not calibration else Severity.LOW
    title = f"{limit.metric.label} {limit.metric.value:.3f}, where {limit.rule} is accepted"
    return Finding(
        title="Confidence does not match accuracy" if calibration else title,
        key=limit.metric.name,
        severity=severity,
        evidence=Evidence(metrics=(limit.metric.name,), charts=("accepted",)),
        advice=CALIBRATE if calibration else DECIDE,
        standards=STANDARDS,
    )

"""Lab 4: who was in the training data; a promise that this stays hidden; and whether the promise is kept."""

from ..evidence import Evidence, Span, Wanted
from ..question import Chosen, Computed, Measured, Question, metric_of
from ..words import Decided, Reflection

GAP = Wanted("privacy.membership_gap", "memorizer")
ATTACK = Wanted("privacy.membership_threshold", "memorizer")
CENSUS = Wanted("privacy.membership_threshold", "census")
DP = Wanted("privacy.dp_sgd", "memorizer", {"epsilon": Span(0.5, 4)})
AFTER = Wanted("privacy.membership_threshold", "memorizer", after=DP)
ACCURACY = Wanted("validation.performance", "memorizer")
ACCURACY_AFTER = Wanted("validation.performance", "memorizer", after=DP)
AUDIT = Wanted("privacy.audit_epsilon", "memorizer", {"claimed": Span(0.5, 4)}, after=DP)


def price(evidence: Evidence) -> float | None:
    """Points of balanced accuracy that the private training costs; negative where it gains."""
    before, after = (metric_of(evidence.of(run)[-1], "balanced_accuracy") for run in (ACCURACY, ACCURACY_AFTER))
    if before is None or after is None or before.value is None or after.value is None:
        return None
    return 100 * (before.value - after.value)


def contradicted(evidence: Evidence) -> str | None:
    """Does the audit contradict the claim? ``incomplete`` where the audit itself could not tell."""
    record = evidence.of(AUDIT)[-1]
    lower = metric_of(record, "epsilon_lower")
    if lower is None or lower.value is None:
        return None
    return "contradicts" if lower.value > float(record.effective["claimed"]) else "does not contradict"


QUESTIONS: tuple[Question, ...] = (
    Measured("4a", "points", GAP, "gap"),
    Measured("4b", "AUC", ATTACK, "auc", scale=1.0, within=0.0051),
    Measured("4c", "AUC", CENSUS, "auc", scale=1.0, within=0.0051),
    Measured("4d", "AUC", AFTER, "auc", scale=1.0, within=0.0051),
    Computed("4e", run=ACCURACY, also=(ACCURACY_AFTER,), value=price),
    Chosen("4f", options=("contradicts", "does not contradict", "proves"), truth=lambda e, w: contradicted(e), needs=(AUDIT,)),
    Decided("4g", options=("release", "release-private", "withhold"), needs=(ATTACK, AFTER)),
    Reflection("4h", to="to_dpo", run=ATTACK, metric="auc", scale=1.0),
)

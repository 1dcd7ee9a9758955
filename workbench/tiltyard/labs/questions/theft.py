"""Lab 5: a model stolen by its answers, a mark that survives the theft, and an endpoint that says less."""

from ..evidence import Evidence, Wanted
from ..question import Computed, Measured, Question, metric_of
from ..words import Decided, Reflection

SCORES = Wanted("theft.extraction", "census", {"access": "scores", "query_budget": 500})
LABELS = Wanted("theft.extraction", "census", {"access": "labels", "query_budget": 500})
MARKED = Wanted("theft.watermark", "digits")
OWN = Wanted("theft.watermark_verify", "digits", after=MARKED)
OTHER = Wanted("theft.watermark_verify", "digits-robust")


def gained(evidence: Evidence) -> float | None:
    """Points of fidelity by which the copy beats always saying the commonest label."""
    record = evidence.of(SCORES)[-1]
    copy, guess = metric_of(record, "fidelity"), metric_of(record, "majority_fidelity")
    return None if copy is None or guess is None or copy.value is None or guess.value is None else 100 * (copy.value - guess.value)


QUESTIONS: tuple[Question, ...] = (
    Measured("5a", "%", SCORES, "fidelity"),
    Computed("5b", run=SCORES, value=gained),
    Measured("5c", "%", LABELS, "fidelity"),
    Measured("5d", "", OWN, "matches"),
    Measured("5e", "%", OTHER, "matches"),
    Decided("5f", options=("scores", "labels", "labels-and-budget", "close"), needs=(SCORES, LABELS)),
    Reflection("5g", to="to_counsel", run=SCORES, metric="fidelity"),
)

"""Lab 7: rows that somebody else wrote, and clients that somebody else runs."""

from ..evidence import Evidence, Span, Wanted
from ..question import Chosen, Measured, Question, metric_of
from ..words import Decided, Reflection

FLIPPED = Wanted("poisoning.label_flip", "digits", {"rows": Span(1000)})
BACKDOOR = Wanted("poisoning.backdoor", "digits", {"rows": Span(1000)})
HONEST = Wanted("federated.training", "census", {"rule": "fedavg", "attackers": 0})
ATTACKED = Wanted("federated.training", "census", {"rule": "fedavg", "attackers": Span(2)})
HELD = Wanted("federated.training", "census", {"rule": "median", "attackers": Span(2)})


def _accuracy(evidence: Evidence, run: Wanted) -> float:
    metric = metric_of(evidence.of(run)[-1], "accuracy_after")
    return metric.value if metric is not None and metric.value is not None else 0.0


def better_rule(evidence: Evidence) -> str | None:
    """The rule that keeps more accuracy with the same attackers."""
    return "median" if _accuracy(evidence, HELD) > _accuracy(evidence, ATTACKED) else "fedavg"


QUESTIONS: tuple[Question, ...] = (
    Measured("7a", "points", FLIPPED, "accuracy_lost"),
    Measured("7b", "%", BACKDOOR, "success"),
    Measured("7c", "%", ATTACKED, "accuracy_after"),
    Chosen("7d", options=("fedavg", "median"), truth=lambda e, w: better_rule(e), needs=(ATTACKED, HELD)),
    Decided("7e", options=("fedavg", "median", "vet-clients"), needs=(ATTACKED, HELD)),
    Reflection("7f", to="to_hospitals", run=BACKDOOR, metric="success"),
)

"""Lab 7: rows that somebody else wrote, and clients that somebody else runs."""

from ..evidence import Evidence, Span, Wanted
from ..question import Chosen, Measured, Question, metric_of
from ..words import Decided, Reflection

FLIPPED = Wanted("poisoning.label_flip", "digits", {"rows": Span(1000)})
BACKDOOR = Wanted("poisoning.backdoor", "digits", {"rows": Span(1000)})
HONEST = Wanted("federated.training", "census", {"rule": "fedavg", "attackers": 0})
ATTACKED = Wanted("federated.training", "census", {"rule": "fedavg", "attackers": Span(2)})
HELD = Wanted("federated.training", "census", {"rule": "median", "attackers": Span(2)})


def better_rule(evidence: Evidence) -> str | None:
    """The rule that keeps more accuracy with the same attackers, where the intervals lie apart."""
    mean, median = (metric_of(evidence.of(run)[-1], "accuracy_after") for run in (ATTACKED, HELD))
    if mean is None or median is None or mean.low is None or mean.high is None or median.low is None or median.high is None:
        return None
    return "median" if median.low > mean.high else "fedavg" if mean.low > median.high else None


QUESTIONS: tuple[Question, ...] = (
    Measured("7a", "points", FLIPPED, "accuracy_lost"),
    Measured("7b", "%", BACKDOOR, "success"),
    Measured("7c", "%", ATTACKED, "accuracy_after"),
    Chosen("7d", options=("fedavg", "median"), truth=lambda e, w: better_rule(e), needs=(ATTACKED, HELD)),
    Decided("7e", options=("fedavg", "median", "vet-clients"), needs=(ATTACKED, HELD)),
    Reflection("7f", to="to_hospitals", run=BACKDOOR, metric="success"),
)

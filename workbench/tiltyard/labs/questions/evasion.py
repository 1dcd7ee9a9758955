"""Lab 2: small changes that fool a model, and what it costs to withstand them."""

from dataclasses import dataclass
from typing import Any

from ..evidence import Evidence, Span, Wanted
from ..question import Computed, Measured, Question, Ruling, as_number, metric_of, right, wrong
from ..words import Decided, Reflection
from ..work import Work

RULES = {"norm": "linf", "eps": 0.1, "rows": 100, "seed": 0}
FGSM = Wanted("evasion.fgsm", "digits", RULES)
PGD = Wanted("evasion.pgd", "digits", {**RULES, "steps": Span(10)})
ROBUST = Wanted("evasion.pgd", "digits-robust", {**RULES, "steps": Span(10)})
ANY_EPS = Wanted("evasion.pgd", "digits", {"norm": "linf", "rows": Span(50), "steps": Span(10)})
CENSUS = Wanted("evasion.pgd", "census", {"norm": "linf", "eps": 0.05, "rows": Span(100), "steps": Span(10)})
HALF, NARROW = 0.5, 0.03


def _accuracy(evidence: Evidence, run: Wanted) -> float | None:
    found = [metric_of(record, "robust_accuracy") for record in evidence.of(run)]
    return found[-1].value if found and found[-1] is not None else None


def taken(evidence: Evidence) -> float | None:
    """Points of robust accuracy that PGD takes beyond one gradient step, on the same rows."""
    one, many = _accuracy(evidence, FGSM), _accuracy(evidence, PGD)
    return None if one is None or many is None else 100 * (one - many)


def hours(evidence: Evidence) -> float | None:
    """What the eps of the run on the census means for hours-per-week, in hours."""
    from ..models import model

    schema = model("census").data.schema
    feature = next(f for f in schema.features if f.name == "hours-per-week")
    eps = float(evidence.of(CENSUS)[-1].effective["eps"])
    return eps * (feature.high - feature.low)


@dataclass(frozen=True)
class Bracketed(Question):
    """The eps at which half of the rows are lost: between two runs of one's own that lie near enough."""

    @property
    def runs(self) -> tuple[Wanted, ...]:
        return (ANY_EPS,)

    def judge(self, answer: Any, evidence: Evidence, work: Work) -> Ruling:
        number = as_number(answer)
        if number is None:
            return wrong("not_a_number", answer=repr(answer)[:60])
        records = [(float(r.effective["eps"]), metric_of(r, "robust_accuracy"), r) for r in evidence.of(ANY_EPS)]
        above = [(eps, r) for eps, metric, r in records if metric and metric.value is not None and metric.value >= HALF]
        below = [(eps, r) for eps, metric, r in records if metric and metric.value is not None and metric.value < HALF]
        if not above or not below:
            return wrong("one_side", side="below" if not below else "above")
        low, high = max(above, key=lambda one: one[0]), min(below, key=lambda one: one[0])
        if high[0] - low[0] > NARROW:
            return wrong("too_wide", low=low[0], high=high[0], most=NARROW)
        if not low[0] <= number <= high[0]:
            return wrong("outside_bracket")
        return right([low[1], high[1]])


QUESTIONS: tuple[Question, ...] = (
    Measured("2a", "%", FGSM, "robust_accuracy"),
    Measured("2b", "%", PGD, "robust_accuracy"),
    Computed("2c", run=FGSM, also=(PGD,), value=taken),
    Bracketed("2d"),
    Computed("2e", run=CENSUS, value=hours, within=0.051),
    Measured("2f", "%", ROBUST, "robust_accuracy"),
    Decided("2g", options=("plain", "adversarially-trained"), needs=(PGD, ROBUST)),
    Reflection("2h", to="to_owner", run=PGD, metric="robust_accuracy"),
)

"""Lab 3: evaluations that fool themselves. A ladder of broken defenses, to be broken by attacks of one's own."""

from dataclasses import dataclass
from typing import Any, ClassVar

from ...result import Record
from ..evidence import Evidence, Span, Wanted
from ..ladder import EPS, MARGIN, SLACK
from ..question import Chosen, Measured, Question, Ruling, metric_of, right, wrong
from ..words import Decided, Reflection
from ..work import Work

NAIVE = Wanted("evasion.pgd", "broken:quantized", {"norm": "linf", "eps": 0.1, "rows": Span(50), "steps": Span(10)})
STRONG = Wanted("evasion.strong", "broken:quantized", {"norm": "linf", "eps": 0.1, "rows": Span(30)})
STRONG_ROBUST = Wanted("evasion.strong", "digits-robust", {"norm": "linf", "eps": 0.1, "rows": Span(30)})
STATES = ("passed", "finding", "incomplete", "not_applicable")


@dataclass(frozen=True)
class Rung(Question):
    """Adversarial rows against one broken defense: within the rules, and as strong as on the model without it."""

    defense: str = ""
    typed: ClassVar[bool] = False

    @property
    def runs(self) -> tuple[Wanted, ...]:
        return (Wanted("labs.ladder", f"broken:{self.defense}", {"defense": self.defense}),)

    def judge(self, answer: Any, evidence: Evidence, work: Work) -> Ruling:
        best = [self._ruled(record) for record in evidence.of(self.runs[0])]
        return next((ruling for ruling in best if ruling.right), best[-1])

    def _ruled(self, record: Record) -> Ruling:
        found = {
            name: float(m.value)
            for name in ("outside", "largest_change", "robust_accuracy", "undefended_accuracy")
            if (m := metric_of(record, name)) and m.value is not None
        }
        if found["outside"]:
            return wrong("outside_range", pixels=f"{found['outside']:,.0f}")
        if found["largest_change"] > EPS + SLACK:
            return wrong("over_budget", change=f"{found['largest_change']:.3f}", eps=EPS)
        if found["largest_change"] < SLACK:
            return wrong("unchanged")
        if found["robust_accuracy"] > found["undefended_accuracy"] + MARGIN:
            return wrong("too_weak", kept=f"{100 * found['robust_accuracy']:.0f}")
        return right([record])


def robust_one(evidence: Evidence) -> str | None:
    """Which of the two models is the more robust by the strong evaluation, where their intervals lie apart."""
    one, other = (metric_of(evidence.of(run)[-1], "robust_accuracy") for run in (STRONG, STRONG_ROBUST))
    if one is None or other is None or None in (one.low, one.high, other.low, other.high):
        return None
    if one.low is not None and other.high is not None and one.low > other.high:
        return "quantized"
    return "adversarially-trained" if other.low is not None and one.high is not None and other.low > one.high else None


QUESTIONS: tuple[Question, ...] = (
    Measured("3a", "%", NAIVE, "robust_accuracy"),
    Chosen("3b", options=STATES, truth=lambda e, w: str(e.of(NAIVE)[-1].result.status), needs=(NAIVE,)),
    Rung("3c", defense="quantized"),
    Rung("3d", defense="scaled-softmax"),
    Rung("3e", defense="not-differentiable"),
    Measured("3f", "%", STRONG, "robust_accuracy"),
    Chosen("3g", options=("quantized", "adversarially-trained"), truth=lambda e, w: robust_one(e), needs=(STRONG, STRONG_ROBUST)),
    Decided("3h", options=("accept", "revise", "reject"), needs=(NAIVE, STRONG)),
    Reflection("3i", to="to_authors", run=STRONG, metric="robust_accuracy"),
)

"""The one rule by which a check or defense passes, finds or stays incomplete.

A pass is earned: the end of every interval on the unsafe side is within what is accepted, there were rows enough to have seen a fault of
that size, the model has skill, and an effect that is claimed is shown. Where one is missing it is *incomplete*, and says what would settle it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..formatting.numbers import POINTS, percent, points
from ..result import Metric, Status
from .majority import Skill

Kept = Literal["kept", "open", "broken"]
MOST_ROWS = 10_000_000


@dataclass(frozen=True)
class Limit:
    """Of ``metric`` at least ``accepted`` where higher is safer, else at most.

    What ``chance`` reaches by itself breaks nothing, and keeps to nothing where it is more than is accepted: too few rows to have seen
    a fault. ``surely`` asks of a finding that the whole interval is beyond ``beyond``, else beyond what is accepted, where the value
    alone would do. ``share`` is the part of the given rows that it was measured on, where the others were fitted on.
    """

    metric: Metric
    accepted: float
    chance: float | None = None
    surely: bool = False
    beyond: float | None = None
    share: float = 1.0

    @property
    def least(self) -> bool:
        """Is it a smallest value?"""
        return self.metric.safer == "higher"

    @property
    def bound(self) -> float | None:
        """The end of the interval on the unsafe side."""
        return self.metric.low if self.least else self.metric.high

    @property
    def state(self) -> Kept:
        """Broken by the value, kept by the bound of the interval on the unsafe side, open between."""
        value, bound = self.metric.value, self.bound
        if value is None or bound is None:
            return "open"
        if self._worse(value, self.accepted) and (self.chance is None or value > self.chance) and (not self.surely or self.sure):
            return "broken"
        return "open" if self._worse(bound, self.accepted) or self.unseen else "kept"

    @property
    def unseen(self) -> bool:
        """Would chance alone have reached more than is accepted? Then a fault of that size could not have shown."""
        return self.chance is not None and not self.least and self.chance > self.accepted

    @property
    def sure(self) -> bool:
        """Is the whole interval beyond what is accepted, or beyond ``beyond``?"""
        return self._far is not None and self._worse(self._far, self.accepted if self.beyond is None else self.beyond)

    @property
    def _far(self) -> float | None:
        """The end of the interval on the safe side."""
        return self.metric.high if self.least else self.metric.low

    @property
    def rule(self) -> str:
        """``at least 0.5``."""
        accepted = shown(self.metric, self.accepted) if self.metric.unit == POINTS else f"{self.accepted:g}"
        return f"{'at least' if self.least else 'at most'} {accepted}"

    @property
    def sentence(self) -> str:
        """The number with its interval beside what is accepted."""
        m = self.metric
        if m.value is None:
            return f"{_lower(m.label)} is not known ({m.note}; {self.rule} is accepted)"
        ends = f"{_ends(m)}; " if m.low is not None else ""
        return f"{_lower(m.label)} is {shown(m, m.value)} ({ends}{self.rule} is accepted)"

    @property
    def rows(self) -> int | None:
        """About how many rows given would settle it if the value stayed as it is; None where no number of them would, or nothing is known."""
        value, n = self.metric.value, self.metric.n
        beyond = value is not None and self._worse(value, self.accepted)
        end = self._far if beyond and self.surely else None if beyond else self.bound
        border = self.accepted if self.beyond is None or not beyond else self.beyond
        if value is None or end is None or not n or value == border or not math.isfinite(end):
            return None
        needed = n * ((end - value) / (border - value)) ** 2
        if self.unseen and self.chance:
            needed = max(needed, n * (self.chance / self.accepted) ** 2 if self.accepted else math.inf)
        given = needed * 1.05 / self.share
        return math.ceil(given) if given < MOST_ROWS else None

    @property
    def settling(self) -> str:
        """What would settle an open one, as a clause."""
        if self.metric.value is None:
            return f"{self.sentence}: {'measure it' if self.metric.n is None else 'more rows might tell'}"
        if self.rows is None:
            return f"{self.sentence}: more rows, or a model further from the limit, would tell"
        part = f", of which {percent(self.share)} are measured on," if self.share < 1 else ""
        return f"{self.sentence}: about {_round(self.rows):,} rows would tell{part or ','} if it stays so"

    def _worse(self, one: float, other: float) -> bool:
        return one < other if self.least else one > other


@dataclass(frozen=True)
class Effect:
    """A change that a defense claims, after less before on the same rows; shown where the whole interval lies on the safer side of 0."""

    metric: Metric

    @property
    def shown(self) -> bool:
        """Is it sure to be better?"""
        m = self.metric
        if m.value is None or m.low is None or m.high is None:
            return False
        return m.low > 0 if m.safer == "higher" else m.high < 0

    @property
    def settling(self) -> str:
        """Why it is not shown, as a clause."""
        m = self.metric
        if m.value is None:
            return f"{_lower(m.label)} is not known ({m.note})"
        return f"no effect is shown: {_lower(m.label)} is {shown(m, m.value)} ({_ends(m)})"


@dataclass(frozen=True)
class Ruling:
    """How a check ends, and the sentence that says what is beyond what is accepted, what would settle the rest, or that all is within.

    ``missing`` is each thing that is not settled, as a clause.
    """

    status: Status
    sentence: str
    missing: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What settles an incomplete one, as the one note that panels show first; else none."""
        return (f"What settles it: {'; '.join(self.missing)}.",) if self.status is Status.INCOMPLETE else ()


def ruling(limits: Sequence[Limit], skill: Skill | None = None, effects: Sequence[Effect] = (), open_ends: Sequence[str] = ()) -> Ruling:
    """The rule.

    Parameters
    ----------
    limits
        What is accepted of each number. One that is broken is a finding; all are to be kept for a pass, and with none nothing passes.
    skill
        The model's; one at chance passes nothing. None where the question is not about a model's answers.
    effects
        What a defense claims to have changed.
    open_ends
        What else is missing, each as a clause of what would settle it.
    """
    broken = [limit.sentence for limit in limits if limit.state == "broken"]
    missing = [limit.settling for limit in limits if limit.state == "open"]
    missing += [effect.settling for effect in effects if not effect.shown] + list(open_ends)
    if skill is not None and not skill.learned:
        missing.append(f"{skill.fact}. {skill.advice.rstrip('.')}")
    if not limits:
        missing.append("nothing was measured against what is accepted")
    sentences = ([f"Beyond what is accepted: {'; '.join(broken)}."] if broken else []) + (
        [f"Not settled: {'; '.join(missing)}."] if missing else []
    )
    status = status_of(bool(broken), bool(missing))
    within = f"All within what is accepted by the ends of their intervals: {'; '.join(map(_within, limits))}."
    return Ruling(status, " ".join(sentences) or within, tuple(missing))


def status_of(broken: bool, missing: bool) -> Status:
    """The same rule of what has no interval, such as packages or probes, or was held against its intervals already: a finding where something
    is ``broken``, else incomplete where something is ``missing``, else passed."""
    return Status.FINDING if broken else Status.INCOMPLETE if missing else Status.PASSED


def _within(limit: Limit) -> str:
    return f"{_lower(limit.metric.label)} {limit.rule}"


def shown(metric: Metric, value: float | None) -> str:
    """``value`` in the unit of ``metric``: percentage points, else a number of three decimals."""
    return f"{points(value)} points" if metric.unit == POINTS else f"{value:.3f}" if value is not None else "–"


def _ends(metric: Metric) -> str:
    """``12.7 to 36.5``, their unit stands with the value."""
    return " to ".join(shown(metric, end).removesuffix(" points") for end in (metric.low, metric.high))


def _round(rows: int) -> int:
    """To two figures: an estimate says no more."""
    size: int = 10 ** max(len(str(rows)) - 2, 0)
    return math.ceil(rows / size) * size


def _lower(label: str) -> str:
    return label if label[:2].isupper() else label[:1].lower() + label[1:]

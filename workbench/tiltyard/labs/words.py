"""Questions that are answered in words: a message to somebody who has to decide, and a decision for the ledger."""

import re
from dataclasses import dataclass, field
from typing import Any

from ..result import Metric
from .evidence import Evidence, Wanted
from .question import Question, Ruling, metric_of, right, wrong
from .work import Work

FEWEST = 25
FEWEST_WHY = 8


@dataclass(frozen=True)
class Reflection(Question):
    """A message to a named person that quotes what was measured: the number and both ends of its interval.

    A machine cannot say whether it is well written. It says whether it rests on a measurement.
    """

    to: str = ""
    run: Wanted = field(default_factory=lambda: Wanted("", ""))
    metric: str = ""
    scale: float = 100.0

    @property
    def runs(self) -> tuple[Wanted, ...]:
        return (self.run,)

    def judge(self, answer: Any, evidence: Evidence, work: Work) -> Ruling:
        words = str(answer)
        count = len(re.findall(r"\w+", words))
        if count < FEWEST:
            return wrong("too_short", words=count, fewest=FEWEST, to=self.to)
        found = evidence.of(self.run)
        metrics = [metric_of(record, self.metric) for record in found]
        numbers = numbers_in(words)
        if not any(metric is not None and _quoted(metric.value, numbers, self.scale) for metric in metrics):
            return wrong("no_number", step=self.run.step)
        if not any(metric is not None and _with_interval(metric, numbers, self.scale) for metric in metrics):
            return wrong("no_interval")
        return right(found[-1:], "complete")


@dataclass(frozen=True)
class Decided(Question):
    """A decision with its reason, which the ledger keeps. None is the only right one; ``needs`` is what has to be measured before."""

    options: tuple[str, ...] = ()
    needs: tuple[Wanted, ...] = ()

    @property
    def runs(self) -> tuple[Wanted, ...]:
        return self.needs

    def judge(self, answer: Any, evidence: Evidence, work: Work) -> Ruling:
        choice, why = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, "")
        if choice not in self.options:
            return wrong("no_option", options=", ".join(self.options), answer=repr(choice)[:60])
        count = len(re.findall(r"\w+", str(why)))
        if count < FEWEST_WHY:
            return wrong("no_reason", words=count, fewest=FEWEST_WHY)
        return right([evidence.of(run)[-1] for run in self.needs], "kept")


def numbers_in(words: str) -> list[float]:
    """All numbers of a text; ``31,5`` is read as 31.5."""
    return [float(found.replace(",", ".")) for found in re.findall(r"-?\d+(?:[.,]\d+)?", words.replace("−", "-"))]


def _quoted(value: float | None, numbers: list[float], scale: float) -> bool:
    """Is it among the numbers, rounded to as many places as somebody liked?"""
    return value is not None and any(abs(number - value * scale) <= 0.51 * _step(number) for number in numbers)


def _step(number: float) -> float:
    """The last place of a number as it is written: 1 for 35, 0.1 for 34.5."""
    places = len(f"{number:.10f}".rstrip("0").partition(".")[2])
    return 10.0**-places


def _with_interval(metric: Metric, numbers: list[float], scale: float) -> bool:
    return all(_quoted(value, numbers, scale) for value in (metric.value, metric.low, metric.high))

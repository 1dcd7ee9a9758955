"""The picture of the risks: a line a topic, on it the number that says most of it, where that is a share."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..formatting.numbers import labeled
from ..reports.overview import Risk
from ..reports.scale import Mark, marks


@dataclass(frozen=True)
class RiskLine:
    """One topic: its title, how it stands and in words, its number in words, and where that stands from 0 to 100 %."""

    title: str
    state: str
    sentence: str
    number: str
    marks: tuple[Mark, ...]


def lines(risks: Iterable[Risk]) -> tuple[RiskLine, ...]:
    """A line a risk, those that do not apply left out."""
    return tuple(
        RiskLine(
            risk.topic.title,
            risk.topic.state,
            risk.topic.sentence,
            labeled(risk.metric) if risk.metric is not None else "",
            tuple(marks(risk)),
        )
        for risk in risks
        if risk.topic.of
    )

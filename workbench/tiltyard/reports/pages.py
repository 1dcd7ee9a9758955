"""A page for each topic: its sentence, its pictures, its findings and the evidence, taken from the records."""

from dataclasses import dataclass

from ..assessment.standing import TopicStanding, in_words
from ..catalogue import TOPICS, topic_of
from ..result import Chart, Record, Status
from .bundle import Bundle
from .findings import Described, described
from .overview import ORDER, gravity, standing

PICTURES = 2


@dataclass(frozen=True)
class Line:
    """A finding with the record it stands in."""

    finding: Described
    record: Record


@dataclass(frozen=True)
class Page:
    """One topic. ``grave`` are the records with a finding or without a conclusion, ``calm`` those that passed or do not apply."""

    id: str
    title: str
    standing: TopicStanding | None
    owner: str
    sentence: str
    lead: Record
    charts: tuple[Chart, ...]
    lines: tuple[Line, ...]
    grave: tuple[Record, ...]
    calm: tuple[Record, ...]

    @property
    def records(self) -> tuple[Record, ...]:
        """All of them."""
        return (*self.grave, *self.calm)


def pages(bundle: Bundle) -> list[Page]:
    """The topics of which there is a record, in the catalogue's order, those of plugins last; only those that ``about`` chose."""
    grouped: dict[str, list[Record]] = {}
    for record in bundle.records:
        grouped.setdefault(topic_of(record.check), []).append(record)
    own = standing(bundle)
    order = list(TOPICS)
    chosen = sorted((id for id in grouped if bundle.about.shows(id)), key=lambda id: order.index(id) if id in order else len(order))
    return [_page(bundle, id, grouped[id], own.topics.get(id)) for id in chosen]


def _page(bundle: Bundle, id: str, records: list[Record], topic: TopicStanding | None) -> Page:
    ranked = sorted(records, key=lambda r: -gravity(r))
    lines = sorted((Line(f, r) for r in ranked for f in described(r.result)), key=lambda line: -ORDER.index(line.finding.severity))
    calm = [r for r in ranked if r.result.status in (Status.PASSED, Status.NOT_APPLICABLE)]
    grave = [r for r in ranked if r not in calm]
    charts = [chart for r in (*grave, *calm) for chart in r.result.charts[:1]]
    sentence = topic.sentence if topic is not None else f"{in_words(len(records), 'record')}, {in_words(len(lines), 'finding')}"
    return Page(
        id=id,
        title=TOPICS.get(id, id),
        standing=topic,
        owner=bundle.about.owner(id),
        sentence=sentence,
        lead=(grave or calm)[0],
        charts=tuple(charts[:PICTURES]),
        lines=tuple(lines),
        grave=tuple(grave),
        calm=tuple(calm),
    )

"""A page for each topic: its sentence, its pictures, its findings and the evidence, taken from the records."""

from dataclasses import dataclass, replace

from ..assessment.standing import TopicStanding, in_words
from ..catalogue import TOPICS, topic_of
from ..result import Chart, Evidence, Record, Status
from .bundle import Bundle
from .findings import Described, described
from .overview import ORDER, gravity, risks, standing

PICTURES = 2


@dataclass(frozen=True)
class Line:
    """A finding with the record it stands in; ``repeats`` where one before it on the page has the same advice and defense, ``cited`` where also the same standards."""

    finding: Described
    record: Record
    repeats: bool = False
    cited: bool = False


@dataclass(frozen=True)
class Page:
    """One topic. ``grave`` are the records with a finding or without a conclusion, ``calm`` those that passed or do not apply.

    ``pictures`` are the ``charts`` as they stand side by side, with their steps in the captions.
    """

    id: str
    title: str
    standing: TopicStanding | None
    owner: str
    sentence: str
    lead: Record
    charts: tuple[Chart, ...]
    pictures: tuple[Chart, ...]
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


def lead_of(bundle: Bundle, id: str) -> Record | None:
    """The record whose number stands for the topic on the first page; None where there is none."""
    return next((risk.record for risk in risks(bundle) if risk.topic.id == id), None)


def _shown(record: Record) -> tuple[Chart, ...]:
    """The chart that the gravest finding rests on, else the first; none where there is none."""
    charts = {chart.name: chart for chart in record.result.charts}
    grave = sorted(record.result.findings, key=lambda f: -ORDER.index(f.severity))
    named = (name for f in grave if isinstance(f.evidence, Evidence) for name in f.evidence.charts)
    return tuple(charts[name] for name in (*named, *charts) if name in charts)[:1]


def _named(chart: Chart, record: Record) -> Chart:
    """With the step in its caption, for several stand side by side."""
    return chart if record.title in chart.title else chart.model_copy(update={"title": f"{chart.title} · {record.title}"})


def _page(bundle: Bundle, id: str, records: list[Record], topic: TopicStanding | None) -> Page:
    lead = lead_of(bundle, id)
    ranked = sorted(records, key=lambda r: (-gravity(r), r is not lead))
    lines = sorted((Line(f, r) for r in ranked for f in described(r.result)), key=lambda line: -ORDER.index(line.finding.severity))
    advice = [(line.finding.advice, line.finding.defense) for line in lines]
    whole = [(*same, line.finding.standards) for same, line in zip(advice, lines, strict=True)]
    lines = [replace(line, repeats=advice[i] in advice[:i], cited=whole[i] in whole[:i]) for i, line in enumerate(lines)]
    calm = [r for r in ranked if r.result.status in (Status.PASSED, Status.NOT_APPLICABLE)]
    grave = [r for r in ranked if r not in calm]
    drawn = [(chart, r) for r in (*grave, *calm) for chart in _shown(r)][:PICTURES]
    sentence = topic.sentence if topic is not None else f"{in_words(len(records), 'record')}, {in_words(len(lines), 'finding')}"
    return Page(
        id=id,
        title=TOPICS.get(id, id),
        standing=topic,
        owner=bundle.about.owner(id),
        sentence=sentence,
        lead=(grave or calm)[0],
        charts=tuple(chart for chart, _ in drawn),
        pictures=tuple(_named(chart, r) for chart, r in drawn),
        lines=tuple(lines),
        grave=tuple(grave),
        calm=tuple(calm),
    )

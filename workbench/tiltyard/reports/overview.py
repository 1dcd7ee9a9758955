"""What a reader of a report sees first: a row a risk, the gravest findings, what was not asked, and what each defense moves."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..assessment.standing import CONCLUDED, Standing, TopicStanding, kind_of, standing_of
from ..catalogue import TOPICS, checks, defenses, topic_of
from ..result import Finding, Identity, Metric, Record, Severity
from .bundle import Bundle
from .defended import After, best

MOST = 5
EACH = 2
ORDER = list(Severity)


@dataclass(frozen=True)
class Grave:
    """A finding and the record it stands in."""

    finding: Finding
    record: Record


@dataclass(frozen=True)
class Limit:
    """What a policy asks of a number, in the number's unit, and how that ended."""

    at_least: float | None
    at_most: float | None
    outcome: str


@dataclass(frozen=True)
class Risk:
    """A topic with the one number that says most of it: of the limit that is not met, else of the gravest finding.

    ``asked`` and ``after`` are None where no check gave a number, and where no defense was measured.
    """

    topic: TopicStanding
    record: Record | None
    metric: Metric | None
    limit: Limit | None
    after: After | None
    owner: str

    @property
    def gravest(self) -> str:
        """The title of the gravest finding of ``record``, for a row without a number; empty where there is none."""
        found = self.record.result.findings if self.record is not None else ()
        return max(found, key=lambda f: ORDER.index(f.severity)).title if found else ""


@dataclass(frozen=True)
class Open:
    """Checks of one topic that were not asked, by title."""

    topic: str
    titles: tuple[str, ...]


def subjects(bundle: Bundle) -> tuple[tuple[Identity, Identity], ...]:
    """The model and data of the report, then others that its records are about and that no defense made."""
    made = {record.made.fingerprint for record in bundle.records if record.made is not None}
    found = {(bundle.target.fingerprint, bundle.data.fingerprint): (bundle.target, bundle.data)}
    own = standing(bundle)
    mine = {step.counted.id for step in own.steps.values() if step.counted is not None}
    for record in bundle.records:
        pair = (record.target.fingerprint, record.data.fingerprint)
        if pair not in found and pair[0] not in made and record.id not in mine and not _view(record, found.values()):
            found[pair] = (record.target, record.data)
    return tuple(found.values())


def _view(record: Record, known: Iterable[tuple[Identity, Identity]]) -> bool:
    from ..assessment.standing import concerns

    return any(concerns(record, target, data) for target, data in known)


def standing(bundle: Bundle, subject: tuple[Identity, Identity] | None = None) -> Standing:
    """What the report's records say of its model and data, or of another subject of it."""
    target, data = subject or (bundle.target, bundle.data)
    return standing_of(bundle.records, target, data, bundle.unmet or None)


def counted(bundle: Bundle) -> tuple[Record, ...]:
    """The records of checks that numbers are made of, of every subject of the report."""
    found = [record for subject in subjects(bundle) for record in standing(bundle, subject).records]
    return tuple(record for record in found if kind_of(record) == "check")


def worst(bundle: Bundle, most: int = MOST) -> list[Grave]:
    """The gravest findings: at most `EACH` of a topic, none that only repeats those of other records, the gravest first.

    Of several attacks whose findings have one key and one advice, that whose number is the least safe stands for all.
    """
    chosen: list[Grave] = []
    every = [Grave(f, r) for r in counted(bundle) for f in r.result.findings]
    first: dict[tuple[str, str, str], tuple[int, Record]] = {}
    for i, one in enumerate(every):
        first.setdefault(_kind(one), (i, one.record))
    for one in sorted(every, key=lambda g: (-ORDER.index(g.finding.severity), first[_kind(g)][0], *_danger_beside(g, first[_kind(g)][1]))):
        mine = [g for g in chosen if topic_of(g.record.check) == topic_of(one.record.check)]
        if len(mine) < EACH and not any(_same(one, g) for g in mine):
            chosen.append(one)
    return chosen[:most]


def _same(one: Grave, other: Grave) -> bool:
    """Does the second tell a reader nothing more: the same finding of another run or another check, which asks for the same?"""
    again = (one.record.check, one.finding.key) == (other.record.check, other.finding.key)
    return again or one.finding.title == other.finding.title or (_kind(one) == _kind(other) and one.record.check != other.record.check)


def _kind(one: Grave) -> tuple[str, str, str]:
    """What findings of several checks have in common that say the same of a model: the topic, what is found, and what to do."""
    return topic_of(one.record.check), one.finding.key or one.finding.title, one.finding.advice


def _danger_beside(one: Grave, first: Record) -> tuple[bool, float]:
    """Lower is less safe; behind all that is measured as ``first`` is stands what is measured otherwise, or not."""
    metric, other = headline(one.record), headline(first)
    if metric is None or other is None or metric.safer == "none" or metric.value is None:
        return True, math.inf
    alike = _measure(one.record, metric)[1:] == _measure(first, other)[1:]
    return not alike, _danger(metric)


def gravity(record: Record) -> int:
    """How grave a record is: its highest severity, 0 where it found nothing."""
    return max((1 + ORDER.index(f.severity) for f in record.result.findings), default=0)


def headline(record: Record) -> Metric | None:
    """The number that answers the record's question; of a plugin that is not here the first with a safer direction."""
    step = {**checks(), **defenses()}.get(record.check)
    weighed = (m for m in record.result.metrics if m.value is not None and m.safer != "none")
    found = step.headline_of(record.result) if step else next(weighed, None)
    before = found is not None and record.kind == "defense" and found.name.endswith("_before")  # a defense is told by what it made
    return next((m for m in weighed if not m.name.endswith("_before")), found) if before else found


def risks(bundle: Bundle) -> list[Risk]:
    """A row for each topic that has checks and a page in this report."""
    own = standing(bundle)
    return [_risk(bundle, own, topic) for id, topic in own.topics.items() if bundle.about.shows(id)]


def _risk(bundle: Bundle, own: Standing, topic: TopicStanding) -> Risk:
    mine = [s.counted for s in own.steps.values() if s.counted and s.kind == "check" and topic_of(s.id) == topic.id]
    answered = sorted((r for r in mine if r.result.status in CONCLUDED), key=lambda r: -gravity(r))
    record, metric, limit = _limited(bundle, answered) or _graded(answered)
    after = best(bundle.records, record, metric) if record and metric else None
    return Risk(topic, record, metric, limit, after, bundle.about.owner(topic.id))


def _limited(bundle: Bundle, records: Sequence[Record]) -> tuple[Record, Metric, Limit] | None:
    """The number of the limit that is farthest from being met, of those on these records."""
    by_check = {record.check: record for record in records}
    found = []
    for rule in sorted(bundle.verdicts, key=lambda v: v.get("outcome") != "fail"):
        record = by_check.get(str(rule.get("check", "")))
        metric = next((m for m in record.result.metrics if m.name == rule.get("metric")), None) if record else None
        if record and metric and metric.value is not None and rule.get("value") == metric.value:
            found.append((record, metric, Limit(_end(rule, "at_least"), _end(rule, "at_most"), str(rule.get("outcome", "")))))
    return found[0] if found else None


def _end(rule: dict[str, Any], name: str) -> float | None:
    value = rule.get(name)
    return float(value) if isinstance(value, int | float) else None


def _graded(records: Sequence[Record]) -> tuple[Record | None, Metric | None, None]:
    """The number of the gravest records of which less or more is safer, the least safe of one measure at one budget; else none."""
    grave = [(r, m) for r in records if gravity(r) == gravity(records[0]) for m in _family(r)]
    weighed = [(r, m) for r, m in grave if m.value is not None and m.safer != "none"]
    if not weighed:
        return (records[0] if records else None), None, None
    first = weighed[0]
    alike = [(r, m) for r, m in weighed if _measure(r, m) == _measure(*first) or (r is first[0] and m in _family(r))]
    record, metric = min(alike, key=lambda one: _danger(one[1]))
    return record, metric, None


def _family(record: Record) -> list[Metric]:
    """The headline, and where there is one of each group of people those of the other groups."""
    lead, step = headline(record), checks().get(record.check)
    if lead is None or step is None or not step.headline or not lead.name.startswith(f"{step.headline}_"):
        return [lead] if lead is not None else []
    return [lead, *(m for m in record.result.metrics if m is not lead and m.name.startswith(f"{step.headline}_") and m.unit == lead.unit)]


def _measure(record: Record, metric: Metric) -> tuple[object, ...]:
    """What makes two numbers the same measure: their name, and what an attacker may change."""
    return metric.name, metric.safer, *(str(record.effective.get(name)) for name in ("eps", "norm", "flips", "goal"))


def _danger(metric: Metric) -> float:
    """Lower is less safe."""
    assert metric.value is not None
    return metric.value if metric.safer == "higher" else -abs(metric.value) if metric.safer == "zero" else -metric.value


def unasked(bundle: Bundle) -> list[Open]:
    """The checks that were not asked, topic by topic; what does not apply is not among them."""
    found: dict[str, list[str]] = {}
    for missing in bundle.not_run:
        if missing.id not in bundle.unmet and bundle.about.shows(topic_of(missing.id)):
            found.setdefault(TOPICS.get(topic_of(missing.id), missing.topic), []).append(missing.title)
    return [Open(topic, tuple(titles)) for topic, titles in found.items()]

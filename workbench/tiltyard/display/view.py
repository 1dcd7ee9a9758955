"""What a card and a text both say of a value: built once from it, drawn by each in its way."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Literal

from ..assessment.assessment import Assessment
from ..assessment.standing import standing_of
from ..catalogue import TOPICS, checks, defenses, topic_of
from ..check import Step
from ..comparison.comparison import Comparison, shortly
from ..comparison.remeasure import Remeasured
from ..datasets.dataset import Dataset
from ..datasets.feature import Feature
from ..formatting.numbers import count, interval, labeled, number, value
from ..reports.bundle import Bundle, make
from ..reports.overview import risks, worst
from ..result import Chart, Column, Finding, Metric, Record, Severity, Status, Table
from ..samples.catalog import Sample
from ..targets.target import Target
from .risk_picture import RiskLine, lines
from .steps import Steps

MOST_ROWS = 12
RUN = re.compile("[0-9a-f]{32}")
LEADS = 3
State = Literal["", "passed", "finding", "incomplete", "not_applicable", "failed", "cancelled", "not_run"]


@dataclass(frozen=True)
class Fold:
    """A part that is folded away under its title."""

    title: str
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True)
class View:
    """What is said of a value: outcome first, then its numbers, its picture, what to act on, and the rest folded away.

    ``kind`` is what it is in a word; ``facts`` are names and texts for one small line; ``risks`` the lines of a report's picture.
    """

    kind: str
    title: str
    state: State = ""
    sentence: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    numbers: tuple[Metric, ...] = ()
    risks: tuple[RiskLine, ...] = ()
    findings: tuple[Finding, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    folds: tuple[Fold, ...] = field(default=())


@singledispatch
def view_of(one: object) -> View:
    """What is said of ``one``; of what nobody described its class's name alone."""
    return View(kind=type(one).__name__, title=str(getattr(one, "name", "")))


@view_of.register
def _record(one: Record) -> View:
    result, step = one.result, {**checks(), **defenses()}.get(one.check)
    picture = picture_of(one, step)
    others = tuple(chart for chart in result.charts if chart is not picture and not chart.people)
    shown = tuple(table for table in result.tables if not table.people)
    folds = [
        Fold("All numbers", (numbers_table(result.metrics),)) if len(result.metrics) > LEADS else None,
        Fold("Tables", shown) if shown else None,
        Fold("More charts", charts=others) if others else None,
        Fold("Notes", sentences=(*result.notes, *withheld(result.tables, result.charts))),
        Fold("How to repeat it", sentences=(command_of(one, step), versions_of(one))),
    ]
    return View(
        kind=one.kind,
        title=one.title,
        state=result.status.value,
        sentence=result.summary,
        facts=(("model", one.target.name), ("data", one.data.name), *cost_of(one)),
        numbers=leads_of(one, step),
        findings=result.findings,
        charts=(picture,) if picture is not None else (),
        folds=tuple(fold for fold in folds if fold is not None and (fold.tables or fold.charts or any(fold.sentences))),
    )


def picture_of(one: Record, step: type[Step] | None) -> Chart | None:
    """The chart of the first view: the one its class names, else the first without single people's rows."""
    charts = [chart for chart in one.result.charts if not chart.people]
    named = [chart for chart in charts if step is not None and chart.name == step.picture]
    return next(iter([*named, *charts]), None)


def leads_of(one: Record, step: type[Step] | None) -> tuple[Metric, ...]:
    """At most three numbers: the headline, those that its class names, and then in order."""
    metrics = one.result.metrics
    headline = step.headline_of(one.result) if step is not None else None
    names = step.leads if step is not None else ()
    led = [m for name in names for m in metrics if m.name == name or m.name.startswith(f"{name}_")]
    ordered = [*([headline] if headline is not None else []), *led, *metrics]
    return tuple({m.name: m for m in ordered}.values())[:LEADS]


def gravest_first(findings: Sequence[Finding]) -> list[Finding]:
    """Findings by severity; of equal ones in their order."""
    order = list(Severity)
    return sorted(findings, key=lambda finding: -order.index(finding.severity))


def cost_of(one: Record) -> tuple[tuple[str, str], ...]:
    """What a record cost: its seed, queries and seconds, by name."""
    asked = (("queries", f"{one.queries:,}"),) if one.queries else ()
    return (("seed", str(one.seed)), *asked, ("took", f"{number(one.seconds)} s"))


def command_of(one: Record, step: type[Step] | None) -> str:
    """Python that asks the same again; of a defense, that applies it."""
    given = "".join(f", {name}={value!r}" for name, value in one.given.items())
    return f"ty.{'defend' if one.kind == 'defense' else 'check'}({one.check!r}, model, data{given})" if step is not None else ""


def versions_of(one: Record) -> str:
    """The libraries of a record with their versions, in one line."""
    return ", ".join(f"{name} {version}" for name, version in one.versions.items())


def withheld(tables: Sequence[Table], charts: Sequence[Chart]) -> tuple[str, ...]:
    """That rows of single people are not shown, which a saved notebook would carry on, and where they are."""
    names = [table.name for table in tables if table.people] + [chart.name for chart in charts if chart.people]
    return (f"Rows of single people are not shown here: {', '.join(map(repr, names))}; see .tables and .plot().",) if names else ()


def numbers_table(metrics: Sequence[Metric]) -> Table:
    """Metrics as a table: value, interval, n."""
    heads = tuple(Column(name=name) for name in ("number", "value", "interval", "n"))
    rows = tuple(
        (m.label, " ".join(filter(None, value(m))) if m.value is not None else f"not measured: {m.note}", interval(m), count(m)[4:])
        for m in metrics
    )
    return Table(name="numbers", title="Numbers", columns=heads, rows=rows)


# A report


@view_of.register
def _assessment(one: Assessment) -> View:
    if not one.records:
        return View("report", "Security report", "cancelled" if one.cancelled else "incomplete", "Nothing was measured.")
    bundle = bundle_of(one)
    judged = one.judgment
    return View(
        kind="report",
        title=bundle.title,
        state=state_of(one, bundle),
        sentence=sentence_of(one),
        facts=(("model", bundle.target.detail), ("data", bundle.data.detail), *((("policy", judged.policy),) if judged else ())),
        risks=lines(risks(bundle)),
        findings=tuple(grave.finding for grave in worst(bundle)),
        folds=(Fold("Every check", (checks_table(one.records),)), *_policy(one), *_open(one)),
    )


def bundle_of(one: Assessment) -> Bundle:
    """The report of all that was measured, as it is written to a file; of single people's rows nothing."""
    verdict = one.judgment.verdict if one.judgment else ""
    verdicts = [v.model_dump(mode="json") for v in one.judgment.verdicts] if one.judgment else ()
    return make(one.records, verdict=verdict, verdicts=verdicts, unmet=one.unmet, assumed=one.assumed)


def state_of(one: Assessment, bundle: Bundle) -> State:
    """A pass is earned: of the policy where there is one, else every check that applies passed and none is left out."""
    if one.judgment is not None:
        words: dict[str, State] = {"pass": "passed", "fail": "finding"}
        return words.get(one.judgment.verdict, "incomplete")
    states = {topic.state for topic in standing_of(bundle.records, bundle.target, bundle.data, bundle.unmet or None).topics.values()}
    if "finding" in states:
        return "finding"
    return "passed" if states <= {"passed", "not_applicable"} and "passed" in states and not one.cancelled else "incomplete"


def sentence_of(one: Assessment) -> str:
    """How the checks ended, in one sentence."""
    found = sum(len(r.result.findings) for r in one.records)
    ended = [(status, sum(r.result.status is status for r in one.records)) for status in Status if status is not Status.FINDING]
    parts = [f"{n} {status.value.replace('_', ' ')}" for status, n in ended if n]
    parts += [f"{len(one.unasked)} not run"] if one.unasked else []
    head = f"{found} finding{'s' * (found != 1)} in {len(one.records)} check{'s' * (len(one.records) != 1)}"
    cut = "Cancelled; what was done until then is kept. " if one.cancelled else ""
    policy = f"Policy {one.judgment.policy}: {one.judgment.verdict}. " if one.judgment else ""
    return f"{cut}{policy}{head}" + (f"; {', '.join(parts)}." if parts else ".")


def checks_table(records: Sequence[Record]) -> Table:
    """A row for each check: how it ended, and its number."""
    heads = tuple(Column(name=name) for name in ("check", "title", "ended", "number", "summary"))
    steps = {**checks(), **defenses()}
    rows = []
    for record in records:
        step = steps.get(record.check)
        headline = step.headline_of(record.result) if step is not None else None
        text = labeled(headline) if headline is not None else ""
        rows.append((record.check, record.title, record.result.status.value.replace("_", " "), text, record.result.summary))
    return Table(name="checks", title="Every check", columns=heads, rows=tuple(rows))


def _policy(one: Assessment) -> tuple[Fold, ...]:
    if one.judgment is None:
        return ()
    rows = tuple((v.check, v.metric, str(v.outcome.value), v.reason) for v in one.judgment.verdicts)
    heads = tuple(Column(name=name) for name in ("check", "number", "outcome", "why"))
    return (Fold("The policy's rules", (Table(name="policy", title="The policy's rules", columns=heads, rows=rows),)),)


def _open(one: Assessment) -> tuple[Fold, ...]:
    apart = f"{len(one.not_run) - len(one.unasked)} more cannot be asked of this model and data."
    sentences = (*((", ".join(one.unasked),) if one.unasked else ()), *((apart,) if len(one.unasked) < len(one.not_run) else ()))
    return (Fold(f"Not run ({len(one.unasked)})", sentences=sentences),) if sentences else ()


# Models, data, and what changed


@view_of.register
def _target(one: Target) -> View:
    return View(
        kind="target",
        title=one.name,
        state="incomplete" if one.doubts else "",
        sentence=one.doubts[0] if one.doubts else "",
        facts=target_facts(one),
        folds=tuple(
            Fold(title, sentences=sentences)
            for title, sentences in (("Doubts", one.doubts[1:]), ("What opening assumed", one.assumptions))
            if sentences
        ),
    )


def target_facts(one: Target) -> tuple[tuple[str, str], ...]:
    """What there is to say of a target, by name."""
    shape = " × ".join(map(str, one.input_shape))
    facts = {
        "model": one.model_type,
        "classes": _few(one.classes),
        "input": f"{shape} · {one.given}" if one.given else shape,
        "offers": ", ".join(sorted(one.offers)),
        "decides": one.rule,
        "asked so far": f"{one.queries:,} rows",
        "fingerprint": one.fingerprint[:12],
    }
    return tuple((name, text) for name, text in facts.items() if text)


@view_of.register
def _dataset(one: Dataset) -> View:
    share = "not known" if one.member is None else f"{int(one.member.sum()):,} of {len(one):,}"
    facts = (
        ("rows", f"{len(one):,}"),
        ("features", f"{len(one.schema.features):,}"),
        ("label", one.schema.label),
        ("sensitive", ", ".join(one.sensitive) or "none named"),
        ("trained on", share),
    )
    heads = tuple(Column(name=name) for name in ("feature", "kind", "values", "unit", "missing", "attackable"))
    rows = tuple((f.name, f.kind, _values(f), f.unit, f.missing, f.mutable) for f in one.schema.features)
    features = Table(name="features", title="Features", columns=heads, rows=rows)
    folds = (Fold("What reading assumed", sentences=one.assumed),) if one.assumed else ()
    return View(kind="data", title=one.name, facts=facts, tables=(classes_table(one), features), folds=folds)


def classes_table(one: Dataset) -> Table:
    """How many rows each class has."""
    counts = [int((one.y == place).sum()) for place in range(len(one.schema.classes))]
    heads = (Column(name="class"), Column(name="rows", kind="integer"), Column(name="share", kind="percent"))
    rows = tuple((name, n, n / len(one)) for name, n in zip(one.schema.classes, counts, strict=True))
    return Table(name="classes", title="Classes", columns=heads, rows=rows)


def _values(f: Feature) -> str:
    return _few(f.categories or f.columns) if f.categories or f.columns else f"{number(f.low)} to {number(f.high)}"


def _few(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


@view_of.register
def _steps(one: Steps) -> View:
    sentence = f"{len(one) - one.defenses} checks and {one.defenses} defenses. One by its id: ty.checks()[{next(iter(one), 'evasion.pgd')!r}]; help() of it says its parameters."
    return View(kind="catalogue", title="Checks and defenses", sentence=sentence, tables=tuple(steps_tables(one)))


def steps_tables(one: Steps) -> list[Table]:
    """A table a topic: id, what is asked, what it needs, how long it takes."""
    heads = tuple(Column(name=name) for name in ("id", "question", "needs", "takes"))
    found: dict[str, list[tuple[str, ...]]] = {}
    for id, step in one.items():
        found.setdefault(topic_of(id), []).append((id, step.question, ", ".join(sorted(step.needs)), step.cost))
    ordered = [topic for topic in TOPICS if topic in found]
    return [Table(name=topic, title=TOPICS[topic], columns=heads, rows=tuple(found[topic])) for topic in ordered]


@view_of.register
def _sample(one: Sample) -> View:
    facts = ((".target", one.target.name), (".data", f"{one.data.name}, {len(one.data):,} rows"), ("made", one.card.made))
    folds = (Fold("Target", sentences=tuple(" ".join(fact) for fact in target_facts(one.target))),)
    return View(kind="sample", title=one.card.title, facts=facts, tables=(classes_table(one.data),), folds=folds)


@view_of.register
def _comparison(one: Comparison) -> View:
    counted = {verdict: sum(m.verdict == verdict for m in one.metrics) for verdict in ("better", "worse", "unclear")}
    better = counted["better"]
    sentence = f"{better} number{'s' * (better != 1)} surely safer, {counted['worse']} surely less safe, {counted['unclear']} not to be told apart."
    tables = (moves_table(one), _changes(one))
    folds = [Fold(title, sentences=(", ".join(ids),)) for title, ids in (("Only before", one.only_before), ("Only after", one.only_after))]
    return View(
        kind="comparison",
        title=compared(one),
        state="finding" if counted["worse"] else "",
        sentence=sentence,
        tables=tuple(table for table in tables if table.rows),
        folds=tuple(fold for fold in folds if any(fold.sentences)),
    )


def compared(one: Comparison) -> str:
    """What was compared: runs by the beginning of their ids, models by name."""
    before, after = (side[:8] if RUN.fullmatch(side) else side for side in (one.before, one.after))
    return f"{before} → {after}" if before != after else f"{before}, before and after"


def moves_table(one: Comparison) -> Table:
    """Each number of a comparison before and after, and which way is safer."""
    heads = tuple(Column(name=name) for name in ("check", "number", "before", "after", "difference", "after is"))
    rows = tuple((m.check, m.label, m.told_before, m.told_after, m.told_difference, m.verdict) for m in one.metrics)
    return Table(name="numbers", title="Numbers", columns=heads, rows=rows)


def _changes(one: Comparison) -> Table:
    heads = tuple(Column(name=name) for name in ("what", "before", "after"))
    rows = [(c.what, shortly(c.before), shortly(c.after)) for c in one.changed]
    rows += [(s.title, shortly(s.before), shortly(s.after)) for s in one.statuses if s.before != s.after]
    return Table(name="changes", title="What else differs", columns=heads, rows=tuple(rows))


@view_of.register
def _remeasured(one: Remeasured) -> View:
    crossed = view_of(one.crossed) if one.crossed is not None else None
    made = view_of(one.defense)
    tables = crossed.folds if crossed is not None else ()
    shown = tuple(table for fold in tables if fold.title == "Tables" for table in fold.tables)
    return View(
        kind="defended",
        title=made.title,
        state=crossed.state if crossed is not None else made.state,
        sentence=crossed.sentence if crossed is not None else made.sentence,
        facts=made.facts,
        findings=crossed.findings if crossed is not None else made.findings,
        charts=crossed.charts if crossed is not None else made.charts,
        tables=shown,
        folds=(Fold("What the defense says", (numbers_table(one.defense.result.metrics),), made.charts, (made.sentence,)),),
    )

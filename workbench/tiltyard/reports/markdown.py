"""The report as Markdown, for wikis and merge requests: the two pages, the topics, and of the annex every number."""

import re
from collections.abc import Iterable, Sequence

from ..catalogue import topic_of
from ..formatting import cells
from ..formatting.numbers import interval, measured
from . import wording
from .bundle import Bundle
from .catalog import Say, sayer
from .overview import risks, unasked, worst
from .pages import Page, pages

SPECIAL = re.compile(r"([\\`*_\[\]|<>~$@]|&(?=[#\w])|:(?=\S)|(?<=\bwww)\.|(?<=\])\()", re.IGNORECASE)
FIRST = re.compile(r"^(\d{1,9}(?=[.)](?:\s|$))|)([.)#+\-=])")  # what begins a heading, a list or a rule where it stands first

WHITE = re.compile(r"\s+")


def plain(text: object) -> str:
    """Any text as text: on one line, and no sign in it means anything to Markdown or HTML."""
    kept = "".join(c if c.isprintable() else " " for c in WHITE.sub(" ", str(text)))
    return FIRST.sub(r"\1\\\2", SPECIAL.sub(r"\\\1", kept).strip())


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A table of GitHub's Markdown."""
    lines = [heads, *rows]
    written = ["| " + " | ".join(plain(cell) for cell in line) + " |" for line in lines]
    return [written[0], "|" + " --- |" * len(heads), *written[1:], ""]


def render(bundle: Bundle) -> str:
    """The whole report as one Markdown document."""
    t = sayer(bundle.about.language)
    made = pages(bundle)
    lines = [*_front(bundle, t), *_second(bundle, t)]
    for page in made:
        lines += _page(bundle, page, t)
    lines += _annex(made, t) if bundle.about.annex else []
    return "\n".join(lines).rstrip() + "\n"


def _front(bundle: Bundle, t: Say) -> list[str]:
    facts = [(fact.name, "; ".join(fact.lines)) for fact in wording.facts(bundle)]
    verdict = [f"**{plain(wording.verdict(bundle))}** {plain(' '.join(wording.counts(bundle)))}", ""]
    heads = (t("Risk"), t("State"), t("Measured"), t("Safer"), t("Limit"), t("After a defense"), t("Owner"))
    rows = [
        (
            t(r.topic.title),
            f"{wording.state(r.topic.state, t)}; {wording.asked(r.topic, t)}",
            f"{r.metric.label}: {wording.number(r.metric)} {interval(r.metric)}" if r.metric else r.gravest or "–",
            wording.safer(r.metric, t) if r.metric else "–",
            wording.limit(r, t) + (f" ({wording.outcome(r.limit.outcome, t)})" if r.limit else ""),
            f"{wording.number(r.after.metric)} ({r.after.defense})" if r.after else "–",
            r.owner or t("not named"),
        )
        for r in risks(bundle)
    ]
    return [f"# {plain(bundle.title)}", "", *table((t("Security report"), ""), facts), *verdict, *table(heads, rows)]


def _second(bundle: Bundle, t: Say) -> list[str]:
    heads = (t("Severity"), t("Finding"), t("What to do"), t("Owner"))
    owner = bundle.about.owner
    grave = [
        (wording.severity(g.finding.severity, t), g.finding.title, g.finding.advice, owner(topic_of(g.record.check)) or t("not named"))
        for g in worst(bundle)
    ]
    lines = [
        f"## {t('The gravest findings')}",
        "",
        *(table(heads, grave) if grave else [" ".join([t("No finding."), *map(plain, wording.unsettled(bundle))]), ""]),
    ]
    if bundle.verdicts:
        rules = [(v.get("rule", ""), wording.outcome(str(v.get("outcome", "")), t), v.get("reason", "")) for v in bundle.verdicts]
        lines += [f"## {t('Against the limits')}", "", *table((t("Limit"), t("Outcome"), t("Why")), rules)]
    lines += _since(bundle, t)
    open_ones = [(t(o.topic), "; ".join(o.titles)) for o in unasked(bundle)]
    lines += [f"## {t('What was not asked')}", ""]
    lines += table((t("Risk"), t("What was not asked")), open_ones) if open_ones else [t("Every check that applies was asked."), ""]
    people = [(t("Assessed by"), bundle.about.author, "", ""), (t("Approved by"), bundle.about.approver, "", "")]
    return [*lines, f"## {t('Signatures')}", "", *table((t("Role"), t("Name"), t("Signature"), t("Date")), people)]


def _since(bundle: Bundle, t: Say) -> list[str]:
    if bundle.since is None:
        return []
    d = bundle.since
    rows = [(t("New"), "; ".join(n.title for n in d.new) or "–"), (t("Settled"), "; ".join(n.title for n in d.settled) or "–")]
    rows += [(t("Not asked again"), "; ".join(n.title for n in d.not_asked_again))] if d.not_asked_again else []
    moved = "; ".join(f"{m.title}, {m.label}: {m.told_before} → {m.told_after}" for m in d.moved)
    rows.append((t("Moved by more than its error"), moved or "–"))
    head = t("Run {run} of {date}.").format(run=d.run[:8], date=f"{d.made:%Y-%m-%d}")
    return [f"## {t('Since the last report')}", "", plain(head), "", *table((t("Change"), t("What")), rows)]


def _page(bundle: Bundle, page: Page, t: Say) -> list[str]:
    state = f"{wording.state(page.standing.state, t)}, {wording.asked(page.standing, t)}" if page.standing else page.sentence
    lines = [f"## {plain(t(page.title))}", "", plain(f"{state}. {t('Owner')}: {page.owner or t('not named')}."), ""]
    lines += [plain(page.lead.result.summary), ""]
    for line in page.lines:
        f = line.finding
        advice = plain(t("As above.") if line.repeats else wording.ended(f.advice))
        lines += [
            f"- **{wording.severity(f.severity, t)}** {plain(f.title)} ({plain(line.record.title)}). {plain(wording.ended(f.evidence))} *{advice}*"
        ]
    rows = [(r.title, wording.state(r.result.status.value, t), wording.in_a_line(r)) for r in page.records]
    return [*lines, "", *table((t("Step"), t("Ended"), t("Measured")), rows)]


def _annex(made: Sequence[Page], t: Say) -> list[str]:
    lines = [f"## {t('Annex')}", ""]
    for record in [record for page in made for record in page.records]:
        lines += [f"### {plain(record.title)} ({record.id[:8]})", "", plain(record.result.summary), ""]
        if record.result.metrics:
            rows = [(m.label, measured(m), wording.safer(m, t)) for m in record.result.metrics]
            lines += table((t("Measure"), t("Value, interval, n"), t("Safer")), rows)
        for shown in record.result.tables:
            heads = [f"{c.name} ({c.unit})" if c.unit else c.name for c in shown.columns]
            lines += [f"**{plain(shown.title)}**", "", *table(heads, cells.rows(shown)), plain(shown.note), ""]
        lines += [f"- {plain(text)}" for text in (*(c.alt for c in record.result.charts), *record.result.notes)] + [""]
    return lines

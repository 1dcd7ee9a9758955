"""The report as a Word document, by python-docx (MIT; the extra ``word``): headings, tables and pictures that Word can edit."""

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..catalogue import topic_of
from ..errors import Problem
from ..formatting import cells
from ..formatting.numbers import interval, measured
from ..result import Chart
from . import wording
from .bundle import Bundle
from .catalog import Say, sayer
from .figures import png
from .overview import risks, unasked, worst
from .pages import Page, pages

if TYPE_CHECKING:
    from docx.document import Document

WIDE = 12  # columns; a table of more is in HTML and JSON alone
ROWS = 60


def clean(text: object) -> str:
    """``text`` without the characters that XML cannot hold."""
    return "".join(c if c in "\n\t" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff") else "?" for c in str(text))


def render(bundle: Bundle) -> bytes:
    """The whole report as the bytes of a .docx file.

    Raises
    ------
    Problem
        python-docx is not installed.
    """
    try:
        import docx
    except ImportError:
        raise Problem("the Word writer", "it is not installed", "Install tiltyard[word], or export HTML, PDF or Markdown") from None
    t, document = sayer(bundle.about.language), docx.Document()
    _properties(document, bundle)
    _front(document, bundle, t)
    _second(document, bundle, t)
    made = pages(bundle)
    for page in made:
        _page(document, page, t)
    if bundle.about.annex:
        _annex(document, made, t)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _properties(document: "Document", bundle: Bundle) -> None:
    about, kept = bundle.about, document.core_properties
    kept.title, kept.author, kept.language = clean(bundle.title)[:255], clean(about.author)[:255], about.language
    kept.subject, kept.created = clean(about.purpose)[:255], bundle.created.replace(tzinfo=None)
    section = document.sections[0]
    section.header.paragraphs[0].text = clean(f"{bundle.title}\t\t{bundle.run_id[:8]}")


def _table(document: "Document", heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table whose head is repeated on each page."""
    from docx.oxml import OxmlElement
    from docx.shared import Pt

    lines = list(rows)
    made = document.add_table(rows=1 + len(lines), cols=len(heads), style="Light Grid Accent 1")
    for row, line in zip(made.rows, [heads, *lines], strict=True):
        for cell, text in zip(row.cells, line, strict=True):
            cell.text = clean(text)
            for run in cell.paragraphs[0].runs:
                run.font.size = Pt(8)
    made.rows[0]._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
    document.add_paragraph()


def _front(document: "Document", bundle: Bundle, t: Say) -> None:
    document.add_heading(clean(bundle.title), 0)
    _table(document, (t("Security report"), ""), [(fact.name, "\n".join(fact.lines)) for fact in wording.facts(bundle)])
    verdict = document.add_paragraph()
    verdict.add_run(clean(wording.verdict(bundle))).bold = True
    verdict.add_run(clean(" " + " ".join(wording.counts(bundle))))
    rows = [
        (
            t(r.topic.title),
            f"{wording.state(r.topic.state, t)}\n{wording.asked(r.topic, t)}",
            f"{wording.number(r.metric)} {interval(r.metric)}\n{r.metric.label}" if r.metric else r.gravest or "–",
            wording.limit(r, t) + (f"\n{wording.outcome(r.limit.outcome, t)}" if r.limit else ""),
            f"{wording.number(r.after.metric)}\n{r.after.defense}" if r.after else "–",
            r.owner or t("not named"),
        )
        for r in risks(bundle)
    ]
    _table(document, (t("Risk"), t("State"), t("Measured"), t("Limit"), t("After a defense"), t("Owner")), rows)


def _second(document: "Document", bundle: Bundle, t: Say) -> None:
    document.add_heading(t("The gravest findings"), 1)
    owner = bundle.about.owner
    rows = [
        (wording.severity(g.finding.severity, t), g.finding.title, g.finding.advice, owner(topic_of(g.record.check)) or t("not named"))
        for g in worst(bundle)
    ]
    _table(document, (t("Severity"), t("Finding"), t("What to do"), t("Owner")), rows)
    if bundle.verdicts:
        document.add_heading(t("Against the limits"), 1)
        rules = [(v.get("rule", ""), wording.outcome(str(v.get("outcome", "")), t), v.get("reason", "")) for v in bundle.verdicts]
        _table(document, (t("Limit"), t("Outcome"), t("Why")), rules)
    if (d := bundle.since) is not None:
        document.add_heading(t("Since the last report"), 1)
        changes: list[Any] = [(t("New"), n.title) for n in d.new] + [(t("Settled"), n.title) for n in d.settled]
        changes += [(t("Not asked again"), n.title) for n in d.not_asked_again]
        changes += [(t("Moved by more than its error"), f"{m.label}: {m.told_before} → {m.told_after}") for m in d.moved]
        _table(document, (t("Change"), t("What")), changes)
    document.add_heading(t("What was not asked"), 1)
    _table(document, (t("Risk"), t("What was not asked")), [(t(o.topic), "; ".join(o.titles)) for o in unasked(bundle)])
    document.add_heading(t("Signatures"), 1)
    people = [(t("Assessed by"), bundle.about.author, "", ""), (t("Approved by"), bundle.about.approver, "", "")]
    _table(document, (t("Role"), t("Name"), t("Signature"), t("Date")), people)


def _page(document: "Document", page: Page, t: Say) -> None:
    _break(document)
    document.add_heading(clean(t(page.title)), 1)
    state = f"{wording.state(page.standing.state, t)}, {wording.asked(page.standing, t)}" if page.standing else page.sentence
    document.add_paragraph(clean(f"{state}. {t('Owner')}: {page.owner or t('not named')}."))
    document.add_paragraph(clean(page.lead.result.summary))
    for chart in page.pictures:
        _picture(document, chart)
    for line in page.lines:
        f = line.finding
        item = document.add_paragraph(style="List Bullet")
        item.add_run(clean(f"{wording.severity(f.severity, t)}: {f.title} ")).bold = True
        advice = t("As above.") if line.repeats else wording.ended(f.advice)
        item.add_run(clean(f"({line.record.title}) {wording.ended(f.evidence)} {advice}"))
    rows = [(r.title, wording.state(r.result.status.value, t), wording.in_a_line(r)) for r in page.records]
    _table(document, (t("Step"), t("Ended"), t("Measured")), rows)


def _break(document: "Document") -> None:
    from docx.enum.text import WD_BREAK

    document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)


def _picture(document: "Document", chart: Chart) -> None:
    """The chart with words for who does not see it."""
    from docx.shared import Cm

    drawn = document.add_picture(io.BytesIO(png(chart)), width=Cm(11))
    drawn._inline.docPr.set("descr", clean(chart.alt))
    document.add_paragraph(clean(chart.title), style="Caption")


def _annex(document: "Document", made: Sequence[Page], t: Say) -> None:
    _break(document)
    document.add_heading(t("Annex"), 1)
    for record in [record for page in made for record in page.records]:
        document.add_heading(clean(record.title), 2)
        document.add_paragraph(clean(record.result.summary))
        if record.result.metrics:
            rows = [(m.label, measured(m), wording.safer(m, t)) for m in record.result.metrics]
            _table(document, (t("Measure"), t("Value, interval, n"), t("Safer")), rows)
        for shown in record.result.tables:
            document.add_paragraph(
                clean(f"{shown.title}. {shown.note} {cells.shown_of(shown, min(len(shown.rows), ROWS)) if shown.rows else ''}")
            )
            if shown.rows and len(shown.columns) <= WIDE:
                _table(document, [f"{c.name} {c.unit}".strip() for c in shown.columns], cells.rows(shown, ROWS))
        for note in record.result.notes:
            document.add_paragraph(clean(note))

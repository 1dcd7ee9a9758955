"""Rows of people are withheld from a report unless they are asked for: tables, charts and pictures that say so of themselves."""

from ..result import Chart, CheckResult, Evidence, Finding, Record, Table
from .old_flags import shows_people

WITHHELD = "rows withheld ({count})"
BY_HAND = "redteam."  # how the checks of rows begin that a person changed and kept
ONE_ROW = "One row, changed by hand"


def withheld(record: Record) -> Record:
    """``record`` without a single person's row: of a table the head and the count are kept, a picture goes, and a note says so.

    Of a row that was kept by hand only that there was one is left.
    """
    result, check = record.result, record.check
    if check.startswith(BY_HAND):
        return _nameless(record)
    rows = {t.name for t in result.tables if shows_people(check, t.name, t.people)}
    tables = tuple(_emptied(t) if t.name in rows else t for t in result.tables)
    charts = tuple(_unsaid(c) for c in result.charts if not shows_people(check, c.name, c.people))
    galleries = tuple(g for g in result.galleries if not shows_people(check, g.name, g.people))
    gone = {c.name for c in result.charts} - {c.name for c in charts}
    hidden = sum(len(g.rows) for g in result.galleries) - sum(len(g.rows) for g in galleries)
    notes = [f"A chart of single rows: {WITHHELD.format(count=1)}."] * len(gone)
    notes += [f"Pictures: {WITHHELD.format(count=hidden)}."] if hidden else []
    findings = tuple(_without(finding, gone, rows) for finding in result.findings)
    changed = {"tables": tables, "charts": charts, "galleries": galleries, "findings": findings, "notes": (*result.notes, *notes)}
    return record.model_copy(update={"result": result.model_copy(update=changed)})


def _nameless(record: Record) -> Record:
    note = f"{WITHHELD.format(count=1).capitalize()}."
    plain = {"key": "by-hand", "title": ONE_ROW, "evidence": Evidence(sentence=note), "advice": "See it in the workbench."}
    findings = tuple(finding.model_copy(update=plain) for finding in record.result.findings[:1])
    result = CheckResult(status=record.result.status, summary=f"{ONE_ROW}. {note}", findings=findings)
    return record.model_copy(update={"check": f"{BY_HAND}row", "title": ONE_ROW, "result": result, "given": {}, "effective": {}})


def _unsaid(chart: Chart) -> Chart:
    """A cloud of points without what is said of each, which is a person's own value."""
    if chart.kind not in ("swarm", "scatter"):
        return chart
    return chart.model_copy(update={"series": tuple(s.model_copy(update={"remarks": ()}) for s in chart.series)})


def _emptied(table: Table) -> Table:
    """The columns and how many rows there were; the title may name a row, so the table's name stands for it."""
    count = table.total if table.total is not None else len(table.rows)
    title = table.name.replace("_", " ").capitalize()
    note = f"{WITHHELD.format(count=count).capitalize()}."
    return table.model_copy(update={"title": title, "rows": (), "marked": (), "total": count, "note": note})


def _without(finding: Finding, charts: set[str], tables: set[str]) -> Finding:
    """The finding, whose evidence no longer names ``charts`` and quotes no row of ``tables``."""
    evidence = finding.evidence
    if not isinstance(evidence, Evidence):
        return finding
    kept = tuple(name for name in evidence.charts if name not in charts)
    sentence = "" if tables & set(evidence.tables) else evidence.sentence
    return finding.model_copy(update={"evidence": evidence.model_copy(update={"charts": kept, "sentence": sentence})})

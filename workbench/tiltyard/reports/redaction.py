"""Rows of people are withheld from a report unless they are asked for: tables, charts and pictures that say so of themselves."""

from ..result import CheckResult, Evidence, Finding, Record, Table
from .old_flags import shows_people

WITHHELD = "rows withheld ({count})"


def withheld(record: Record) -> Record:
    """``record`` without a single person's row: of a table the head and the count are kept, a picture goes, and a note says so."""
    result = record.result
    tables = tuple(_emptied(t) if shows_people(record.check, t.name, t.people) else t for t in result.tables)
    charts = tuple(c for c in result.charts if not shows_people(record.check, c.name, c.people))
    galleries = tuple(g for g in result.galleries if not shows_people(record.check, g.name, g.people))
    gone = {c.name for c in result.charts} - {c.name for c in charts}
    notes = [f"A chart of single rows: {WITHHELD.format(count=1)}."] * len(gone)
    hidden = sum(len(g.rows) for g in result.galleries) - sum(len(g.rows) for g in galleries)
    notes += [f"Pictures: {WITHHELD.format(count=hidden)}."] if hidden else []
    changed = {"tables": tables, "charts": charts, "galleries": galleries, "notes": (*result.notes, *notes)}
    if tables == result.tables and not notes:
        return record
    findings = tuple(_without(finding, gone) for finding in result.findings)
    return record.model_copy(update={"result": CheckResult.model_copy(result, update=changed | {"findings": findings})})


def _emptied(table: Table) -> Table:
    """The columns and how many rows there were; the title may name a row, so the table's name stands for it."""
    count = table.total if table.total is not None else len(table.rows)
    title = table.name.replace("_", " ").capitalize()
    note = f"{WITHHELD.format(count=count).capitalize()}."
    return table.model_copy(update={"title": title, "rows": (), "marked": (), "total": count, "note": note})


def _without(finding: Finding, charts: set[str]) -> Finding:
    """The finding, whose evidence no longer names ``charts``."""
    evidence = finding.evidence
    if not charts or not isinstance(evidence, Evidence):
        return finding
    kept = tuple(name for name in evidence.charts if name not in charts)
    return finding.model_copy(update={"evidence": evidence.model_copy(update={"charts": kept})})

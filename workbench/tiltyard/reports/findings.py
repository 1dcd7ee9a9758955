"""Findings as a person reads them: names of metrics, tables and charts become labels, values with interval and n, titles."""

from ..formatting.numbers import labeled
from ..result import CheckResult, Evidence, Finding
from .old_evidence import read


class Described(Finding):
    """A finding whose evidence is in words."""

    evidence: str


def described(result: CheckResult) -> tuple[Described, ...]:
    """The findings of ``result``, for panels, reports and the server; text of records before format 2 is read as it was meant."""
    return tuple(Described(**{**dict(finding), "evidence": _words(finding.evidence, result)}) for finding in result.findings)


def _words(evidence: Evidence | str, result: CheckResult) -> str:
    if isinstance(evidence, str):
        evidence = read(evidence, result)
    metrics = {m.name: labeled(m) for m in result.metrics}
    tables = {t.name: f"table “{t.title}”" for t in result.tables}
    charts = {c.name: f"chart “{c.title}”" for c in result.charts}
    named = [(evidence.metrics, metrics), (evidence.tables, tables), (evidence.charts, charts)]
    return "; ".join([*(known.get(name, name) for names, known in named for name in names), *filter(None, [evidence.sentence])])

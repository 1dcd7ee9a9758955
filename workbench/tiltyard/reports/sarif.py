"""Findings as SARIF, for code hosts that show them beside the code."""

from ..published import sarif
from ..result import Record, Severity
from .bundle import Bundle
from .findings import described

LEVELS: dict[Severity, sarif.Level] = {
    Severity.INFO: "note",
    Severity.LOW: "note",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "error",
}
SCORES = {Severity.INFO: "0.0", Severity.LOW: "3.0", Severity.MEDIUM: "5.5", Severity.HIGH: "8.0", Severity.CRITICAL: "9.5"}


def render(bundle: Bundle) -> str:
    """The findings as one SARIF run; the rules are the steps that were run."""
    rules = {record.check: _rule(record) for record in bundle.records}
    unsettled = [r.check for r in bundle.records if r.result.status.value in ("failed", "cancelled", "incomplete")]
    results = [result for record in bundle.records for result in _results(record, bundle)]
    return sarif.document(list(rules.values()), results, unsettled, bundle.run_id)


def _rule(record: Record) -> sarif.Part:
    return sarif.rule(record.check, record.title, name=record.title, properties={"tags": list(record.standards)})


def _results(record: Record, bundle: Bundle) -> list[sarif.Part]:
    """One result for each finding; its fingerprint is its key and the target, so that another seed opens no second alert."""
    return [
        sarif.result(
            record.check,
            LEVELS[finding.severity],
            f"{finding.title}. Evidence: {finding.evidence}. {finding.advice}",
            sarif.module(bundle.target.name),
            {"finding/v2": key, "target/v1": bundle.target.fingerprint},
            properties={"security-severity": SCORES[finding.severity], "standards": list(finding.standards), "record": record.id},
        )
        for (key, _), finding in zip(record.keyed(), described(record.result), strict=True)
    ]

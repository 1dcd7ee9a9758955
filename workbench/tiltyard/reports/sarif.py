"""Findings as SARIF 2.1.0, for code hosts that show them beside the code."""

import json
from typing import Any

from ..result import Finding, Record, Severity
from ..version import __version__
from .bundle import Bundle
from .evidence import told

LEVELS = {Severity.INFO: "note", Severity.LOW: "note", Severity.MEDIUM: "warning", Severity.HIGH: "error", Severity.CRITICAL: "error"}
SCORES = {Severity.INFO: "0.0", Severity.LOW: "3.0", Severity.MEDIUM: "5.5", Severity.HIGH: "8.0", Severity.CRITICAL: "9.5"}


def render(bundle: Bundle) -> str:
    """The findings as one SARIF run; the rules are the steps that were run."""
    rules = {record.check: _rule(record) for record in bundle.records}
    results = [_result(record, finding, bundle) for record in bundle.records for finding in told(record.result)]
    driver = {"name": "Tiltyard", "semanticVersion": __version__, "rules": list(rules.values())}
    failed = [r.check for r in bundle.records if r.result.status.value in ("failed", "cancelled", "incomplete")]
    notes = [{"level": "warning", "message": {"text": f"{id} gave no conclusion"}} for id in failed]
    done = {"executionSuccessful": not failed, "toolExecutionNotifications": notes}
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results, "invocations": [done]}],
    }
    return json.dumps(document, indent=1, ensure_ascii=False)


def _rule(record: Record) -> dict[str, Any]:
    return {
        "id": record.check,
        "name": record.title,
        "shortDescription": {"text": record.title},
        "properties": {"tags": list(record.standards)},
    }


def _result(record: Record, finding: Finding, bundle: Bundle) -> dict[str, Any]:
    return {
        "ruleId": record.check,
        "level": LEVELS[finding.severity],
        "message": {"text": f"{finding.title}. Evidence: {finding.evidence}. {finding.advice}"},
        "locations": [{"logicalLocations": [{"name": bundle.target.name, "kind": "module"}]}],
        "partialFingerprints": {"target/v1": bundle.target.fingerprint, "finding/v1": f"{record.check}:{finding.title}"},
        "properties": {"security-severity": SCORES[finding.severity], "standards": list(finding.standards), "record": record.id},
    }

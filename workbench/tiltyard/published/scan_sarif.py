"""Scan verdicts as SARIF: a rule for each kind of thing found, with its severity, weakness, technique and advisories."""

from collections.abc import Sequence
from typing import Any

from ..artifacts.reason import Reason
from ..artifacts.rules import RULES, Rule, Severity, rule_of, severity_of
from . import sarif
from .scan_list import ScannedFile

LEVELS: dict[Severity, sarif.Level] = {"note": "note", "low": "note", "medium": "warning", "high": "error", "critical": "error"}
SCORES: dict[Severity, str] = {"note": "0.0", "low": "3.0", "medium": "5.5", "high": "8.0", "critical": "9.5"}
"""What GitHub's code scanning sorts by: the middle of the range that it gives each word."""


def render(found: Sequence[ScannedFile]) -> str:
    """One result per reason that is more than a note; a file that could not be read is a warning too."""
    results = [result for one in found if one.kind not in ("document", "weights") for result in _results(one)]
    used = {result["ruleId"] for result in results}
    return sarif.document([_rule(rule) for id, rule in RULES.items() if id in used], results)


def _rule(rule: Rule) -> sarif.Part:
    words = [f"external/cwe/{id.lower()}" for id in rule.cwe]
    tags = ["security", *words, *(f"atlas/{id}" for id in rule.atlas), *rule.advisories]
    more: dict[str, Any] = {
        "name": rule.title,
        "fullDescription": {"text": f"{rule.sentence} {rule.details}"},
        "help": {"text": rule.fix},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {"tags": tags, "security-severity": SCORES[rule.severity]},
    }
    return sarif.rule(rule.id, rule.sentence, **more)


def _results(one: ScannedFile) -> list[sarif.Part]:
    place = sarif.file(one.path)
    if one.verdict is None:
        return [sarif.result("not-judged", "warning", one.problem, place)]
    marks = {"sha256/v1": one.verdict.sha256}
    bad = [reason for reason in one.verdict.reasons if reason.grade != "note"]
    return [_result(reason, one, place, marks) for reason in bad]


def _result(reason: Reason, one: ScannedFile, place: sarif.Part, marks: dict[str, str]) -> sarif.Part:
    id = rule_of(reason)
    left_out: dict[str, Any] = {"suppressions": [{"kind": "external"}]} if id in one.suppressed else {}
    text = f"{reason.where}: {reason.what}; {reason.why}"
    return sarif.result(id, LEVELS[severity_of(reason)], text, place, marks, **left_out)

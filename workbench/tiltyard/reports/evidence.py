"""What a finding rests on, as a person reads it: names of metrics, tables and charts become labels, values with interval and n, titles."""

import re
from collections.abc import Mapping

from ..formatting.numbers import labeled
from ..result import CheckResult, Finding

LEAD = re.compile(r"^[\s,;:.]+")


def told(result: CheckResult) -> tuple[Finding, ...]:
    """The findings of ``result``, the evidence of each in words; one that names nothing of the result is left as it is."""
    named = _named(result)
    return tuple(finding.model_copy(update={"evidence": _said(finding.evidence, named)}) for finding in result.findings)


def _named(result: CheckResult) -> dict[str, dict[str, str]]:
    """By kind and name, what there is to say of each thing that evidence may name."""
    return {
        "metric": {m.name: labeled(m) for m in result.metrics},
        "table": {t.name: f"table “{t.title}”" for t in result.tables},
        "chart": {c.name: f"chart “{c.title}”" for c in result.charts},
    }


def _said(evidence: str, named: Mapping[str, Mapping[str, str]]) -> str:
    """``metric gap, chart roc: more`` as what these say, then the rest."""
    alone = next((known[evidence] for known in named.values() if evidence in known), "")
    if alone:
        return alone
    found: list[tuple[int, str]] = []
    rest = evidence
    for kind, known in named.items():
        pattern = _naming(kind, known)
        for match in pattern.finditer(evidence) if pattern else ():
            found += [(match.start(), known[name]) for name in re.findall(r"\w+", match[1]) if name in known]
        rest = pattern.sub("", rest) if pattern else rest
    if not found:
        return evidence
    said = [text for _, text in sorted(found, key=lambda one: one[0])]
    left = LEAD.sub("", re.sub(r"\s*[,;]\s*(?=[,;:.])|\s+(?=[.,;])", "", rest)).rstrip(" ;,.")
    return "; ".join([*said, *([left] if left else [])])


def _naming(kind: str, known: Mapping[str, str]) -> re.Pattern[str] | None:
    """Matches ``metrics a, b and c`` where these are known."""
    if not known:
        return None
    name = "|".join(map(re.escape, sorted(known, key=len, reverse=True)))
    return re.compile(rf"\b{kind}s?\s+((?:{name})\b(?:(?:,\s*|\s+and\s+|,\s+and\s+)(?:{name})\b)*)", re.IGNORECASE)

"""Evidence of records before format 2, which was text: ``metrics gap and auc, chart roc: more``. Nothing writes it any more."""

import re
from collections.abc import Iterable

from ..result import CheckResult, Evidence

LEAD = re.compile(r"^[\s,;:.]+")


def read(text: str, result: CheckResult) -> Evidence:
    """What of ``result`` the text names, and the rest of it as a sentence; all of it is the sentence where it names nothing."""
    known = {
        "metric": [m.name for m in result.metrics],
        "table": [t.name for t in result.tables],
        "chart": [c.name for c in result.charts],
    }
    if alone := next((kind for kind, names in known.items() if text in names), None):
        return Evidence.model_validate({f"{alone}s": (text,)})
    found: dict[str, tuple[str, ...]] = {}
    rest = text
    for kind, names in known.items():
        pattern = _naming(kind, names)
        lists = pattern.findall(text) if pattern else []
        found[f"{kind}s"] = tuple(name for one in lists for name in re.findall(r"\w+", one) if name in names)
        rest = pattern.sub("", rest) if pattern else rest
    if not any(found.values()):
        return Evidence(sentence=text)
    left = LEAD.sub("", re.sub(r"\s*[,;]\s*(?=[,;:.])|\s+(?=[.,;])", "", rest)).rstrip(" ;,.")
    return Evidence(metrics=found["metrics"], tables=found["tables"], charts=found["charts"], sentence=left)


def _naming(kind: str, names: Iterable[str]) -> re.Pattern[str] | None:
    """Matches ``metrics a, b and c`` where these are known."""
    name = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    return re.compile(rf"\b{kind}s?\s+((?:{name})\b(?:(?:,\s*|\s+and\s+|,\s+and\s+)(?:{name})\b)*)", re.IGNORECASE) if name else None

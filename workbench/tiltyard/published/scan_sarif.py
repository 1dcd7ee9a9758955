"""Scan verdicts as SARIF."""

from . import sarif
from .listing import ScannedFile

LEVELS: dict[str, sarif.Level] = {"malicious": "error", "unproven": "warning", "known types": "note"}
RULES = (
    sarif.rule("malicious", "The file would run code, reach files or deceive a reader"),
    sarif.rule("unproven", "It could not be shown that the file is safe to load"),
    sarif.rule("known types", "A pickle of known classes alone: open it only from whom you trust, in a bounded child"),
)


def render(found: list[ScannedFile]) -> str:
    """One result per reason that is more than a note; a file that could not be read is a warning too."""
    return sarif.document(RULES, [result for one in found if not one.document for result in _results(one)])


def _results(one: ScannedFile) -> list[sarif.Part]:
    place = sarif.file(one.path)
    if one.verdict is None:
        return [sarif.result("unproven", LEVELS["unproven"], one.problem, place)]
    marks = {"sha256/v1": one.verdict.sha256}
    bad = [r for r in one.verdict.reasons if r.grade in LEVELS]
    return [sarif.result(r.grade, LEVELS[r.grade], f"{r.where}: {r.what}; {r.why}", place, marks) for r in bad]

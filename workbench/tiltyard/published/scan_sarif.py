"""Scan verdicts as SARIF 2.1.0."""

import json
from typing import Any

from ..version import __version__
from .listing import ScannedFile

LEVELS = {"unsafe": "error", "unproven": "warning"}
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(found: list[ScannedFile]) -> str:
    """One result per reason that is more than a note; a file that could not be read is a warning too."""
    rules = [
        {"id": "unsafe", "shortDescription": {"text": "The file would run code, reach files or deceive a reader"}},
        {"id": "unproven", "shortDescription": {"text": "It could not be shown that the file is safe to load"}},
    ]
    driver = {"name": "Tiltyard", "version": __version__, "rules": rules}
    results = [result for one in found if not one.document for result in _results(one)]
    run = {"tool": {"driver": driver}, "results": results, "columnKind": "unicodeCodePoints"}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1)


def _results(one: ScannedFile) -> list[dict[str, Any]]:
    if one.verdict is None:
        return [_result(one.path, "unproven", one.problem)]
    bad = [r for r in one.verdict.reasons if r.grade in LEVELS]
    return [_result(one.path, r.grade, f"{r.where}: {r.what}; {r.why}", one.verdict.sha256) for r in bad]


def _result(path: str, rule: str, text: str, sha256: str = "") -> dict[str, Any]:
    from urllib.parse import quote

    place = {"physicalLocation": {"artifactLocation": {"uri": quote(path.replace("\\", "/"))}}}
    found: dict[str, Any] = {"ruleId": rule, "level": LEVELS[rule], "message": {"text": text}, "locations": [place]}
    if sha256:
        found["partialFingerprints"] = {"sha256/v1": sha256}
    return found

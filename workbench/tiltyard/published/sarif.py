"""SARIF 2.1.0 (OASIS 2020): the document, its rules and its results, for the findings of a report and for the verdicts of a scan."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ..version import __version__

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
Level = Literal["note", "warning", "error"]
Part = dict[str, Any]


def document(rules: Sequence[Part], results: Sequence[Part], no_conclusion: Sequence[str] | None = None, run_id: str = "") -> str:
    """One run as JSON text.

    Parameters
    ----------
    rules, results
        Of `rule` and `result`.
    no_conclusion
        Ids of rules that could not be tried to their end; the run counts as successful where there are none. Left out where it is None.
    run_id
        The stored run that the results are of; left out where it is empty.
    """
    driver = {"name": "Tiltyard", "semanticVersion": __version__, "rules": list(rules)}
    run: Part = {"tool": {"driver": driver}, "results": list(results), "columnKind": "unicodeCodePoints"}
    if run_id:
        run["automationDetails"] = {"id": f"tiltyard/{run_id}"}
    if no_conclusion is not None:
        notes = [{"level": "warning", "message": {"text": f"{id} gave no conclusion"}} for id in no_conclusion]
        run["invocations"] = [{"executionSuccessful": not notes, "toolExecutionNotifications": notes}]
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1, ensure_ascii=False)


def rule(id: str, text: str, **more: Any) -> Part:
    """What is looked for; ``more`` are further keys of a reportingDescriptor."""
    return {"id": id, "shortDescription": {"text": text}, **more}


def result(rule: str, level: Level, text: str, location: Part, fingerprints: Mapping[str, str] | None = None, **more: Any) -> Part:
    """One thing found.

    Parameters
    ----------
    location
        Of `file` or `module`.
    fingerprints
        By name and version: what stays the same while it is the same thing, so that whoever keeps alerts opens no second one.
    """
    made: Part = {"ruleId": rule, "level": level, "message": {"text": text}, "locations": [location], **more}
    return made | ({"partialFingerprints": dict(fingerprints)} if fingerprints else {})


def file(path: str) -> Part:
    """The location of a file."""
    from urllib.parse import quote

    return {"physicalLocation": {"artifactLocation": {"uri": quote(path.replace("\\", "/"))}}}


def module(name: str) -> Part:
    """The location of a model, which is no place in a file."""
    return {"logicalLocations": [{"name": name, "kind": "module"}]}

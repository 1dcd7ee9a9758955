"""What SARIF 2.1.0 (OASIS 2020, errata 01) asks of the objects that we write: the fields each must have, and those it may have of ours."""

from typing import Any

# object: (fields it must have, other fields it may have); a field named like an object, or a list of such, holds one.
OBJECTS: dict[str, tuple[str, str]] = {
    "log": ("version runs", "$schema"),
    "run": ("tool", "results columnKind invocations automationDetails"),
    "tool": ("driver", ""),
    "driver": ("name", "semanticVersion rules"),
    "rule": ("id", "name shortDescription fullDescription help defaultConfiguration properties"),
    "text": ("text", ""),
    "defaultConfiguration": ("", "level"),
    "result": ("message", "ruleId level locations partialFingerprints suppressions properties"),
    "location": ("", "physicalLocation logicalLocations"),
    "physicalLocation": ("artifactLocation", ""),
    "artifactLocation": ("", "uri"),
    "logicalLocation": ("", "name kind"),
    "suppression": ("kind", ""),
    "invocation": ("executionSuccessful", "toolExecutionNotifications"),
    "notification": ("message", "level"),
    "automationDetails": ("", "id"),
}
HELD = {
    "runs": "run",
    "tool": "tool",
    "driver": "driver",
    "rules": "rule",
    "results": "result",
    "message": "text",
    "shortDescription": "text",
    "fullDescription": "text",
    "help": "text",
    "defaultConfiguration": "defaultConfiguration",
    "locations": "location",
    "physicalLocation": "physicalLocation",
    "artifactLocation": "artifactLocation",
    "logicalLocations": "logicalLocation",
    "suppressions": "suppression",
    "invocations": "invocation",
    "toolExecutionNotifications": "notification",
    "automationDetails": "automationDetails",
}
VALUES = {"level": {"none", "note", "warning", "error"}, "columnKind": {"utf16CodeUnits", "unicodeCodePoints"}, "version": {"2.1.0"}}
VALUES_OF_KIND = {"suppression": {"inSource", "external"}}


def sarif_faults(document: dict[str, Any]) -> list[str]:
    """Each breach in a few words: a field that is missing or that the format does not know, a value that it does not, a rule that is none."""
    faults = list(_faults("log", document))
    for run in document.get("runs", ()):
        known = {rule["id"] for rule in run["tool"]["driver"].get("rules", ())}
        faults += [f"{result['ruleId']} is no rule" for result in run["results"] if result.get("ruleId", "") not in known | {""}]
    return faults


def _faults(kind: str, made: dict[str, Any]) -> list[str]:
    must, may = (set(words.split()) for words in OBJECTS[kind])
    faults = [f"{kind} without {name}" for name in sorted(must - made.keys())]
    faults += [f"{kind} with {name}" for name in sorted(made.keys() - must - may)]
    for name, value in made.items():
        allowed = VALUES_OF_KIND.get(kind) if name == "kind" else VALUES.get(name)
        if allowed is not None and value not in allowed:
            faults.append(f"{name} {value!r}")
        if name in HELD:
            for one in value if isinstance(value, list) else [value]:
                faults += _faults(HELD[name], one)
    return faults

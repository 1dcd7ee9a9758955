"""The rules of the scan by their ids: what each means and what to do. Messages and SARIF name a rule by the same id."""

from tiltyard.artifacts import rules

from .markdown import code, page, table


def pages() -> dict[str, str]:
    found = every()
    rows = [(f"[`{rule.id}`](#{rule.id})", rule.title, rule.severity) for rule in found]
    parts = [INTRODUCTION, table(("Rule", "Title", "Severity"), rows), *map(part, found)]
    return {"reference/scan-rules.md": page("Rules of the scan", *parts, label="scan-rules")}


INTRODUCTION = """`tiltyard scan` names what it found by these ids, in its lines, its JSON and its SARIF; `tiltyard scan --explain RULE` prints one of
them. `--suppress RULE` leaves a rule's findings out of what counts."""


def every() -> list[rules.Rule]:
    """All rules, gravest first."""
    order = {name: i for i, name in enumerate(reversed(rules.SEVERITIES))}
    return sorted(rules.RULES.values(), key=lambda rule: order[rule.severity])


def part(rule: rules.Rule) -> str:
    """One rule under an anchor of its own id."""
    known = ", ".join(map(code, (*rule.cwe, *rule.atlas, *rule.advisories)))
    return f"({rule.id})=\n## {rule.title}\n\n{code(rule.id)} · {rule.severity}\n\n{rule.sentence} {rule.details}\n\n**Do:** {rule.fix}\n\nMaps to {known}."

"""Model card and datasheet as Markdown: what is known of a model and its data, from records and from a person's answers.

The model card follows Mitchell et al. 2019 (arXiv 1810.03993), the datasheet Gebru et al. 2018 (arXiv 1803.09010).
What nobody has stated is written as not stated.
"""

from collections.abc import Sequence

from ..formatting.numbers import labeled
from ..result import Frozen, Identity, Record, Status
from .ethics import Checklist, Item

NOT_STATED = "*Not stated yet.*"
WORDS = {
    Status.PASSED: "passed",
    Status.FINDING: "finding",
    Status.NOT_APPLICABLE: "not applicable",
    Status.INCOMPLETE: "incomplete",
    Status.FAILED: "failed",
    Status.CANCELLED: "cancelled",
}


class ColumnFacts(Frozen):
    """One feature: what it is called, its kind, its values in words, and whether it is sensitive."""

    name: str
    kind: str
    values: str
    sensitive: bool = False


class DataFacts(Frozen):
    """What a data set says of itself. ``trained`` and ``held_out`` are rows; None where nobody knows."""

    rows: int
    label: str
    classes: tuple[str, ...]
    columns: tuple[ColumnFacts, ...]
    trained: int | None = None
    held_out: int | None = None
    shares: tuple[float, ...] = ()
    sensitive: tuple[str, ...] = ()
    source: str = ""
    license: str = ""


def plain(text: str) -> str:
    """A person's or a file's words as text in Markdown: no HTML, no markup, one line."""
    flat = " ".join(str(text).split())
    for sign in "\\`*_[]|<>#":
        flat = flat.replace(sign, f"\\{sign}" if sign not in "<>" else {"<": "&lt;", ">": "&gt;"}[sign])
    return flat


def _answer(checklist: Checklist | None, *ids: str) -> list[str]:
    items = [item for id in ids for item in (checklist.items if checklist else ()) if item.id == id]
    lines = []
    for item in items:
        lines += [f"**{plain(item.question)}** {_answer_text(item)}", ""]
    return lines or [NOT_STATED, ""]


def _answer_text(item: Item) -> str:
    if item.answer:
        return f"{item.answer.word.capitalize()}. {plain(item.answer.text)} ({plain(item.answer.by)}, {item.answer.on.isoformat()})"
    if item.evidence:
        return " ".join(f"{plain(e.text)} ({e.ended}; record `{e.record}`, metric `{e.metric}`)." for e in item.evidence)
    return NOT_STATED


def _identity(what: Identity) -> list[str]:
    return [f"- **Name**: {plain(what.name)}", f"- **Kind**: {plain(what.detail) or NOT_STATED}", f"- **SHA-256**: `{what.fingerprint}`"]


def model_card(target: Identity, data: Identity, records: Sequence[Record], checklist: Checklist | None = None) -> str:
    """The model card of ``target``: records on it are listed with interval, n and record id; the rest from ``checklist``."""
    mine = [r for r in records if r.target.fingerprint == target.fingerprint]
    return "\n".join(
        [
            f"# Model card: {plain(target.name)}",
            "",
            "## Model details",
            "",
            *_identity(target),
            "",
            "## Intended use",
            "",
            *_answer(checklist, "transparency.use", "transparency.limits", "oversight.overrule", "accountability.owner"),
            "## Evaluation data",
            "",
            *_identity(data),
            "",
            "## Training data",
            "",
            *_answer(checklist, "data.why", "data.representative", "reproducibility.training"),
            "## What was measured",
            "",
            *_measured(mine),
            "## Findings",
            "",
            *_findings(mine),
            "## Ethical considerations",
            "",
            *_answer(checklist, "safety.risks", "fairness.definition", "wellbeing.people", "wellbeing.planet"),
            "## Caveats",
            "",
            *_caveats(mine, checklist),
        ]
    )


def _measured(records: Sequence[Record]) -> list[str]:
    rows = [
        f"| {plain(r.title)} | {plain(labeled(m))} | {WORDS[r.result.status]} | `{r.id[:8]}` |"
        for r in records
        for m in r.result.metrics
        if m.value is not None
    ]
    if not rows:
        return ["Nothing was measured yet.", ""]
    return ["| Check | Measured | Ended | Record |", "|---|---|---|---|", *rows, ""]


def _findings(records: Sequence[Record]) -> list[str]:
    lines = [
        f"- **{f.severity.value}**: {plain(f.title)} ({plain(r.title)}). {plain(f.advice)}" for r in records for f in r.result.findings
    ]
    return [*(lines or ["None of the checks that were run has a finding."]), ""]


def _caveats(records: Sequence[Record], checklist: Checklist | None) -> list[str]:
    unsettled = [r for r in records if r.result.status not in (Status.PASSED, Status.FINDING)]
    lines = [f"- {plain(r.title)}: {WORDS[r.result.status]}. {plain(r.result.summary)}" for r in unsettled]
    if checklist is None:
        lines.append("- The ethics checklist was not filled in.")
    elif left := checklist.count("open"):
        lines.append(f"- {left} of {len(checklist.items)} questions of the ethics checklist are open.")
    lines.append("- A check that passed found nothing with its parameters; it proves nothing beyond them.")
    return [*lines, ""]


def datasheet(data: Identity, facts: DataFacts, records: Sequence[Record] = (), checklist: Checklist | None = None) -> str:
    """The datasheet of ``data``: what its columns say, what checks found of it, and what a person answered."""
    mine = [r for r in records if r.data.fingerprint == data.fingerprint and r.check == "privacy.identifying"]
    return "\n".join(
        [
            f"# Datasheet: {plain(data.name)}",
            "",
            *_identity(data),
            "",
            "## Motivation",
            "",
            *_answer(checklist, "data.why"),
            "## Composition",
            "",
            *_composition(facts),
            "## Collection",
            "",
            f"- **Source**: {plain(facts.source) or NOT_STATED}",
            f"- **License**: {plain(facts.license) or NOT_STATED}",
            "",
            *_answer(checklist, "data.lawful", "fairness.special"),
            "## Representativeness",
            "",
            *_answer(checklist, "data.representative"),
            "## Identifying data",
            "",
            *(_measured(mine) if mine else ["Not screened yet: run the screen for identifying data.", ""]),
            "## Uses",
            "",
            *_answer(checklist, "transparency.use"),
            "## Maintenance",
            "",
            *_answer(checklist, "accountability.owner", "robustness.drift"),
        ]
    )


def _composition(facts: DataFacts) -> list[str]:
    shares = ", ".join(f"{plain(c)} {100 * s:.1f} %" for c, s in zip(facts.classes, facts.shares, strict=False))
    split = NOT_STATED if facts.trained is None else f"{facts.trained:,} trained on, {facts.held_out or 0:,} held out"
    lines = [
        f"- **Rows**: {facts.rows:,}",
        f"- **Split**: {split}",
        f"- **Label**: {plain(facts.label)}, {shares or ', '.join(map(plain, facts.classes))}",
        f"- **Sensitive columns**: {', '.join(map(plain, facts.sensitive)) or 'none named'}",
        "",
        "| Feature | Kind | Values | Sensitive |",
        "|---|---|---|---|",
    ]
    lines += [f"| {plain(c.name)} | {c.kind} | {plain(c.values)} | {'yes' if c.sensitive else 'no'} |" for c in facts.columns]
    return [*lines, ""]

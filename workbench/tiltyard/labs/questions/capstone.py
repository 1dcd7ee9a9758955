"""Lab 8: the report on a model nobody has seen, made from the student's name."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...access.places import opened
from ...errors import Problem
from ..capstone import plan_of
from ..evidence import Evidence, Span, Wanted
from ..question import Chosen, Measured, Question, Ruling, right, wrong
from ..words import Decided, Reflection
from ..work import Work

SKILL = Wanted("validation.performance", "capstone")
EVASION = Wanted("evasion.pgd", "capstone", {"rows": Span(100), "steps": Span(10)})
MEMBERS = Wanted("privacy.membership_gap", "capstone")
GROUPS = Wanted("fairness.groups", "capstone", {"columns": ("sex",)})
FEWEST, DECISIONS = 5, 4
MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Remedied(Question):
    """A defense was applied, and more than one risk was measured again on the model that it made."""

    @property
    def runs(self) -> tuple[Wanted, ...]:
        return (SKILL, MEMBERS, GROUPS)

    def judge(self, answer: Any, evidence: Evidence, work: Work) -> Ruling:
        made = [r for r in evidence.records if r.kind == "defense" and r.check == str(answer).strip() and r.made is not None]
        if not made:
            return wrong("no_defense", answer=repr(answer)[:60])
        prints = {r.made.fingerprint for r in made if r.made is not None}
        again = {r.check: r for r in evidence.records if r.target.fingerprint in prints and r.kind == "check"}
        if len(again) < 2:
            return wrong("not_remeasured", n=len(again))
        return right([made[-1], *again.values()])


@dataclass(frozen=True)
class Reported(Question):
    """The report as JSON: of this very model, by this student, with enough risks measured and the ledger's decisions in it."""

    @property
    def runs(self) -> tuple[Wanted, ...]:
        return (SKILL, EVASION, MEMBERS, GROUPS)

    def judge(self, answer: Any, evidence: Evidence, work: Work) -> Ruling:
        report = _read(Path(str(answer)).expanduser())
        if report is None:
            return wrong("no_report", answer=repr(answer)[:80])
        ids = {str(one.get("id")) for one in report.get("records", []) if isinstance(one, dict)}
        own = [record for record in evidence.records if record.id in ids]
        if not own:
            return wrong("other_model")
        if len({record.check for record in own}) < FEWEST:
            return wrong("too_few_risks", n=len({record.check for record in own}), fewest=FEWEST)
        if len(work.decisions) < DECISIONS:
            return wrong("thin_ledger", n=len(work.decisions), fewest=DECISIONS)
        words = json.dumps(report, ensure_ascii=False)
        return right(own) if work.student in words else wrong("no_author", who=work.student)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        with opened(path, "a report") as stream:
            content = stream.read(MOST_BYTES + 1)
        found = json.loads(content) if path.suffix == ".json" and len(content) <= MOST_BYTES else None
    except (OSError, ValueError, Problem):
        return None
    return found if isinstance(found, dict) else None


QUESTIONS: tuple[Question, ...] = (
    Measured("8a", "%", SKILL, "balanced_accuracy"),
    Measured("8b", "%", EVASION, "robust_accuracy"),
    Measured("8c", "points", MEMBERS, "gap"),
    Chosen("8d", options=("yes", "no"), truth=lambda e, w: "yes" if plan_of(w.student).memorizes else "no", needs=(MEMBERS,)),
    Chosen("8e", options=("female", "male"), truth=lambda e, w: plan_of(w.student).slighted.lower(), needs=(GROUPS,)),
    Remedied("8f"),
    Decided("8g", options=("deploy", "deploy-with-conditions", "do-not-deploy"), needs=(SKILL, EVASION, MEMBERS, GROUPS)),
    Reported("8h"),
    Reflection("8i", to="to_board", run=MEMBERS, metric="gap"),
)

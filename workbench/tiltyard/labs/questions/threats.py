"""Lab 1: who attacks, with what access, and which files may be loaded."""

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .. import kit
from ..evidence import Evidence, Span, Wanted
from ..question import Chosen, Measured, Question, Ruling, as_number, right, wrong
from ..words import Decided, Reflection
from ..work import Work

LABELS = Wanted("evasion.hop_skip_jump", "census:labels", {"eps": 0.05, "rows": Span(30), "query_budget": Span(200, 300)})
GRADIENTS = Wanted("evasion.pgd", "census:labels", {"eps": 0.05}, answered=False)
FULL = Wanted("evasion.pgd", "census", {"eps": 0.05, "rows": Span(100), "steps": Span(10)})


@cache
def _truth() -> dict[str, str]:
    """The verdict on each of the five files, by scanning a kit of our own: nothing of it is written down."""
    with tempfile.TemporaryDirectory() as folder:
        return {name: verdict.verdict for name, verdict in kit.verdicts(kit.unpack(Path(folder))).items()}


@dataclass(frozen=True)
class Scanned(Question):
    """How many of the five files are safe, once all have been scanned."""

    def judge(self, answer: Any, evidence: Evidence, work: Work) -> Ruling:
        if set(kit.NAMES) - set(work.scans):
            return wrong("no_scan")
        number = as_number(answer)
        if number is None:
            return wrong("not_a_number", answer=repr(answer)[:60])
        safe = sum(word == "safe" for word in _truth().values())
        if number == safe:
            return right([])
        return wrong("counted_unsafe" if number == len(kit.NAMES) - safe else "miscounted")


@dataclass(frozen=True)
class Disguised(Question):
    """Which file claims to be of a format that holds only numbers, and is a pickle."""

    def judge(self, answer: Any, evidence: Evidence, work: Work) -> Ruling:
        if set(kit.NAMES) - set(work.scans):
            return wrong("no_scan")
        name = next((one for one in kit.NAMES if str(answer).strip().lower() in (one, one[0])), None)
        if name is None:
            return wrong("no_option", options=", ".join(kit.NAMES), answer=repr(answer)[:60])
        bad = _truth()[name] != "safe"
        if bad and name.endswith(".safetensors"):
            return right([])
        return wrong("openly_unsafe" if bad else "is_safe", name=name)


QUESTIONS: tuple[Question, ...] = (
    Scanned("1a", "files"),
    Disguised("1b"),
    Chosen(
        "1c",
        options=("passed", "finding", "incomplete", "not_applicable"),
        truth=lambda e, w: str(e.of(GRADIENTS)[-1].result.status),
        needs=(GRADIENTS,),
    ),
    Measured("1d", "%", LABELS, "robust_accuracy"),
    Measured("1e", "%", FULL, "robust_accuracy"),
    Decided("1f", options=("labels", "scores", "gradients"), needs=(LABELS, FULL)),
    Reflection("1g", to="to_platform", run=LABELS, metric="robust_accuracy"),
)

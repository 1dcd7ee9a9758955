"""Why a verdict is what it is: where, what, why; collected while a file is looked at."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..lean import Lean
from ..progress import Progress
from .judges.trust import Grade

MOST_REASONS = 200
MOST_SECONDS = 5.0
"""Of computing that the pickles of one file may take in all; what is not done by then is unproven."""
_RANK = {"malicious": 0, "unproven": 1, "known types": 2, "note": 3}


@dataclass(frozen=True, kw_only=True)
class Reason(Lean):
    """One observation. ``malicious``, ``unproven`` and ``known types`` decide the verdict, the gravest first; a ``note`` only informs.

    ``where`` is an entry of an archive, a byte offset, or the file; ``what`` was found there; ``why`` it matters;
    ``rule`` names the kind where one judge looks for several (`rules` has them, and what stands for an empty one).
    """

    grade: Literal["note", "known types", "unproven", "malicious"]
    where: str
    what: str
    why: str
    rule: str = ""


class Findings:
    """Collects the reasons of one scan: each once, worst first, at most 200.

    Parameters
    ----------
    progress
        Where the scan reports how far it is; it may be cancelled.
    path
        Where the file lies, for formats that keep weights in files beside it. None: in memory alone.
    own
        A team's own types as ``package.module.Class``, which count as known ones.
    """

    def __init__(self, progress: Progress | None = None, path: Path | None = None, own: frozenset[str] = frozenset()) -> None:
        self.progress = progress or Progress()
        self.own = own
        self.path = path
        self._reasons: dict[tuple[str, str, str], Reason] = {}
        self._dropped = 0
        self.deadline = time.thread_time() + MOST_SECONDS

    def add(self, grade: Grade, where: str, what: str, why: str, rule: str = "") -> None:
        reason = Reason(grade=grade, where=printable(where), what=printable(what), why=printable(why), rule=rule)
        key = (reason.grade, reason.what, reason.why)
        if key in self._reasons:
            return
        if len(self._reasons) >= 50 * MOST_REASONS and grade != "malicious":
            self._dropped += 1
        else:
            self._reasons[key] = reason

    def malicious(self, where: str, what: str, why: str, rule: str = "") -> None:
        self.add("malicious", where, what, why, rule)

    def unproven(self, where: str, what: str, why: str, rule: str = "") -> None:
        self.add("unproven", where, what, why, rule)

    def known(self, where: str, what: str, why: str, rule: str = "") -> None:
        self.add("known types", where, what, why, rule)

    def note(self, where: str, what: str, why: str, rule: str = "") -> None:
        self.add("note", where, what, why, rule)

    @property
    def worst(self) -> Grade:
        return min((r.grade for r in self._reasons.values()), key=_RANK.__getitem__, default="note")

    def ordered(self) -> tuple[Reason, ...]:
        every = sorted(self._reasons.values(), key=lambda r: _RANK[r.grade])
        left = len(every) - MOST_REASONS + self._dropped
        if left <= 0:
            return tuple(every)
        rest = Reason(grade="note", where="file", what=f"{left:,} more findings", why="only the first 200 are listed, worst first")
        return (*every[:MOST_REASONS], rest)


def printable(text: str, most: int = 300) -> str:
    """``text`` cut to ``most`` characters with all that could move a cursor, hide or reorder text made visible."""
    text = text if len(text) <= most else text[:most] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode("ascii") for c in text)

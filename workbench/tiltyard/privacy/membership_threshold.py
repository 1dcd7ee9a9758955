"""Membership by one threshold on the model's confidence: seconds, no shadow models (Yeom 1709.01604, Song and Mittal 2003.10595)."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ..access.places import discreet, opened
from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..datasets.schema import Rows
from ..errors import Problem
from ..progress import Progress
from ..result import CheckResult, Column
from ..statistics.majority import Skill
from ..targets.decision import Prediction
from ..targets.target import Target
from .membership import Mask, Scores, chance, checked, logit_scaled, modified_entropy
from .membership_report import ABOVE, ACCEPTED_TPR, HELP_ABOVE, HELP_TPR, STANDARDS, Accepted, Attacked, report

Signal = Literal["true_class", "modified_entropy", "top_class"]
CHUNK = 2048
MEMBER = {"1": True, "true": True, "yes": True, "member": True, "in": True, "1.0": True}
OTHER = {"0": False, "false": False, "no": False, "nonmember": False, "non-member": False, "out": False, "0.0": False}


def signal_of(p: Scores, y: NDArray[np.int64], signal: Signal) -> Scores:
    """The attacker's score (n,) from class probabilities (n, k); ``top_class`` needs no labels."""
    if signal == "modified_entropy":
        return modified_entropy(p, y)
    return logit_scaled(p, y if signal == "true_class" else p.argmax(1).astype(np.int64))


def pick(data: Dataset, rows: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Places of at most ``rows`` members and ``rows`` others, in order."""
    if data.member is None:
        raise Problem("rows marked as trained on", "no marks", "Give data with its split")
    sides = [rng.permutation(np.flatnonzero(side))[:rows] for side in (data.member, ~data.member)]
    return np.sort(np.concatenate(sides))


def _chunks(x: Rows, progress: Progress) -> Iterator[Rows]:
    for start in range(0, len(x), CHUNK):
        progress.step(start / len(x), "asking the model")
        yield x[start : start + CHUNK]


def scored(target: Target, x: Rows, progress: Progress) -> Scores:
    """Class probabilities (n, k) of rows of x, in small batches, so that it can be cancelled."""
    return np.concatenate([target.scores(part) for part in _chunks(x, progress)])


def predicted(target: Target, x: Rows, progress: Progress) -> Prediction:
    """Labels (n,) and class probabilities (n, k) of rows of x, counted once, in small batches."""
    parts = [target.predictions(part) for part in _chunks(x, progress)]
    return Prediction(np.concatenate([p.labels for p in parts]), np.concatenate([p.scores for p in parts]))


class MembershipThreshold(Check):
    """How well one threshold on the confidence separates trained-on rows from others; also per group and record."""

    id: ClassVar[str] = "privacy.membership_threshold"
    title: ClassVar[str] = "Membership: confidence threshold"
    question: ClassVar[str] = "Does the model's confidence give away which rows it was trained on?"
    needs: ClassVar[frozenset[str]] = frozenset({"scores", "member"})
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Yeom et al. 2017, arXiv 1709.01604", "Song and Mittal 2020, arXiv 2003.10595")
    core: ClassVar[bool] = True
    cost: ClassVar[str] = "seconds: one query a row"
    main: ClassVar[tuple[str, ...]] = ("signal", "rows")
    campaign_goal: ClassVar[CampaignGoal | None] = "infer"
    headline: ClassVar[str] = "auc"
    context: ClassVar[frozenset[str]] = frozenset({"attack_accuracy"})
    remeasured: ClassVar[bool] = True

    rows: int = parameter(5000, "Rows to attack of each kind (seen, unseen)", "rows", ge=10, le=1_000_000)
    signal: Signal = parameter("true_class", "What the attacker ranks by; top_class needs no labels")
    per_class: bool = parameter(False, "Compare each row with rows of its own class only (needs labels)")
    accepted: float = parameter(ABOVE, HELP_ABOVE, "share", ge=0.001, le=0.5)
    accepted_tpr: float = parameter(ACCEPTED_TPR, HELP_TPR, "share", ge=0.01, le=1)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        if data.member is None:
            return Estimate(note=self.cost)
        inside = int(data.member.sum())
        return Estimate(queries=min(inside, self.rows) + min(len(data) - inside, self.rows), note=self.cost)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = chance(self.seed, self.id)
        rows = pick(data, self.rows, rng)
        part = data.take(rows)
        answer = predicted(target, part.x, progress.part(0.8))
        p = answer.scores
        scores = signal_of(p, part.y, self.signal)
        if self.per_class:
            scores = within_class(scores, part.y)
        progress.step(0.85, "counting")
        member = part.member if part.member is not None else np.zeros(len(part), bool)
        shown = (
            (Column(name="class"), tuple(data.schema.classes[k] for k in part.y)),
            (Column(name="probability of it", kind="percent"), tuple(float(v) for v in p[np.arange(len(p)), part.y])),
        )
        notes = ["The threshold of advantage and accuracy was set on half of the rows and counted on the other half."]
        notes.append(f"{int(member.sum()):,} seen and {int((~member).sum()):,} unseen rows of {len(data):,} were attacked.")
        if self.per_class:
            notes.append("Scores were replaced by their rank within the class, so that each class has its own threshold.")
        if self.signal == "top_class":
            notes.append("The attacker did not know the labels.")
        skill = Skill.of(part.y[member], answer.labels[member] == part.y[member], data.schema.classes)
        it = Attacked(scores, member, rows, part.sensitive, shown, skill)
        return report(it, "Confidence threshold", rng, tuple(notes), Accepted(self.accepted, self.accepted_tpr))


def within_class(scores: Scores, y: NDArray[np.int64]) -> Scores:
    """Each score's rank among the rows of its class, 0 to 1."""
    from scipy.stats import rankdata

    out = np.zeros(len(scores))
    for k in np.unique(y):
        here = y == k
        out[here] = (rankdata(scores[here]) - 0.5) / here.sum()
    return out


def _row(number: int, row: dict[str | None, str | None], decimal: str) -> tuple[float, bool]:
    if None in row:
        raise Problem("as many values as columns", f"more in line {number}", "Write numbers with a point, or separate by semicolons")
    mark = (row.get("member") or "").strip().lower()
    if mark not in MEMBER and mark not in OTHER:
        raise Problem("member 1 or 0 (true, yes, in; false, no, out)", f"{mark!r} in line {number}", "Correct the line")
    text = (row.get("score") or "").strip()
    try:
        value = float("nan" if "_" in text else text.replace(decimal, "."))
    except ValueError:
        value = float("nan")
    if np.isnan(value):
        raise Problem("a number as score", f"{text!r} in line {number}", "Correct or drop the line")
    return value, mark in MEMBER


def _columns(head: list[str]) -> list[str]:
    """The names of a CSV's columns in lower case, where score and member are each there once."""
    names = [name.strip().lower() for name in head]
    found = ", ".join(head) or "an empty file"
    if lost := [c for c in ("score", "member") if c not in names]:
        raise Problem("a CSV with the columns score and member", f"{found} (no {', '.join(lost)})", "Rename the columns")
    if twice := [c for c in ("score", "member") if names.count(c) > 1]:
        raise Problem("one column score and one member", f"{found} ({', '.join(twice)} more than once)", "Rename the others")
    return names


@dataclass(frozen=True)
class Read:
    """Scores (n,), higher for "trained on", and marks (n,) of rows that were read."""

    scores: Scores
    member: Mask


def read_scores(path: Path | str) -> Read:
    """A CSV with the columns ``score`` (higher: more likely trained on) and ``member`` (1 or 0), in letters of either case.

    Separated by commas, tabs or semicolons; with semicolons numbers may have a decimal comma.

    Raises
    ------
    Problem
        Missing file or column, a score that is no number, an unknown mark, one kind of rows only.
    """
    path = Path(path)
    try:
        with opened(path, "a CSV file of scores") as stream, discreet(path, "a CSV of scores"):
            lines = TextIOWrapper(stream, "utf-8-sig", newline="")
            head = lines.readline()
            apart = max(",;\t", key=head.count)
            names = _columns(next(csv.reader([head], delimiter=apart), []))
            reader = csv.DictReader(lines, names, delimiter=apart)
            pairs = [_row(i, row, "," if apart == ";" else ".") for i, row in enumerate(reader, start=2)]
    except OSError as error:
        raise Problem("a CSV file of scores", f"{path.name} ({error.strerror})", "Check the path") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise Problem("a CSV file in UTF-8", f"{path.name} ({type(error).__name__})", "Save it as CSV") from None
    scores, member = np.array([s for s, _ in pairs], np.float64), np.array([m for _, m in pairs], bool)
    return Read(*checked(scores, member))


def from_scores(path: Path | str, seed: int = 0, name: str = "Scores") -> CheckResult:
    """The same answer from a CSV of scores, see `read_scores`.

    For a model that cannot be opened here: query it where it lives and bring the scores.
    """
    read = read_scores(path)
    n = len(read.scores)
    notes = (f"{n:,} scores were read from {Path(path).name}; higher was taken to mean more likely trained on.",)
    return report(Attacked(read.scores, read.member, np.arange(2, n + 2)), name, chance(seed, MembershipThreshold.id), notes)

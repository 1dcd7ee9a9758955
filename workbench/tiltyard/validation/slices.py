"""Worst slices: groups of rows, found by themselves, on which the model errs more than on the rest; and an error tree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from ..check import Check, parameter
from ..datasets.conditions import Mask
from ..datasets.dataset import Dataset
from ..errors import Problem, Unavailable
from ..formatting.numbers import POINTS, percent
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Table
from ..statistics.intervals import LEVEL, rate
from ..statistics.majority import Skill
from ..statistics.ruling import status_of
from ..targets.target import Target
from ._error_tree import leaves
from ._slices import Search, Slice, pieces, search

STANDARDS = ("AI RMF MEASURE 2.5", "AI RMF MEASURE 2.11", "EU AI Act Art. 15(1)", "AITG-MOD-06")
Measure = Literal["error", "false_negative", "false_positive"]
WORDS: dict[str, str] = {"error": "Error", "false_negative": "False negative rate", "false_positive": "False positive rate"}


@dataclass(frozen=True, eq=False)
class Judged:
    """The rows that count, and which of them (n,) have the event: an error, a false negative or a false positive."""

    rows: Dataset
    event: Mask
    skill: Skill


@dataclass(frozen=True, eq=False)
class Found:
    """What `Slices` found: the slices tested, the leaves of the error tree, and the event among all rows that were not searched.

    The cohorts are there to be used: ``data.cohort(found.search.slices[0].cohort)``.
    """

    judged: Judged
    search: Search
    leaves: tuple[Slice, ...]
    hits: int
    held: int


class Slices(Check):
    """Slices of one and two conditions on which the event is commoner than on the rest, searched on one half and tested on the other."""

    id: ClassVar[str] = "validation.slices"
    title: ClassVar[str] = "Worst slices"
    question: ClassVar[str] = "On which rows is the model worse than on the rest?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "table"})
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = (
        "Chung et al. 2020, arXiv 1807.06068 (Slice Finder)",
        "Holm 1979, Scandinavian Journal of Statistics 6, 65",
        "Nushi, Kamar and Horvitz 2018, arXiv 1809.07424 (error trees)",
    )
    cost: ClassVar[str] = "seconds"
    main: ClassVar[tuple[str, ...]] = ("measure", "accepted", "rows")
    seconds: ClassVar[float] = 4.0
    quick: ClassVar[Mapping[str, Any]] = {"rows": 4_000}
    headline: ClassVar[str] = "worst_gap"
    context: ClassVar[frozenset[str]] = frozenset({"rate"})
    averages_noise: ClassVar[bool] = True

    measure: Measure = parameter("error", "What is to be common in a slice: any error, or false negatives or false positives of one class")
    accepted: float = parameter(0.1, "How much commoner it may be in a slice than in the rest", "share", ge=0, le=1)
    rows: int = parameter(
        20_000, "Rows to judge, drawn at random from those not trained on where that is known", "rows", ge=20, le=1_000_000
    )
    least: int = parameter(30, "Rows that a slice has at least in each half", "rows", ge=2, le=100_000)
    positive: str = parameter("", "The class that false negatives and positives are of; empty for the favorable one", source="classes")
    cuts: int = parameter(4, "Parts of equal size that a number is cut into", "parts", ge=2, le=20)
    slices: int = parameter(10, "Slices to test, those that stand out most on the half searched", "slices", ge=1, le=100)
    depth: int = parameter(3, "Conditions that lead to a leaf of the error tree", "conditions", ge=1, le=6)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        found = self.find(target, data, progress)
        progress.step(0.95, "writing")
        return self._result(found, data.known, target)

    def find(self, target: Target, data: Dataset, progress: Progress | None = None) -> Found:
        """The slices and leaves themselves, with their cohorts; the same for a seed.

        Raises
        ------
        Problem
            A kind of error is asked for and no favorable class is known, or no such rows are there.
        """
        progress = progress or Progress()
        rng = np.random.default_rng(self.seed)
        judged = self._judged(target, data.unseen.at_most(self.rows, rng), progress)
        n = len(judged.rows)
        searched = np.zeros(n, bool)
        searched[rng.permutation(n)[: n // 2]] = True
        conditions = pieces(judged.rows, self.cuts, 2 * self.least)
        progress.step(0.3, "looking for slices")
        looked = search(conditions, judged.event, searched, self.least, self.slices, progress)
        progress.step(0.8, "growing the error tree")
        grown = leaves(judged.rows, judged.event, searched, self.depth, max(self.least, int(searched.sum()) // 50), self.seed)
        return Found(judged, looked, grown, int(judged.event[~searched].sum()), int((~searched).sum()))

    def _judged(self, target: Target, rows: Dataset, progress: Progress) -> Judged:
        labels = target.labels(rows.x)
        progress.step(0.2, "asking the model")
        skill = Skill.of(rows.y, labels == rows.y, rows.schema.classes)
        if self.measure == "error":
            return Judged(rows, labels != rows.y, skill)
        positive = self._positive(rows)
        counted = (rows.y == positive) == (self.measure == "false_negative")
        if not counted.any():
            which = "of" if self.measure == "false_negative" else "of other classes than"
            raise Unavailable(f"rows {which} {rows.schema.classes[positive]!r}", "none", "Choose another class or measure")
        wrong = (labels == positive) == (self.measure == "false_positive")
        return Judged(rows.take(np.flatnonzero(counted)), wrong[counted], skill)

    def _positive(self, rows: Dataset) -> int:
        name, classes = self.positive or rows.schema.favorable, rows.schema.classes
        if not name:
            raise Unavailable("a favorable class", "none that is named", "Name it as `positive`")
        if name not in classes:
            raise Problem(f"a class ({', '.join(classes[:8])})", repr(name), "Correct the name under `positive`")
        return classes.index(name)

    def _result(self, found: Found, known: str, target: Target) -> CheckResult:
        worst = next(iter(found.search.slices), None)
        bad = [s for s in found.search.slices if s.called and s.gap > self.accepted]
        within = bool(found.search.slices) and all(s.apart[1] <= self.accepted for s in found.search.slices)
        status = status_of(bool(bad), not (within and found.judged.skill.learned))
        return CheckResult(
            status=status,
            summary=self._sentence(found, known, within),
            metrics=(
                _worst(worst, self._word),
                rate("rate", f"{self._word}, all rows of that half", found.hits, found.held, "lower", unit="share"),
            ),
            findings=tuple(self._finding(found, bad)),
            tables=tuple(t for t in (self._table("slices", "Worst slices", found.search.slices), self._tree(found)) if t),
            charts=tuple(_charts(found, self._word)),
            notes=(*target.rule_notes, *self._notes(found)),
        )

    @property
    def _word(self) -> str:
        return WORDS[self.measure]

    def _sentence(self, found: Found, known: str, within: bool) -> str:
        slices, all_rows = found.search.slices, f"{found.held:,} {known}"
        if not slices:
            return f"No slice of {self.least} rows in each half could be tested: {2 * found.held:,} {known} are too few, or nothing stands out."
        called = [s for s in slices if s.called]
        mean = percent(found.hits / found.held)
        if called:
            one = called[0]
            many = f"{len(called)} slices stand" if len(called) > 1 else "One slice stands"
            return f"{many} out. {self._word} is {percent(one.rate)} where {one.cohort.words} ({one.n:,} rows), against {mean} on all {all_rows}."
        worst = max(s.apart[1] for s in slices)
        bound = (
            f"it is at most {percent(worst)[:-2]} points higher in any" if within else "that none is much worse is not shown by so few rows"
        )
        looked = f"Of {len(slices)} slices tested none stands out from the {mean} on all {all_rows}"
        unlearned = "" if found.judged.skill.learned else f" The model itself is not shown to have learned: {found.judged.skill.fact}."
        return f"{looked}; {bound}.{unlearned}"

    def _finding(self, found: Found, bad: Sequence[Slice]) -> list[Finding]:
        if not bad:
            return []
        severity = Severity.HIGH if max(s.apart[0] for s in bad) > 2 * self.accepted else Severity.MEDIUM
        advice = "Look at these rows; gather more like them, correct their columns, or send them to a person instead."
        evidence = Evidence(metrics=("worst_gap",), tables=("slices",), charts=("slices",))
        return [
            Finding(
                key="slice",
                title="The model is worse on some rows",
                severity=severity,
                evidence=evidence,
                advice=advice,
                standards=STANDARDS,
            )
        ]

    def _table(self, name: str, title: str, slices: Sequence[Slice]) -> Table | None:
        if not slices:
            return None
        columns = (
            Column(name="Slice"),
            Column(name=self._word, kind="percent"),
            Column(name="low", kind="percent"),
            Column(name="high", kind="percent"),
            Column(name="Rows", kind="integer"),
            Column(name="The rest", kind="percent"),
            Column(name="p, corrected", kind="number"),
            Column(name="Stands out", kind="boolean"),
        )
        rows = tuple((s.cohort.words, s.rate, *s.between, s.n, s.rest_hits / s.rest, s.adjusted, s.called) for s in slices)
        marked = tuple((i, 1) for i, s in enumerate(slices) if s.called)
        return Table(name=name, title=title, columns=columns, rows=rows, marked=marked, note="low, high: 95 % interval, Clopper-Pearson.")

    def _tree(self, found: Found) -> Table | None:
        return self._table("error_tree", "Error tree: its leaves", found.leaves)

    def _notes(self, found: Found) -> tuple[str, ...]:
        looked, tests = found.search, len(found.search.slices)
        return (
            f"Looked at {looked.conditions:,} conditions and {looked.pairs:,} pairs of them on one half of the rows, drawn at random; the "
            f"{tests} that stood out most were counted and tested on the other half alone, so that every number here is of rows that were not searched.",
            f"p is one-sided and exact (Fisher), corrected by Holm for {tests} tests: that any slice is called in error has a chance of at most "
            f"{percent(1 - LEVEL)}. The tree's leaves are corrected among themselves.",
        )


def _worst(worst: Slice | None, word: str) -> Metric:
    label = f"{word} above the rest, worst slice"
    if worst is None:
        return Metric(name="worst_gap", label=label, value=None, unit=POINTS, n=0, safer="lower", note="no slice could be tested")
    low, high = worst.apart
    return Metric(
        name="worst_gap",
        label=label,
        value=worst.gap,
        unit=POINTS,
        low=low,
        high=high,
        level=LEVEL,
        n=worst.n,
        safer="lower",
        interval="Newcombe, for all slices tested at once",
        note=worst.cohort.words,
    )


def _charts(found: Found, word: str) -> list[Chart]:
    mean = found.hits / found.held if found.held else 0.0
    drawn = (("slices", "Worst slices", found.search.slices), ("error_tree", "Leaves of the error tree", found.leaves))
    return [slice_chart(name, title, slices, word, mean) for name, title, slices in drawn if slices]


def slice_chart(name: str, title: str, slices: Sequence[Slice], word: str, mean: float) -> Chart:
    """The share of each slice with its interval, beside that of all rows."""
    ends = [s.between for s in slices]
    series = Series(
        name=word,
        x=tuple(s.rate for s in slices),
        y=tuple(map(float, range(len(slices)))),
        low=tuple(low for low, _ in ends),
        high=tuple(high for _, high in ends),
    )
    return Chart(
        name=name,
        title=title,
        kind="dot",
        x=Axis(label=word, unit="share"),
        y=Axis(label="Slice", categories=tuple(s.cohort.words for s in slices)),
        series=(series,),
        alt=f"{word} of {len(slices)} slices with intervals, beside {percent(mean)} of all rows.",
        reference=(("all rows", mean),),
    )

"""Words: an attack on models of text that changes words by swaps that a person allows, by slips of the keyboard or letters that look alike."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import CampaignGoal, Check, Estimate, parameter, source_parameter
from ..datasets.dataset import Dataset
from ..datasets.texts import Texts, number_of, trying
from ..errors import Problem, Unavailable
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import CheckResult, Column, Evidence, Finding, Metric, Table
from ..statistics.intervals import bootstrap, rate, rate_by_row
from ..statistics.majority import Skill
from ..statistics.ruling import Limit, ruling
from ..targets.decision import LargestScore, Prediction
from ..targets.target import Target
from ._swaps import FORM, Letters, Swaps, listed, words_in, written
from ._word_search import Answer, Walk, search
from .attack import BLACK_BOX, SEVERITIES
from .outcome import drawn, held_out

SHOWN, LONG = 20, 300
STRENGTH = 100  # queries a row, without which a pass is none
FILE = "adversarial_texts.csv"
AT_ONCE = 2048
ADVICE = (
    "Put texts into one alphabet and correct slips before the model reads them, train on texts with such swaps, and do not let this "
    "prediction alone decide. Measure again after each."
)


class Words(Check):
    """Changes the words that matter most, each to one that may stand for it, until the model decides otherwise.

    Jin et al. 2020 (TextFooler, arXiv:1907.11932) and Ren et al. 2019 (PWWS) for the order of words, Gao et al. 2018 (DeepWordBug,
    arXiv:1801.04354) for slips of the keyboard. Departures: what may stand for a word is what you allow, not the neighbors of a word vector, so that
    a text means the same only as far as your list does; words are ordered by the gain of their best swap where the budget allows it.
    """

    id: ClassVar[str] = "evasion.words"
    title: ClassVar[str] = "Words (swaps in texts)"
    question: ClassVar[str] = "How often do a few allowed swaps of words fool the model?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "scores", "text"})
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = BLACK_BOX
    sources: ClassVar[tuple[str, ...]] = (
        "Jin et al. 2020, arXiv:1907.11932",
        "Ren et al. 2019, ACL P19-1103",
        "Gao et al. 2018, arXiv:1801.04354",
    )
    cost: ClassVar[str] = "a minute; slower where each query is"
    main: ClassVar[tuple[str, ...]] = ("swaps", "letters", "column", "rows")
    seconds: ClassVar[float] = 60.0
    quick: ClassVar[Mapping[str, Any]] = {"rows": 50}
    tiny: ClassVar[Mapping[str, Any]] = {"query_budget": 40}
    campaign_goal: ClassVar[CampaignGoal | None] = "evade"
    headline: ClassVar[str] = "robust_accuracy"
    context: ClassVar[frozenset[str]] = frozenset({"clean_accuracy", "words_changed", "queries"})

    swaps: str = source_parameter(
        "Swaps that you allow: a CSV with a word and what may stand for it in each line", "a list of swaps", (".csv", ".txt")
    )
    pairs: str = parameter("", f"Swaps that you allow, written here: {FORM}")
    letters: Letters = parameter(
        "typos", "Also write words with slips of the keyboard (of four letters or more), or in letters that look alike"
    )
    share: float = parameter(0.2, "Share of a text's words that may be changed; at least one", "share of words", gt=0, le=1)
    column: str = parameter("", "Column of text to change; empty: the first", source="features")
    rows: int = parameter(100, "Rows to attack, drawn at random from those not trained on where that is known", "rows", ge=1, le=100_000)
    query_budget: int = parameter(200, "Queries a row may cost, never exceeded", "queries", ge=10, le=100_000)
    only: str = parameter("", "Attack rows of this true class only; empty: of every class", source="classes")
    goal: str = parameter("", "Class that an attacked row is to be answered with; empty: any but its own", source="classes")
    accept: float = parameter(0.05, "Share of fooled rows that is not yet a finding", ge=0, le=1)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        n = min(self.rows, len(held_out(data)))
        return Estimate(queries=n * (self.query_budget + 1), note="at most; what a row may cost is a limit")

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        allowed = self.allowed()
        sample, column = self._sample(data), self._column(data)
        texts = [text or "" for text in Texts(data.schema.feature(column)).at(sample.x[:, data.schema.slices[column].start])]
        before = target.predictions(sample.x)
        right = before.labels == sample.y
        at = np.flatnonzero(right)
        asking = _Asking(target, sample.take(at), data.schema.slices[column].start, self._goal(sample), progress.part(0.0))
        with trying():
            walks = search(
                [texts[i] for i in at], asking.score(before, at), allowed, asking, self.share, self.query_budget, progress.part(0.95)
            )
        return self._result(target, data, sample, before, at, walks, progress)

    def allowed(self) -> Swaps:
        """What may stand for what.

        Raises
        ------
        Problem
            Nothing may, or the list is not written as it should be.
        """
        found = written(self.pairs)
        for word, others in (listed(Path(self.swaps)) if self.swaps else {}).items():
            found[word] = (*found.get(word, ()), *others)
        if not found and self.letters == "none":
            raise Problem("swaps that are allowed", "none, and no letters either", f"Give a list of swaps, pairs ({FORM}), or letters")
        return Swaps(found, self.letters, self.seed)

    def _column(self, data: Dataset) -> str:
        name = self.column or data.texts[0]
        if name not in data.texts:
            raise Problem(f"a column of text ({', '.join(data.texts)})", repr(name), "Correct column")
        if not data.schema.feature(name).mutable:
            raise Unavailable("a text that an attacker may change", f"{name!r}, which may not change", "Mark it as mutable in the schema")
        return name

    def _sample(self, data: Dataset) -> Dataset:
        from ..attacks.triggers import goal_class

        rows, classes = held_out(data), data.schema.classes
        if self.only:
            rows = rows[data.y[rows] == goal_class(self.only, classes)]
        if self.goal:
            rows = rows[data.y[rows] != goal_class(self.goal, classes)]
        if len(rows) == 0:
            raise Unavailable(f"{data.known} to attack", "none of these classes", "Choose another class, or give such rows")
        return drawn(data, self.rows, self.seed, rows)

    def _goal(self, data: Dataset) -> int | None:
        from ..attacks.triggers import goal_class

        return goal_class(self.goal, data.schema.classes) if self.goal else None

    def _result(
        self,
        target: Target,
        data: Dataset,
        sample: Dataset,
        before: Prediction,
        at: NDArray[np.intp],
        walks: list[Walk],
        progress: Progress,
    ) -> CheckResult:
        fooled = np.zeros(len(sample), bool)
        fooled[at] = [walk.fooled for walk in walks]
        right = before.labels == sample.y
        skill = self._skill(target, data, sample, right)
        metrics = self._metrics(sample, right, fooled, walks, skill)
        share = fooled.sum() / max(right.sum(), 1)
        open_words = [len(w.choices) for w in walks]
        missing = _open_ends(skill, int(right.sum()), int(sum(n > 0 for n in open_words)))
        weak = [] if self.query_budget >= STRENGTH else [f"a pass needs {STRENGTH} queries a row, and {self.query_budget} were allowed"]
        ruled = ruling([Limit(metrics[2], self.accept)], open_ends=missing + weak)
        progress.step(0.98, "writing")
        kept = progress.keep(FILE, _packed(sample, at, walks))
        return CheckResult(
            status=ruled.status,
            summary=self._summary(metrics, data.known, share, skill, open_words) + _rule(target),
            metrics=metrics,
            findings=self._findings(share),
            tables=(_changes(sample, at, walks),),
            notes=(*ruled.notes, *self._notes(target, data, sample, open_words)),
            artifacts={FILE: kept},
        )

    def _skill(self, target: Target, data: Dataset, sample: Dataset, right: NDArray[np.bool_]) -> Skill:
        """What the model can do without attack: on the rows attacked, or where these are of some classes only on rows of all."""
        if not (self.only or self.goal):
            return Skill.of(sample.y, right, sample.schema.classes)
        every = drawn(data, self.rows, self.seed)
        return Skill.of(every.y, target.labels(every.x) == every.y, every.schema.classes)

    def _metrics(
        self, sample: Dataset, right: NDArray[np.bool_], fooled: NDArray[np.bool_], walks: list[Walk], skill: Skill
    ) -> tuple[Metric, ...]:
        rng = np.random.default_rng(self.seed)
        changed = np.array([len(w.now) for w in walks if w.fooled], np.float64)
        asked = np.array([w.asked for w in walks], np.float64)
        return (
            rate_by_row("robust_accuracy", "Robust accuracy", right & ~fooled, sample.fingerprint, "higher"),
            rate_by_row("clean_accuracy", "Clean accuracy", right, sample.fingerprint, "higher"),
            rate("success_rate", "Attack success rate", int(fooled.sum()), int(right.sum()), "lower"),
            _median("words_changed", "Median number of words changed in fooled rows", "words", changed, "no row was fooled", rng),
            _median("queries", "Median queries a row", "queries", asked, "no row was classified rightly", rng),
            rate("majority_accuracy", "Majority-class baseline", skill.common, skill.n, "none"),
        )

    def _summary(self, metrics: tuple[Metric, ...], known: str, share: float, skill: Skill, open_words: list[int]) -> str:
        robust, clean = metrics[0], metrics[1]
        if not open_words:
            return f"The model classifies none of the {known} rightly, so there is nothing to attack."
        if not any(open_words):
            return "None of the allowed swaps is for a word of these texts, so that nothing was tried: allow others."
        if not skill.above and share <= self.accept:
            return f"No robustness is shown, for there is nothing to attack: without attack {skill.fact}. {skill.advice}"
        return (
            f"With at most {100 * self.share:g} % of a text's words swapped the model keeps {percent(robust.value)} of {clean.n} {known} right "
            f"({percent(robust.low)} to {percent(robust.high)}), down from {percent(clean.value)}."
        )

    def _findings(self, share: float) -> tuple[Finding, ...]:
        if share <= self.accept:
            return ()
        severity = next(level for least, level in SEVERITIES if share > least or least == 0.0)
        title = f"Swapped words fool the model in {100 * share:.0f} % of cases"
        evidence = Evidence(metrics=("robust_accuracy",), tables=("changes",))
        return (Finding(title=title, severity=severity, evidence=evidence, advice=ADVICE, standards=self.standards),)

    def _notes(self, target: Target, data: Dataset, sample: Dataset, open_words: list[int]) -> tuple[str, ...]:
        notes = [f"Rows count as fooled by what the model decides: {target.rule}."]
        if without := sum(n == 0 for n in open_words):
            notes.append(f"{without} of {len(open_words)} rows have no word with an allowed swap; they count as kept.")
        if data.member is None or data.member.all():
            notes.append("Which rows were trained on is not known, so the rows attacked may be among them.")
        if len(sample) < self.rows:
            notes.append(f"Only {len(sample)} {data.known} were there to attack, not {self.rows}.")
        notes.append("A text means the same as before only as far as the allowed swaps do; nobody read them.")
        notes.append("Robust accuracy is what this attack could not break; a stronger attack, or more allowed swaps, can only lower it.")
        return tuple(notes)


def _open_ends(skill: Skill, right: int, changeable: int) -> list[str]:
    """What is missing beside more rows: a model with skill, and texts that could be changed."""
    vain = [] if skill.above else [f"{skill.fact}. {skill.advice.rstrip('.')}"]
    few = [] if 2 * changeable > right else [f"only {changeable} of {right} texts have a word with an allowed swap: allow others"]
    return vain + few


class _Asking:
    """Asks the target for texts in the place of those of ``rows``, which were all right."""

    def __init__(self, target: Target, rows: Dataset, place: int, goal: int | None, progress: Progress) -> None:
        self.target = target
        self.rows = rows
        self.place = place
        self.goal = goal
        self.progress = progress

    def __call__(self, rows: list[int], texts: list[str]) -> Answer:
        """What is answered where each of ``rows`` has another text."""
        parts = [self._part(rows[i : i + AT_ONCE], texts[i : i + AT_ONCE]) for i in range(0, len(rows), AT_ONCE)]
        return Answer(np.concatenate([p.fools for p in parts]), np.concatenate([p.score for p in parts]))

    def _part(self, rows: list[int], texts: list[str]) -> Answer:
        self.progress.step(0, f"asking for {len(rows)} texts")
        x = self.rows.x[rows]
        x[:, self.place] = [number_of(text) for text in texts]
        found, y = self.target.predictions(x), self.rows.y[rows]
        fools = found.labels != y if self.goal is None else found.labels == self.goal
        return Answer(fools, self._near(found, y))

    def _near(self, found: Prediction, y: NDArray[np.int64]) -> NDArray[np.float64]:
        here = np.arange(len(y))
        near: NDArray[np.float64] = -found.scores[here, y] if self.goal is None else found.scores[:, self.goal]
        return near

    def score(self, before: Prediction, at: NDArray[np.intp]) -> NDArray[np.float64]:
        """How near the rows are as they are."""
        return self._near(Prediction(before.labels[at], before.scores[at]), self.rows.y)


def _median(name: str, label: str, unit: str, values: NDArray[np.float64], note: str, rng: np.random.Generator) -> Metric:
    if len(values) == 0:
        return Metric(name=name, label=label, value=None, unit=unit, note=note)
    low, high = bootstrap(lambda rows: float(np.median(values[rows])), len(values), rng)
    value, n = float(np.median(values)), len(values)
    return Metric(name=name, label=label, value=value, unit=unit, low=low, high=high, level=0.95, n=n, interval="bootstrap")


def _rule(target: Target) -> str:
    chosen = target.decision is not None and not isinstance(target.decision, LargestScore)
    return f" Decided by: {target.rule}." if chosen else ""


def _swapped(walk: Walk) -> str:
    """The changed words alone: ``good → fine; film → flim``."""
    return "; ".join(f"{walk.text[walk.places[p].start : walk.places[p].stop]} → {word}" for p, word in sorted(walk.now.items()))[:LONG]


def _changes(sample: Dataset, at: NDArray[np.intp], walks: list[Walk]) -> Table:
    shown = [(sample.schema.classes[sample.y[i]], _swapped(w), len(words_in(w.text))) for i, w in zip(at, walks, strict=True) if w.fooled]
    columns = (Column(name="Class"), Column(name="Swapped"), Column(name="Words in the text", kind="integer"))
    return Table(name="changes", title="Texts that fool the model: the words that were swapped", columns=columns, rows=tuple(shown[:SHOWN]))


def _packed(sample: Dataset, at: NDArray[np.intp], walks: list[Walk]) -> bytes:
    """Every text that fools, before and after, as CSV."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(("class", "before", "after"))
    for i, walk in zip(at, walks, strict=True):
        if walk.fooled:
            lines.writerow((sample.schema.classes[sample.y[i]], walk.text, walk.written(walk.now)))
    return out.getvalue().encode("utf-8", "replace")

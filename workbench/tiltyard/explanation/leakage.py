"""Does giving explanations away tell who was trained on? Membership inference with scores, and with scores and explanations."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Evidence, Finding, Metric, Series, Severity, Status
from ..statistics.intervals import LEVEL
from ..statistics.majority import Skill
from ..statistics.roc import area
from ..statistics.ruling import status_of
from ..targets.target import Target
from ._shapley import players
from .explaining import SOURCES, Explainer, caveats

Floats = NDArray[np.float64]
DRAWS, FEWEST, ENOUGH, TINY = 1000, 10, 25, 1e-9
STANDARDS = ("OWASP ML04:2023", "AITG-MOD-04", "AML.T0024.000", "NISTAML.033", "AI RMF MEASURE 2.9", "AI RMF MEASURE 2.10")


class Leakage(Check):
    """Compares the AUC of a membership attack on scores with the same attack given the explanation's variance too."""

    id: ClassVar[str] = "explanation.leakage"
    title: ClassVar[str] = "What explanations leak"
    question: ClassVar[str] = "Do explanations help to tell who was in the training data?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "member"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Shokri, Strobel and Zick 2021, arXiv 1907.00164", *SOURCES)
    cost: ClassVar[str] = "seconds to minutes"
    main: ClassVar[tuple[str, ...]] = ("rows", "background")
    seconds: ClassVar[float] = 60.0
    tiny: ClassVar[Mapping[str, Any]] = {"background": 5, "patch": 14}
    headline: ClassVar[str] = "gain"
    core: ClassVar[bool] = True

    rows: int = parameter(
        400, "Rows of each kind, trained on and not: half for the attacker to learn from, half to judge it on", "rows", ge=25, le=5000
    )
    background: int = parameter(20, "Background rows of the explanations given away", "rows", ge=1, le=1000)
    permutations: int = parameter(1, "Orders a background row, each walked forward and back", ge=1, le=100)
    limit: float = parameter(0.02, "Gain in AUC by explanations, sure by its interval, that is not a finding", ge=0.0, le=0.5)
    patch: int = parameter(7, "Side of the squares an image is divided in", "pixels", ge=1, le=64)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        m = len(players(data.schema, self.patch))
        return Estimate(queries=2 * self.rows * self.background * self.permutations * 2 * max(m - 1, 1), note="at most")

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = np.random.default_rng(self.seed)
        seen, outside = data.seen.sample(self.rows + self.background, rng), data.unseen.sample(self.rows, rng)
        n = min(len(seen) - self.background, len(outside))
        if n < FEWEST:
            text = (
                f"{len(seen)} rows trained on and {len(outside)} not are too few: {FEWEST} of each are needed, and the background besides."
            )
            return CheckResult(status=Status.INCOMPLETE, summary=text)
        # Rows of the background are kept out of the attack: a row that stands in its own background is explained by less.
        inside, back = seen.take(np.arange(n)), seen.x[-self.background :]
        x, y = (np.concatenate([getattr(part, name)[:n] for part in (inside, outside)]) for name in ("x", "y"))
        member = np.repeat([True, False], n)
        explainer = Explainer(target, back, players(data.schema, self.patch), None, "permutation", "probability", self.permutations)
        answer = target.predictions(x)
        scores = answer.scores
        given = explainer.explain(x, explainer.of(x), rng, progress.part(0.8))
        known, explained = score_signals(scores, y), explanation_signals(given.values)
        progress.step(0.0, "attacking")
        learns = np.concatenate([rng.permutation(n) < n // 2, rng.permutation(n) < n // 2])
        guesses = {
            "scores": guessed(known, member, learns),
            "explanations": guessed(explained, member, learns),
            "both": guessed(np.concatenate([known, explained], 1), member, learns),
        }
        skill = Skill.of(y[:n], answer.labels[:n] == y[:n], data.schema.classes)
        return self._result(guesses, member[~learns], rng, skill, caveats(target, len(back), len(data.seen)))

    def _result(
        self, guesses: dict[str, Floats], member: NDArray[np.bool_], rng: np.random.Generator, skill: Skill, notes: list[str]
    ) -> CheckResult:
        n = int(member.sum())
        drawn = [np.concatenate([rng.integers(0, n, n), n + rng.integers(0, n, n)]) for _ in range(DRAWS)]
        again = {name: np.array([area(member[rows], guess[rows]) for rows in drawn]) for name, guess in guesses.items()}
        aucs = {name: area(member, guess) for name, guess in guesses.items()}
        gain = _metric("gain", "AUC gained by explanations", aucs["both"] - aucs["scores"], again["both"] - again["scores"], 2 * n, "zero")
        metrics = (
            *(_metric(f"auc_{name}", f"Attack AUC with {_words(name)}", aucs[name], again[name], 2 * n, "lower") for name in guesses),
            gain,
        )
        leaks = (gain.low or 0.0) > self.limit
        vain = not leaks and not skill.learned
        sentence = f" {skill.unlearned}" if vain else ""
        text = f"Membership attack AUC {aucs['scores']:.3f} with scores and {aucs['both']:.3f} with explanations too"
        return CheckResult(
            status=status_of(leaks, n < ENOUGH or vain),
            summary=f"{text}: a gain of {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}; {n:,} rows of each kind it did not learn from).{sentence}",
            metrics=metrics,
            findings=(_finding(gain),) if leaks else (),
            charts=(_chart(guesses, member),),
            notes=(
                *notes,
                "The attacker knows the true labels, and of half of the rows whether they were trained on; it is judged on the other half. "
                "Stronger attacks exist.",
            ),
        )


def score_signals(scores: Floats, y: NDArray[np.int64]) -> Floats:
    """What an attacker reads off scores (n, k): log-odds of the true class, of the largest score, and entropy; (n, 3)."""
    held = scores.clip(1e-7, 1 - 1e-7)
    odds = np.log(held) - np.log1p(-held)
    entropy = -(held * np.log(held)).sum(1)
    return np.stack([odds[np.arange(len(y)), y], odds.max(1), entropy], 1)


def explanation_signals(values: Floats) -> Floats:
    """What an attacker reads off explanations (n, m): the logarithms of variance, sum of sizes, and largest size; (n, 3)."""
    size = np.abs(values)
    return np.log(np.stack([values.var(1), size.sum(1), size.max(1)], 1) + TINY)


def guessed(signals: Floats, member: NDArray[np.bool_], learns: NDArray[np.bool_]) -> Floats:
    """Membership scores of the rows that are not learned from, by a logistic model on the signals and their squares.

    One split and no folds: out-of-fold guesses of a coin scatter more than a bootstrap of them says.
    """
    from sklearn.linear_model import LogisticRegression

    mean, spread = signals[learns].mean(0), signals[learns].std(0) + TINY
    z = ((signals - mean) / spread).clip(-5, 5)
    z = np.concatenate([z, z**2], 1)
    model = LogisticRegression(C=0.1, max_iter=500).fit(z[learns], member[learns])
    found: Floats = model.decision_function(z[~learns])
    return found


def _words(name: str) -> str:
    return {"scores": "scores", "explanations": "explanations only", "both": "scores and explanations"}[name]


def _metric(name: str, label: str, value: float, again: Floats, n: int, safer: str) -> Metric:
    low, high = np.quantile(again, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Metric(
        name=name,
        label=label,
        value=value,
        low=float(low),
        high=float(high),
        level=LEVEL,
        n=n,
        safer="zero" if safer == "zero" else "lower",
        interval="bootstrap over rows",
    )


def _finding(gain: Metric) -> Finding:
    return Finding(
        title=f"Explanations help to tell who was trained on: {gain.value:+.3f} AUC",
        severity=Severity.MEDIUM,
        evidence=Evidence(metrics=("gain",)),
        advice="Do not give explanations to whoever may ask for scores, round them, or train with differential privacy and measure again.",
        standards=STANDARDS,
        defense="privacy.dp_sgd",
    )


def _chart(guesses: dict[str, Floats], member: NDArray[np.bool_]) -> Chart:
    series = []
    for name, guess in guesses.items():
        order = np.argsort(-guess, kind="stable")
        hits, false = np.cumsum(member[order]) / member.sum(), np.cumsum(~member[order]) / (~member).sum()
        kept = np.linspace(0, len(order) - 1, 199).astype(int)
        series.append(Series(name=_words(name), x=(0.0, *false[kept].tolist()), y=(0.0, *hits[kept].tolist())))
    return Chart(
        name="roc",
        title="Telling members from others",
        kind="line",
        x=Axis(label="false positive rate", unit="share", low=0.0, high=1.0),
        y=Axis(label="true positive rate", unit="share", low=0.0, high=1.0),
        series=tuple(series),
        alt="ROC curves of the membership attack with scores, with explanations only, and with both.",
    )

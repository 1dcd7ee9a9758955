"""What an endpoint gives away: scores rounded, noised, cut to the label, counted, or made to mislead. Each has a cost to honest users."""

import hashlib
from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ..check import parameter
from ..datasets.dataset import Dataset
from ..datasets.schema import Rows
from ..defense import Defended, Defense
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import CheckResult, Metric, Status
from ..statistics.intervals import rate
from ..targets.decision import Labels, Prediction, Scores
from ..targets.disclosure import normalized, rounded
from ..targets.estimators import one_hot
from ..targets.query_budget import BudgetSpent
from ..targets.target import Target

Kind = Literal["round", "label", "noise", "budget", "deceive", "misinform"]
BETA, GAMMA = 0.9, 0.2  # of the reverse sigmoid, as in the paper
SPARED = 0.99  # of honest rows, which get their own answers


class GuardedTarget(Target):
    """A target behind an output policy; no gradients, no weights, no training.

    Its label is the model's own whatever is done to the scores, as at an endpoint; only noise goes before the decision, where the rule is one
    that can be applied to noised scores.
    """

    def __init__(self, inner: Target, kind: Kind, digits: int, deviation: float, query_budget: int, seed: int) -> None:
        offers = frozenset({"labels"} if kind == "label" else {"labels", "scores"})
        text = f"{inner.fingerprint} {kind} {digits} {deviation} {query_budget} {seed}"
        super().__init__(f"{inner.name}, {kind}", inner.classes, inner.schema, offers, hashlib.sha256(text.encode()).hexdigest())
        self.inner = inner
        self.kind = kind
        self.digits = digits
        self.deviation = deviation
        self.query_budget = query_budget
        self.seed = seed
        self.left: int | None = None
        self.decision, self.given, self.doubts, self.noise = inner.decision, inner.given, inner.doubts, inner.noise

    def as_client(self) -> "GuardedTarget":
        """The same target as one client sees it: with a budget of its own where the policy has one."""
        client = GuardedTarget(self.inner, self.kind, self.digits, self.deviation, self.query_budget, self.seed)
        client.left = self.query_budget if self.kind == "budget" else None
        return client

    def _spend(self, rows: int) -> None:
        if self.left is None:
            return
        if rows > self.left:
            raise BudgetSpent(f"at most {self.left} more rows for this client", f"{rows}", "Ask for fewer; the budget is spent")
        self.left -= rows

    def _scores(self, x: Rows) -> Scores:
        if self.kind == "label":
            return one_hot(self._decided(x, None), len(self.classes))
        self._spend(len(x))
        return self._shown(x, self.inner.scores(x))

    def _decided(self, part: Rows, scores: Scores | None) -> Labels:
        if self.kind == "noise" and self.decision is not None:
            return self.decision(self._scores(part) if scores is None else scores)
        self._spend(len(part))
        return self.inner.labels(part)

    def _prediction(self, x: Rows) -> Prediction:
        if self.kind == "noise" and self.decision is not None:
            return super()._prediction(x)
        if self.kind == "label":
            labels = self._decided(x, None)
            return Prediction(labels, one_hot(labels, len(self.classes)))
        self._spend(len(x))
        found = self.inner.predictions(x)
        return Prediction(found.labels, self._shown(x, found.scores))

    def _shown(self, x: Rows, scores: Scores) -> Scores:
        """What of the scores is given away."""
        if self.kind == "round":
            return normalized(rounded(scores, self.digits), scores)
        if self.kind == "deceive":
            return deceptive(scores)
        return normalized(scores + self._drawn(x, scores.shape[1]), scores) if self.kind == "noise" else scores

    def _drawn(self, x: Rows, k: int) -> NDArray[np.float64]:
        """Noise that is the same for the same row, so that asking twice and averaging gains nothing."""
        out = np.empty((len(x), k))
        key = self.seed.to_bytes(8, "little")
        for i, row in enumerate(np.ascontiguousarray(x)):
            digest = hashlib.blake2b(row.tobytes(), digest_size=8, key=key).digest()
            out[i] = np.random.default_rng(int.from_bytes(digest, "little")).normal(0, self.deviation, k)
        return out


def deceptive(scores: Scores) -> Scores:
    """Scores (n, k) poisoned by the reverse sigmoid, with the largest still the largest (Lee et al. 2019, arXiv 1806.00054).

    A confident answer and a less confident one are shown alike, so that what a copy learns of the boundary misleads it.
    """
    p = np.clip(scores, 1e-9, 1 - 1e-9)
    bent = 1 / (1 + (p / (1 - p)) ** -GAMMA) - 0.5
    shown = np.maximum(p - BETA * bent, 1e-9)
    most = scores.argmax(1)
    rows = np.arange(len(shown))
    shown[rows, most] = np.maximum(shown[rows, most], shown.max(1) * (1 + 1e-6))
    found: Scores = shown / shown.sum(1, keepdims=True)
    return found


class OutputPolicy(Defense):
    """Give away less: fewer digits, the label alone, noise, or a number of rows a client; or mislead.

    ``deceive`` poisons the scores and keeps the label; ``misinform`` answers rows unlike those the model was trained on wrongly, labels too: a thief
    who has no rows of that kind learns nothing, and about one honest row in a hundred is answered wrongly, which is measured.
    """

    id: ClassVar[str] = "theft.output_policy"
    title: ClassVar[str] = "Output policy"
    question: ClassVar[str] = "How much harder is theft when the endpoint says less, and what does it cost honest users?"
    needs: ClassVar[frozenset[str]] = frozenset({"scores"})
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = ("OWASP ML05:2023", "AML.T0024.002", "NISTAML.031")
    sources: ClassVar[tuple[str, ...]] = (
        "Tramer et al. 2016, arXiv 1609.02943",
        "Lee et al. 2019, arXiv 1806.00054",
        "Kariyappa and Qureshi 2020, arXiv 1911.07100",
    )
    cost: ClassVar[str] = "seconds"
    main: ClassVar[tuple[str, ...]] = ("kind", "digits", "noise", "query_budget")
    leads: ClassVar[tuple[str, ...]] = ("same_label", "accuracy_after", "score_error")
    answers: ClassVar[tuple[str, ...]] = ("theft.extraction",)

    renamed: ClassVar[Mapping[str, str]] = {"allowed": "query_budget"}

    kind: Kind = parameter(
        "label",
        "What the endpoint does: round the scores, give the label alone, add noise, count rows, deceive by scores, or misinform about strange rows",
    )
    digits: int = parameter(1, "Decimals that are kept when rounding", "decimals", ge=0, le=6)
    noise: float = parameter(0.1, "Standard deviation of the noise on each score", "probability", gt=0, le=1)
    query_budget: int = parameter(500, "Rows one client may ask, where rows are counted", "rows", ge=1, le=10_000_000)

    def apply(self, target: Target, data: Dataset, progress: Progress) -> Defended:
        made = self._made(target, data)
        rows = data.unseen.sample(2000, np.random.default_rng(self.seed))
        before, after = target.predictions(rows.x), made.predictions(rows.x)
        progress.step(0.9, "measured the cost to honest users")
        kept = before.labels == after.labels
        metrics = (
            rate("accuracy_before", "Accuracy before", int((before.labels == rows.y).sum()), len(rows), "higher"),
            rate("accuracy_after", "Accuracy behind the policy", int((after.labels == rows.y).sum()), len(rows), "higher"),
            rate("same_label", "Rows whose label stays", int(kept.sum()), len(rows), "higher"),
            _error(before.scores, after.scores),
        )
        words = {"round": f"rounded to {self.digits} decimals", "label": "cut to the label", "noise": f"noised by {self.noise:g}"}
        words |= {"deceive": "poisoned, the label kept", "misinform": "wrong for rows unlike the training rows"}
        text = words.get(self.kind, f"limited to {self.query_budget:,} rows a client")
        summary = f"Scores {text}: {percent(float(kept.mean()))} of {len(rows):,} labels stay; the scores honest users see move by {metrics[3].value:.3f} on average."
        return Defended(made, CheckResult(status=Status.PASSED, summary=summary, metrics=metrics))

    def _made(self, target: Target, data: Dataset) -> GuardedTarget:
        if self.kind != "misinform":
            return GuardedTarget(target, self.kind, self.digits, self.noise, self.query_budget, self.seed)
        from ._misinforming import Familiar, MisinformingTarget

        return MisinformingTarget(target, Familiar.of(data, SPARED, np.random.default_rng([self.seed, 5])), self.seed)


def _error(before: Scores, after: Scores) -> Metric:
    moved = np.abs(before - after).mean(1)
    half = 1.96 * float(moved.std(ddof=1)) / len(moved) ** 0.5 if len(moved) > 1 else 0.0
    mean = float(moved.mean())
    return Metric(
        name="score_error",
        label="Mean move of a score",
        value=mean,
        unit="probability",
        low=max(mean - half, 0.0),
        high=mean + half,
        level=0.95,
        n=len(moved),
        safer="none",
        interval="normal",
    )

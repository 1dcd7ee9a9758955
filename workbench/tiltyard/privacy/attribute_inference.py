"""Are sensitive columns recovered better with the model than without it? (Fredrikson et al. 2015; Jayaraman and Evans 2022, 2209.01292)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator

from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..datasets.schema import Rows
from ..errors import Problem, Unavailable
from ..progress import Progress
from ..result import CheckResult
from ..targets.decision import Prediction
from ..targets.target import Target
from ._attribute_report import STANDARDS, Judged, Unmeasured, report
from ._attribute_secret import MOST, Secret, secret
from .membership import chance
from .membership_threshold import predicted

Sees = Literal["scores", "label", "nothing"]
LEVELS = 255  # the most values that the guesser's trees take as categories
SEEN = {"label": "its predicted label", "nothing": "no answer, and asks for each value"}


class AttributeInference(Check):
    """The attacker knows a row's other columns and its label; does the model give away the sensitive ones?

    For each sensitive column two equal classifiers are trained on half of the rows and judged on the
    other half: one sees the other columns (imputation), one sees the model's answer besides. What the
    first finds, or the commonest value where that is right more often, is in the world; only the difference is leakage. Where the model takes the
    column as input, the answer is given as its distance from the model's answer for each possible
    value, which is nothing at all where the model ignores the column. Several columns are judged
    together: each interval is widened (Bonferroni) so that all hold at once, and the worst leads.
    """

    id: ClassVar[str] = "privacy.attribute_inference"
    title: ClassVar[str] = "Attribute inference"
    question: ClassVar[str] = "Does the model give away a sensitive column to someone who knows the others?"
    needs: ClassVar[frozenset[str]] = frozenset({"scores", "sensitive", "table"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Fredrikson et al. 2015, ACM CCS", "Jayaraman and Evans 2022, arXiv 2209.01292")
    cost: ClassVar[str] = "seconds to a minute for each column"
    main: ClassVar[tuple[str, ...]] = ("columns", "sees", "rows")
    seconds: ClassVar[float] = 60.0
    campaign_goal: ClassVar[CampaignGoal | None] = "infer"
    headline: ClassVar[str] = "advantage"
    context: ClassVar[frozenset[str]] = frozenset({"accuracy_with_model"})
    renamed: ClassVar[Mapping[str, str]] = {"column": "columns"}

    columns: tuple[str, ...] = parameter((), "Sensitive columns to recover, each by itself; none means all", "columns", source="sensitive")
    sees: Sees = parameter(
        "scores", "What the attacker saw for the row: its scores, its predicted label, or nothing (then asks for each value)"
    )
    digits: int = parameter(3, "Decimals of the scores that the attacker sees", "decimals", ge=0, le=7)
    rows: int = parameter(4000, "Rows, half known to the attacker, half attacked", "rows", ge=40, le=1_000_000)
    accepted: float = parameter(0.05, "Gain by the model that is accepted, by the end of its interval", "share", ge=0.001, le=1)

    @field_validator("columns", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """One name, as the parameter ``column`` took it, is a list of one; an empty one is none."""
        return ((value,) if value else ()) if isinstance(value, str) else value

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        n, names = min(len(data), self.rows), self._names(data)
        return Estimate(queries=n * (1 + MOST * len(names)), note="at most; one query a row and one for each possible value of each column")

    def _names(self, data: Dataset) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.columns or data.sensitive))

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        names = self._names(data)
        part = data.sample(self.rows, chance(self.seed, self.id))
        secrets = [secret(part, name) for name in names]
        plain = predicted(target, part.x, progress.part(0.05))
        judged: list[Judged] = []
        unmeasured: list[Unmeasured] = []
        for it in secrets:
            inner = progress.part(0.95 / len(names))
            try:
                judged.append(self._judged(target, part, it, plain, inner))
            except (Problem, Unavailable) as reason:
                if len(names) == 1:
                    raise
                unmeasured.append(Unmeasured(it.name, str(reason)))
        if not judged:
            why = "; ".join(f"{one.name}: {one.why}" for one in unmeasured)
            raise Problem("a column that can be recovered", why, "Choose other columns")
        return report(judged, unmeasured, self.accepted, self._notes())

    def _judged(self, target: Target, part: Dataset, it: Secret, plain: Prediction, progress: Progress) -> Judged:
        """What is guessed of one column with the model and without, on the half of its rows that the attacker does not know."""
        kept = it.value >= 0
        left_out = int((~kept).sum())
        part, plain = part.take(kept), Prediction(plain.labels[kept], plain.scores[kept])
        it = Secret(it.name, it.names, it.value[kept], it.columns, it.settings)
        if len(np.unique(it.value)) < 2:
            raise Problem(f"at least two values in {it.name!r}", "one", "Choose another column")
        if len(part) < 20:
            raise Problem("at least 20 rows", f"{len(part)}", "Give more rows")
        base = _known(part, it)
        evidence = self._evidence(target, part, it, plain, progress.part(0.5))
        known = np.zeros(len(part), bool)
        known[chance(self.seed, f"{self.id}.{it.name}").permutation(len(part))[: len(part) // 2]] = True
        without = _no_worse(_guesses(base, it.value, known, self.seed, progress.part(0.25)), it.value, known)
        with_model = _guesses(base.beside(evidence), it.value, known, self.seed, progress.part(0.25))
        rest = part.take(~known)
        return Judged(it, rest.member, rest.fingerprint, it.value[~known], with_model, without, int(known.sum()), left_out)

    def _notes(self) -> tuple[str, ...]:
        seen = SEEN.get(self.sees, f"its scores to {self.digits} decimals")
        return (f"For each attacked row the attacker knows all other columns of the model's input, the true label, and saw {seen}.",)

    def _evidence(self, target: Target, part: Dataset, it: Secret, plain: Prediction, progress: Progress) -> Rows:
        """What the model adds, float64 (n, …): all zeros where it ignores the column and takes it as input."""
        seen = self._seen(plain)
        if it.settings is None or it.columns is None:
            if self.sees == "nothing":
                raise Unavailable(f"a model that takes {it.name} as input", "one that does not", "Let the attacker see scores or the label")
            return seen
        found, x = [], part.x.copy()
        for setting in it.settings:
            x[:, it.columns] = setting
            found.append(predicted(target, x, progress.part(1 / len(it.settings))))
        if self.sees == "nothing":
            rows = np.arange(len(part))
            truth = np.stack([np.log(np.maximum(answer.scores[rows, part.y], 1e-6)) for answer in found], 1)
            return np.asarray(truth - truth.mean(1, keepdims=True))
        return np.stack([np.abs(self._seen(answer) - seen).sum(1) for answer in found], 1)

    def _seen(self, answer: Prediction) -> Rows:
        if self.sees == "label":
            return np.eye(answer.scores.shape[1])[answer.labels]
        return np.asarray(answer.scores.round(self.digits))


@dataclass(frozen=True)
class Known:
    """What the attacker knows of each row: columns ``x``, float64 (n, d), NaN where a row has no number; ``category`` (d,) says which are places."""

    x: Rows
    category: NDArray[np.bool_]

    def beside(self, evidence: Rows) -> "Known":
        """The same with the columns of ``evidence``, numbers, beside."""
        return Known(np.concatenate([self.x, evidence], 1), np.append(self.category, np.zeros(evidence.shape[1], bool)))


def _known(part: Dataset, it: Secret) -> Known:
    """The columns of x but for the one to recover, and the true label."""
    width = {f.name: float(f.kind == "categorical" and len(f.values) <= LEVELS) for f in part.schema.features}
    category = np.append(part.schema.spread(width) > 0, len(part.schema.classes) <= LEVELS)
    x = np.concatenate([part.x, part.y[:, None]], 1)
    kept = np.ones(len(category), bool)
    if it.columns is not None:
        kept[it.columns] = False
    return Known(x[:, kept], category[kept])


def _no_worse(guesses: NDArray[np.int64], value: NDArray[np.int64], known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The guesses, or the value that most known rows have where that is right more often: nobody has to believe a bad guesser."""
    commonest = np.full(len(guesses), np.bincount(value[known]).argmax(), np.int64)
    return commonest if (commonest == value[~known]).sum() > (guesses == value[~known]).sum() else guesses


def _guesses(base: Known, value: NDArray[np.int64], known: NDArray[np.bool_], seed: int, progress: Progress) -> NDArray[np.int64]:
    """The value guessed for each row not ``known`` by boosted trees trained on those known; grown in small steps to be cancelled."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    if len(np.unique(value[known])) < 2:
        return np.full(int((~known).sum()), value[known][0])
    rounds = 60 if len(np.unique(value)) <= 4 else 30
    step = 5 if len(np.unique(value)) <= 4 else 1
    trees = HistGradientBoostingClassifier(
        max_iter=step,
        max_leaf_nodes=15,
        l2_regularization=1.0,
        early_stopping=False,
        warm_start=True,
        random_state=seed,
        categorical_features=base.category,
    )
    for done in range(step, rounds + 1, step):
        progress.step(done / rounds, "guessing the column")
        trees.set_params(max_iter=done)
        with threadpool_limits(1):  # on so few rows threads cost more than they bring, most of all on a busy machine
            trees.fit(base.x[known], value[known])
    return np.asarray(trees.predict(base.x[~known]), np.int64)

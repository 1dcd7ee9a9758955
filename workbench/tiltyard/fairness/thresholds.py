"""Thresholds per group: Fairlearn finds them, plain numbers keep them."""

import warnings
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets.schema import Rows
from ..errors import Problem
from ..targets.target import Target
from .belonging import Read

Constraint = Literal["demographic_parity", "equalized_odds"]
Objective = Literal["accuracy_score", "balanced_accuracy_score"]


@dataclass(frozen=True)
class Cut:
    """Positive where the score is above the threshold (below it where ``above`` is false)."""

    threshold: float
    above: bool

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        return ((scores > self.threshold) if self.above else (scores < self.threshold)).astype(np.float64)


@dataclass(frozen=True)
class Rule:
    """One group's mixture of two cuts and a constant (Hardt, Price and Srebro 2016)."""

    p0: float
    cut0: Cut
    p1: float
    cut1: Cut
    ignore: float = 0.0
    constant: float = 0.0

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of the positive class, float64 (n,)."""
        return self.ignore * self.constant + (1 - self.ignore) * (self.p0 * self.cut0(scores) + self.p1 * self.cut1(scores))

    def written(self) -> list[Any]:
        """As JSON has it; the thresholds as text, since they may be infinite."""
        cuts = ([repr(cut.threshold), cut.above] for cut in (self.cut0, self.cut1))
        return [self.p0, self.p1, self.ignore, self.constant, *cuts]

    @classmethod
    def read(cls, written: Any) -> "Rule":
        """What `written` wrote; a `ValueError` or `TypeError` for anything else."""
        *shares, (t0, above0), (t1, above1) = written
        p0, p1, ignore, constant = (float(share) for share in shares)
        cuts = Cut(float(t0), above0 is True), Cut(float(t1), above1 is True)
        if not all(0 <= share <= 1 for share in (p0, p1, ignore, constant)) or any(cut.threshold != cut.threshold for cut in cuts):
            raise ValueError("shares from 0 to 1, and thresholds")
        return cls(p0, cuts[0], p1, cuts[1], ignore, constant)


Rules = dict[str, Rule]


def from_on(threshold: float) -> Rule:
    """Positive where the score is at least ``threshold``."""
    cut = Cut(float(np.nextafter(threshold, -np.inf)), above=True)
    return Rule(1.0, cut, 0.0, cut)


def fit_rules(
    scores: NDArray[np.float64],
    truth: NDArray[np.bool_],
    groups: NDArray[np.str_],
    constraint: Constraint,
    objective: Objective,
    tolerance: float,
) -> Rules:
    """Fairlearn's ``ThresholdOptimizer`` on given scores; every group needs rows of both classes.

    Raises
    ------
    Problem
        A group has rows of one class only.
    """
    for name in np.unique(groups):
        if len(np.unique(truth[groups == name])) < 2:
            raise Problem(
                "rows of both classes in every group", f"one class only in group {name!r}", "Leave the group out or give more rows"
            )
    from fairlearn.postprocessing import ThresholdOptimizer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optimizer = ThresholdOptimizer(
            estimator=_given(),
            constraints=constraint,
            objective=objective,
            prefit=True,
            predict_method="predict_proba",
            tol=tolerance if tolerance > 0 and constraint != "equalized_odds" else None,
        ).fit(scores[:, None], truth.astype(int), sensitive_features=groups)
    return {str(name): _rule(mix) for name, mix in optimizer.interpolated_thresholder_.interpolation_dict.items()}


def _given() -> Any:
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Given(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        """An estimator whose input is its score."""

        def fit(self, x: Any, y: Any) -> Any:
            return self

        def predict_proba(self, x: Any) -> Any:
            return np.stack([1 - x[:, 0], x[:, 0]], 1)

        def __sklearn_is_fitted__(self) -> bool:
            return True

    return Given()


def _cut(operation: Any) -> Cut:
    return Cut(float(operation.threshold), operation.operator == ">")


def _rule(mix: Any) -> Rule:
    ignore, constant = (float(mix[key]) if key in mix else 0.0 for key in ("p_ignore", "prediction_constant"))
    return Rule(float(mix["p0"]), _cut(mix["operation0"]), float(mix["p1"]), _cut(mix["operation1"]), ignore, constant)


@dataclass(frozen=True)
class ByGroup:
    """Chances of the positive class: the base target's score through the rule of the row's group, its own answer where there is none."""

    base: Target
    positive: int
    read: Read
    rules: Rules

    def __call__(self, x: Rows) -> NDArray[np.float64]:
        answer = self.base.predictions(x)
        return by_rules(answer.scores[:, self.positive], self.read(x), self.rules, answer.labels == self.positive)

    def text(self) -> str:
        rules = {name: asdict(rule) for name, rule in sorted(self.rules.items())}
        return f"{self.base.fingerprint} {self.read.text()} {rules}"


def by_rules(scores: NDArray[np.float64], groups: NDArray[np.str_], rules: Rules, own: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Each row's probability of the positive class, float64 (n,); the model's ``own`` answer (n,) in a group without a rule."""
    out = own.astype(np.float64)
    for name, rule in rules.items():
        mine = groups == name
        out[mine] = rule(scores[mine])
    return out

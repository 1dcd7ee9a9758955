"""Training again under a constraint: a mixture of models of the target's make, each trained on reweighted rows."""

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from ..check import parameter
from ..datasets.dataset import Dataset
from ..datasets.schema import Rows
from ..defense import Defended, Defense
from ..errors import Problem
from ..progress import Progress
from ..targets.target import Target
from ..targets.wrapper import Own, seed_in
from .belonging import fitted_among, sensitive_column, trained_and_held, two_classes
from .favorable import favorable
from .group_metrics import STANDARDS
from .groups import judged
from .learners import Learner, learner
from .members import Always, read_member, written_member
from .mitigation import Accepted, Mitigated, compared
from .randomized import RandomizedTarget

FITS_A_ROUND = 6


@dataclass(frozen=True)
class Mixture:
    """Chances of the positive class: the weight of the members that give it."""

    members: tuple[Target, ...]
    weights: tuple[float, ...]
    positive: int

    def __call__(self, x: Rows) -> NDArray[np.float64]:
        out = np.zeros(len(x))
        for member, weight in zip(self.members, self.weights, strict=True):
            out += weight * (member.labels(x) == self.positive)
        return out.clip(0, 1)

    def text(self) -> str:
        return " ".join(f"{weight!r} {member.fingerprint}" for member, weight in zip(self.members, self.weights, strict=True))


class MixtureTarget(RandomizedTarget):
    """Models of the make of ``inner`` that share the answers by a coin."""

    wraps: ClassVar[str] = "mixture"

    def __init__(self, inner: Target, mixture: Mixture, seed: int, by: str) -> None:
        super().__init__(f"{inner.name}, {by}", inner, mixture, mixture.positive, seed)
        self.mixture, self.by = mixture, by

    def own(self) -> Own:
        kept = [written_member(member, self.inner) for member in self.mixture.members]
        return Own(
            {
                "positive": self.positive,
                "seed": self.seed,
                "by": self.by,
                "weights": list(self.mixture.weights),
                "members": [kind for kind, _ in kept],
            },
            {f"member.{i}": np.frombuffer(content, np.uint8) for i, (_, content) in enumerate(kept) if content},
        )

    @classmethod
    def around(cls, inner: Target, own: Own) -> Self:
        given = own.settings
        weights, positive = tuple(float(w) for w in given["weights"]), int(given["positive"])
        if (
            len(weights) != len(given["members"])
            or not weights
            or min(weights) < 0
            or not 0 < sum(weights) < 1.001
            or positive not in (0, 1)
        ):
            raise ValueError("a weight for each member")
        members = tuple(read_member(kind, own.arrays.get(f"member.{i}"), inner) for i, kind in enumerate(given["members"]))
        return cls(inner, Mixture(members, weights, positive), seed_in(given["seed"]), str(given["by"]))


class ExponentiatedGradient(Defense):
    """Fairlearn's ExponentiatedGradient with the target's own training as its learner. Needs no group when the model is asked."""

    id: ClassVar[str] = "fairness.exponentiated_gradient"
    title: ClassVar[str] = "Training under a constraint"
    question: ClassVar[str] = "Can the gap be closed by training, without deciding by group?"
    answers: ClassVar[tuple[str, ...]] = ("fairness.groups",)
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "training", "sensitive"})
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Agarwal et al. 2018, arXiv 1803.02453", "Fairlearn ExponentiatedGradient")
    cost: ClassVar[str] = "some tens of trainings: a minute or more"
    main: ClassVar[tuple[str, ...]] = ("column", "constraint", "tolerance")
    leads: ClassVar[tuple[str, ...]] = ("demographic_parity_after", "demographic_parity_before", "accuracy_change")
    seconds: ClassVar[float] = 60.0

    column: str = parameter("", "Sensitive column; empty means the first", source="sensitive")
    constraint: Literal["demographic_parity", "equalized_odds"] = parameter("demographic_parity", "What is made equal between groups")
    tolerance: float = parameter(0.02, "Gap that training may leave between any group and all", gt=0.0, le=1.0)
    iterations: int = parameter(8, "Rounds, each with up to six trainings", "rounds", ge=1, le=100)
    accepted: float = parameter(0.1, "Gap on rows not fitted on that is still called mitigated, by the end of its interval", ge=0.0, le=1.0)
    price: float = parameter(0.05, "Accuracy that it may cost, by the end of its interval", ge=0.0, le=1.0)
    positive: str = parameter(
        "",
        "The class that is the favorable outcome; empty means the one named with the data, else proposed by the names of label and classes",
        source="classes",
        title="Favorable outcome",
    )
    smallest: int = parameter(30, "Smaller groups are neither fitted to nor compared", "rows", ge=2, le=10_000)
    rows: int = parameter(4000, "Rows to train on, of those trained on", "rows", ge=100, le=200_000)

    def apply(self, target: Target, data: Dataset, progress: Progress) -> Defended:
        two_classes(target.classes)
        rng = np.random.default_rng(self.seed)
        column = sensitive_column(data, self.column)
        hope = favorable(data.schema, self.positive)
        positive = hope.index
        train = learner(target, self.seed)
        fitted, held = trained_and_held(data, self.rows, rng)
        found, fits = self._fit(target, train, _large(fitted, column, self.smallest), column, positive, progress.part(0.85))
        made = MixtureTarget(target, found, self.seed, f"{self.constraint.replace('_', ' ')} by {column}")
        made.fitted_here = fitted_among(data, len(fitted))
        before = judged(target, held, positive, progress.part(0.05))
        after = judged(made, held, positive, progress.part(0.1))
        mitigated = Mitigated(column, held.sensitive[column], before, after, self.smallest, len(fitted), hope, (target.rule, made.rule))
        notes = (
            f"{fits} trainings on {len(fitted):,} rows; {len(found.members)} models share the answers "
            f"(weights {', '.join(f'{w:.2f}' for w in found.weights[:8])}).",
            "Which of them answers is a coin that is a hash of the row and the seed: the same row always gets the same answer.",
            "The group is used in training only.",
        )
        return Defended(made, compared(mitigated, self.constraint, Accepted(self.accepted, self.price), rng, notes))

    def _fit(self, target: Target, train: Learner, rows: Dataset, column: str, positive: int, progress: Progress) -> tuple[Mixture, int]:
        progress.step(0.0, "loading Fairlearn")
        from fairlearn.reductions import DemographicParity, EqualizedOdds
        from fairlearn.reductions import ExponentiatedGradient as Fairlearn

        constraint = (DemographicParity if self.constraint == "demographic_parity" else EqualizedOdds)(difference_bound=self.tolerance)
        fits = _Fits(train, rows.x, positive, progress, FITS_A_ROUND * self.iterations)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reduction = Fairlearn(_Estimator(fits), constraint, eps=self.tolerance, max_iter=self.iterations)
            index = np.arange(len(rows), dtype=np.float64)[:, None]
            reduction.fit(index, (rows.y == positive).astype(int), sensitive_features=rows.sensitive[column])
        weights = np.array([float(reduction.weights_[i]) for i in range(len(reduction.predictors_))])
        kept = np.flatnonzero(weights > 1e-4)
        members = tuple(_member(reduction.predictors_[i], target, positive) for i in kept)
        share = weights[kept] / weights[kept].sum()
        return Mixture(members, tuple(float(w) for w in share), positive), fits.done


def _large(rows: Dataset, column: str, smallest: int) -> Dataset:
    names, n = np.unique(rows.sensitive[column], return_counts=True)
    large = names[n >= smallest]
    if len(large) < 2:
        raise Problem(f"two groups with at least {smallest} rows", f"{len(large)}", "Raise rows or choose another column")
    return rows.take(np.isin(rows.sensitive[column], large))


class _Fits:
    """The rows that all trainings share, and how many there were. How many there will be nobody knows: each takes a share of what is left."""

    def __init__(self, train: Learner, x: Rows, positive: int, progress: Progress, expected: int) -> None:
        self.train = train
        self.x = x
        self.positive = positive
        self.progress = progress
        self.expected = expected
        self.done = 0
        self.left = 1.0

    def __call__(self, index: NDArray[np.intp], answer: NDArray[np.int64], weights: NDArray[np.float64]) -> Target:
        self.done += 1
        self.progress.step(1 - self.left, f"training {self.done}; as a rule no more than {self.expected}")
        share = 2 * self.left / self.expected
        y = np.where(answer == 1, self.positive, 1 - self.positive).astype(np.int64)
        made = self.train(self.x[index], y, weights, self.progress.part(share))
        self.left -= share
        return made


class _Estimator:
    """What Fairlearn takes for an estimator: its x are row numbers, so that x itself is never copied."""

    def __init__(self, fits: _Fits) -> None:
        self.fits = fits
        self.target: Target | None = None

    def __sklearn_clone__(self) -> "_Estimator":
        return _Estimator(self.fits)

    def fit(self, x: Any, y: Any, sample_weight: Any) -> "_Estimator":
        self.target = self.fits(_index(x), np.asarray(y, np.int64).ravel(), np.asarray(sample_weight, np.float64).ravel())
        return self

    def predict(self, x: Any) -> NDArray[np.int64]:
        assert self.target is not None
        answer: NDArray[np.int64] = (self.target.labels(self.fits.x[_index(x)]) == self.fits.positive).astype(np.int64)
        return answer


def _index(x: Any) -> NDArray[np.intp]:
    return np.asarray(x, np.float64).ravel().astype(np.intp)


def _member(predictor: Any, like: Target, positive: int) -> Target:
    if isinstance(predictor, _Estimator) and predictor.target is not None:
        return predictor.target
    gives = int(predictor.predict(np.zeros((1, 1)))[0])
    return Always(like, positive if gives == 1 else 1 - positive)

"""The kinds of model a thief trains on a target's answers, and the choice of the best of them, made on answers that were held out.

A single kind hides theft: what a network cannot copy a forest can. The thief chooses by agreement with the target on rows it paid for and did
not train on, never by labels that it has not.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets.schema import Rows, Schema
from ..progress import Progress
from ..targets.decision import Labels, Scores
from ._copied import Copied
from ._form import Form, parts
from ._rule import SMALLEST, log_odds, moved
from .thieves import copycat

Kind = Literal["network", "augmented", "forest", "boosting", "linear", "kernel", "together"]
HELD = 0.2  # of the answers, to choose by
FEWEST = 20  # answers from which some can be held out
TREES, TREE_ROWS = 100, 20_000
AT_ONCE = 50_000  # numbers on which all trees are grown without a look at a cancel; of more fewer
MOST_KERNEL = 4000
WORDS: dict[Kind, str] = {
    "network": "a network",
    "augmented": "a network on shifted pictures",
    "forest": "a forest",
    "boosting": "boosted trees",
    "linear": "a linear model",
    "kernel": "a support vector machine",
    "together": "all of them together",
}


@dataclass(frozen=True)
class Lesson:
    """What copies are trained on: rows x (n, *shape), ``scores`` (n, k) and ``labels`` (n,) as the target answered."""

    x: Rows
    scores: Scores
    labels: Labels
    schema: Schema
    epochs: int
    seed: int

    def __len__(self) -> int:
        return len(self.x)

    def at(self, rows: NDArray[np.intp]) -> "Lesson":
        """The same of some of its rows."""
        return Lesson(self.x[rows], self.scores[rows], self.labels[rows], self.schema, self.epochs, self.seed)


@dataclass(frozen=True)
class Fitted:
    """A copy that is no network: ``model`` gives scores of rows in ``form``; ``shift`` (k,) is added to their logarithms."""

    model: Any
    form: Form
    shift: NDArray[np.float64]

    def scores(self, x: Rows) -> Scores:
        """Probabilities (n, k)."""
        found = [self._shifted(self.model(self.form(x[part]))) for part in parts(self.form.schema, len(x))]
        return np.concatenate(found) if found else np.empty((0, len(self.shift)))

    def labels(self, x: Rows) -> Labels:
        """What it decides, int64 (n,)."""
        found: Labels = self.scores(x).argmax(1).astype(np.int64)
        return found

    def _shifted(self, scores: Scores) -> Scores:
        return _softmax(np.log(np.maximum(scores, SMALLEST)) + self.shift)


@dataclass(frozen=True)
class Together:
    """The mean of several copies' scores."""

    copies: tuple[Copied, ...]

    def scores(self, x: Rows) -> Scores:
        """Probabilities (n, k)."""
        found: Scores = np.mean([copy.scores(x) for copy in self.copies], axis=0)
        return found

    def labels(self, x: Rows) -> Labels:
        """What they decide, int64 (n,)."""
        found: Labels = self.scores(x).argmax(1).astype(np.int64)
        return found


@dataclass(frozen=True)
class Chosen:
    """The best copy, its kind, and how each kind agreed with the target on the answers held out; empty where there were too few."""

    copy: Copied
    kind: Kind
    agreed: dict[Kind, float]
    committee: tuple[Copied, ...]


def kinds(schema: Schema, n: int) -> tuple[Kind, ...]:
    """The kinds that are tried for rows of this schema, of which ``n`` were answered."""
    kernel: tuple[Kind, ...] = ("kernel",) if n <= MOST_KERNEL else ()
    if schema.images:
        return ("network", "augmented", "forest", *kernel)
    return ("network", "forest", "boosting", "linear", *kernel)


def best(lesson: Lesson, natural: NDArray[np.bool_], progress: Progress) -> Chosen:
    """The kind that agrees most with the target on a fifth of the answers, trained again on all of them.

    Parameters
    ----------
    natural : bool (n,)
        Answers to rows that were drawn at random; where there are enough, the fifth is taken of these, as chosen rows are like no others.
    """
    rng = np.random.default_rng([lesson.seed, 7])
    names = kinds(lesson.schema, len(lesson))
    if len(lesson) < FEWEST or len(np.unique(lesson.labels)) < 2:
        return Chosen(trained("network", lesson, progress), "network", {}, ())
    held = _held(natural if natural.sum() >= FEWEST else np.ones(len(lesson), bool), rng)
    rest, judged = lesson.at(np.flatnonzero(~held)), lesson.at(np.flatnonzero(held))
    committee = tuple(trained(kind, rest, progress.part(0.5 / (len(names) - i))) for i, kind in enumerate(names))
    given: list[Copied] = [*committee, Together(committee)]
    agreed = {kind: float((copy.labels(judged.x) == judged.labels).mean()) for kind, copy in zip((*names, "together"), given, strict=True)}
    kind: Kind = max(agreed, key=lambda name: agreed[name])
    if kind != "together":
        return Chosen(trained(kind, lesson, progress.part(1.0)), kind, agreed, committee)
    every = tuple(trained(kind, lesson, progress.part(1 / (len(names) - i))) for i, kind in enumerate(names))
    return Chosen(Together(every), kind, agreed, committee)


def _held(of: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    places = np.flatnonzero(of)
    held = np.zeros(len(of), bool)
    held[rng.choice(places, max(1, round(HELD * len(places))), replace=False)] = True
    return held


def trained(kind: Kind, lesson: Lesson, progress: Progress) -> Copied:
    """One copy of a kind; `together` is none of one lesson."""
    if len(np.unique(lesson.labels)) < 2 or kind in ("network", "augmented"):
        shifted = kind == "augmented"
        epochs = lesson.epochs * (2 if shifted else 1)
        return copycat(lesson.x, lesson.scores, lesson.labels, lesson.schema, epochs, lesson.seed, progress, shifted)
    form = Form.by_bounds(lesson.schema) if lesson.schema.images else Form.by_spread(lesson.schema, lesson.x)
    shift = moved(lesson.scores, lesson.labels)
    k = lesson.scores.shape[1]
    scores = lesson.scores if shift is not None else np.eye(k)[lesson.labels]
    shift = np.zeros(k) if shift is None else shift
    z = form(lesson.x)
    if kind == "forest":
        return Fitted(_forest(z, scores, lesson.seed, progress), form, shift)
    if kind == "boosting" and k == 2 and not _hard(scores):
        return Fitted(_boosted_odds(z, log_odds(scores), lesson.seed, progress), form, shift)
    if kind == "linear" and not _hard(scores):
        return Fitted(_regressed(z, scores, progress), form, shift)
    model = _boosted(z, lesson.labels, k, lesson.seed, progress) if kind == "boosting" else _classified(kind, z, lesson.labels, k, progress)
    return Fitted(model, form, np.zeros(k))


def _hard(scores: Scores) -> bool:
    return bool(((scores == 0) | (scores == 1)).all())


def _forest(z: NDArray[Any], scores: Scores, seed: int, progress: Progress) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    most = None if len(z) <= TREE_ROWS else TREE_ROWS
    stage = _stage(z)
    model = RandomForestRegressor(stage, max_features=0.33, max_samples=most, warm_start=True, random_state=seed)
    for grown in range(stage, TREES + 1, stage):
        progress.step((grown - stage) / TREES, "growing a forest")
        model.set_params(n_estimators=grown).fit(z, scores)
    return lambda rows: np.asarray(model.predict(rows)).reshape(len(rows), -1)


def _boosted(z: NDArray[Any], labels: Labels, k: int, seed: int, progress: Progress) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = _staged(HistGradientBoostingClassifier(early_stopping=False, warm_start=True, random_state=seed), z, labels, progress)
    return lambda rows: _spread(model.predict_proba(rows), model.classes_, k)


def _boosted_odds(z: NDArray[Any], odds: NDArray[np.float64], seed: int, progress: Progress) -> Any:
    from scipy.special import expit
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(early_stopping=False, warm_start=True, random_state=seed)
    model = _staged(model, z, np.clip(odds, -10, 10), progress)

    def scores(rows: NDArray[Any]) -> Scores:
        p = expit(model.predict(rows))
        return np.column_stack([1 - p, p])

    return scores


def _staged(model: Any, z: NDArray[Any], y: NDArray[Any], progress: Progress) -> Any:
    stage = _stage(z)
    for grown in range(stage, TREES + 1, stage):
        progress.step((grown - stage) / TREES, "boosting trees")
        model.set_params(max_iter=grown).fit(z, y)
    return model


def _stage(z: NDArray[Any]) -> int:
    """Trees that are grown between two looks at a cancel: a divisor of `TREES`."""
    return next(n for n in (100, 50, 20, 10, 5, 2, 1) if n * z.size <= 100 * AT_ONCE or n == 1)


def _regressed(z: NDArray[Any], scores: Scores, progress: Progress) -> Any:
    """The logarithms of the scores in a straight line of the columns."""
    from sklearn.linear_model import Ridge

    progress.step(0.0, "fitting a linear model")
    model = Ridge(1e-3).fit(z.astype(np.float64), np.log(np.clip(scores, 1e-6, 1)))

    def found(rows: NDArray[Any]) -> Scores:
        return _softmax(np.asarray(model.predict(rows.astype(np.float64))).reshape(len(rows), -1))

    return found


def _classified(kind: Kind, z: NDArray[Any], labels: Labels, k: int, progress: Progress) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    progress.step(0.0, f"training {WORDS[kind]}")
    model = (SVC(C=10) if kind == "kernel" else LogisticRegression(C=10, max_iter=500)).fit(z, labels)

    def scores(rows: NDArray[Any]) -> Scores:
        far = np.asarray(model.decision_function(rows), np.float64)
        far = np.column_stack([-far, far]) if far.ndim == 1 else far
        return _spread(_softmax(far), model.classes_, k)

    return scores


def _softmax(logits: NDArray[np.float64]) -> Scores:
    odds = np.exp(logits - logits.max(1, keepdims=True))
    found: Scores = odds / odds.sum(1, keepdims=True)
    return found


def _spread(scores: Scores, known: NDArray[Any], k: int) -> Scores:
    """Scores of the classes that were seen, in their places among all k."""
    found = np.zeros((len(scores), k))
    found[:, known.astype(np.intp)] = scores
    return found

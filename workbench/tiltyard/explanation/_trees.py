"""Exact Shapley values of forests and boosting at hand, by shap's interventional TreeSHAP on the model itself."""

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets.schema import Rows
from ..errors import Unavailable
from ..formatting.numbers import number
from ..progress import Progress
from ..targets.estimators import SklearnTarget
from ..targets.target import Target
from ._shapley import Attribution, Indices, Players, scorer

Floats = NDArray[np.float64]
Output = Literal["probability", "log-odds"]
PROBES, CHUNK = 24, 20
HOLDS = 1e-4  # how far outputs in float32 (boosters) may lie from the sum, as a share of how far they reach
AVERAGING = ("DecisionTreeClassifier", "ExtraTreeClassifier", "RandomForestClassifier", "ExtraTreesClassifier")
BOOSTING = (
    "GradientBoostingClassifier",
    "HistGradientBoostingClassifier",
    "XGBoostModel",
    "LightGBMModel",
    "CatBoostModel",
    "XGBClassifier",
    "LGBMClassifier",
    "CatBoostClassifier",
)


@dataclass(frozen=True)
class Trees:
    """Trees behind a target, with the feature behind each column that they are given, and the rows (b, d) that they are explained against.

    ``model`` is the library's own object, ``member`` intp (p,) the player of each of its p columns, -1 for one that nothing moves.
    ``output`` is what its trees add up to: the probability of a class (forests), or its log-odds (boosting of two classes).
    """

    target: SklearnTarget
    model: Any
    member: Indices
    output: Output
    background: Rows

    @cached_property
    def _base(self) -> Floats:
        """The mean output over the background, (k,)."""
        mean: Floats = scorer(self.target, self.output)(self.background).mean(0)
        return mean

    @cached_property
    def _explained(self) -> Any:
        return _shap(self.model, self.columns(self.background))

    def columns(self, x: Rows) -> Floats:
        """The rows as the trees compare them with their thresholds, float64 (n, p): scikit-learn's round them to float32 first."""
        given = _columns(self.target, x)
        return given.astype(np.float32).astype(np.float64) if type(self.model).__module__.startswith("sklearn") else given

    def explain(self, x: Rows, of: Indices, players: Players, progress: Progress) -> Attribution:
        """Interventional TreeSHAP (Lundberg et al. 2020) of ``x`` for the classes ``of``, with no error of sampling.

        Raises
        ------
        Unavailable
            Where shap does not read this model, or its values do not add up to what the target answers.
        """
        explained = self._explained
        given, parts = self.columns(x), []
        for start in range(0, len(x), CHUNK):
            progress.step(start / max(len(x), 1), f"row {start + 1} of {len(x)}")
            parts.append(self._part(explained, given[start : start + CHUNK], of[start : start + CHUNK]))
        values = np.zeros((len(x), len(players)))
        held = self.member >= 0
        np.add.at(values.T, self.member[held], np.concatenate(parts)[:, held].T)
        at_back, at_x = self._base[of], scorer(self.target, self.output)(x)[np.arange(len(x)), of]
        found = Attribution(values, np.zeros_like(values), at_back, at_x, players, self.output, "tree")
        reach = max(float(np.abs(at_x - at_back).max(initial=0.0)), 1e-3)
        if np.abs(found.gap).max(initial=0.0) > HOLDS * reach:
            gap = f"a sum that misses it by {number(float(np.abs(found.gap).max()), 2)}"
            raise Unavailable("TreeSHAP whose values add up to the model's answer", gap, "Use method='permutation'")
        return found

    def _part(self, explained: Any, given: Floats, of: Indices) -> Floats:
        """Values float64 (n, p) of the classes ``of``."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = explained.shap_values(given, check_additivity=False)
        found = np.stack(found, -1) if isinstance(found, list) else np.asarray(found, np.float64)
        if found.ndim == 2:  # the margin of the second of its two classes
            second = self.target.order.index(1) if self.target.order else 1
            return np.where((of == second)[:, None], found, -found)
        theirs = np.asarray(self.target.order or range(len(self.target.classes)), np.intp)[of]
        values: Floats = found[np.arange(len(given)), :, theirs]
        return values


def trees_of(target: Target, background: Rows, players: Players) -> Trees:
    """The trees behind ``target``, where each feature reaches them as one column of its own or not at all.

    Raises
    ------
    Unavailable
        Saying which of that is not so.
    """
    if type(target) is not SklearnTarget or target.schema.images:
        raise Unavailable("a forest or boosting at hand", target.model_type, "Use method='permutation'")
    model, output = _model(target)
    return Trees(target, model, _member(target, background, players), output, background)


def boosts(target: Target) -> bool:
    """Is it a boosting at hand, whose trees add up to log-odds?"""
    try:
        return type(target) is SklearnTarget and _model(target)[1] == "log-odds"
    except Unavailable:
        return False


def _model(target: SklearnTarget) -> tuple[Any, Output]:
    last = target.estimator.steps[-1][1] if hasattr(target.estimator, "steps") else target.estimator
    name = type(last).__name__
    if name in AVERAGING:
        return last, "probability"
    if name in BOOSTING and len(target.classes) == 2:
        return getattr(last, "model", last), "log-odds"
    found = f"{name} of {len(target.classes)} classes" if name in BOOSTING else name
    raise Unavailable("a forest, or boosting of two classes", found, "Use method='permutation'")


def _columns(target: SklearnTarget, x: Rows) -> Floats:
    rows = target.rows(x)
    estimator = target.estimator
    if hasattr(estimator, "steps"):
        rows = estimator[:-1].transform(rows)
    elif hasattr(estimator, "as_known"):
        rows = estimator.as_known(rows)
    if hasattr(rows, "toarray"):
        rows = rows.toarray()
    try:
        return np.asarray(rows, np.float64)
    except (TypeError, ValueError):
        raise Unavailable("trees that are given numbers", "columns of text or categories", "Use method='permutation'") from None


def _member(target: SklearnTarget, background: Rows, players: Players) -> Indices:
    """The player behind each column, found by changing one feature at a time in pairs of rows.

    Raises
    ------
    Unavailable
        Where a column depends on several features, or a feature on several columns (a category in one-hot columns): a sum over
        columns is not the feature's own Shapley value.
    """
    rows = background[:PROBES]
    others = np.roll(rows, 1, 0)
    plain = _columns(target, rows)
    member = np.full(plain.shape[1], -1, np.intp)
    for j, name in enumerate(players.names):
        moved = rows.copy()
        moved[:, players.member == j] = others[:, players.member == j]
        changed = np.flatnonzero(_differ(_columns(target, moved), plain).any(0))
        if len(changed) > 1 or (len(changed) and member[changed[0]] >= 0):
            what = f"{name} in {len(changed)} columns" if len(changed) > 1 else f"a column made of {name} and another"
            raise Unavailable("trees that are given each feature as one column", what, "Use method='permutation'")
        member[changed] = j
    return member


def _differ(one: Floats, other: Floats) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (one != other) & ~(np.isnan(one) & np.isnan(other))
    return found


def _shap(model: Any, background: Floats) -> Any:
    """shap's explainer of all rows of the background, which it would cut to a hundred."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import shap

            behind = shap.maskers.Independent(background, max_samples=len(background))
            made = shap.TreeExplainer(model, behind, model_output="raw", feature_perturbation="interventional")
            made.model.thresholds = _below(made.model.thresholds)
            return made
    except Exception as error:  # shap raises whatever it meets in a model that it does not read
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
        raise Unavailable("trees that shap reads", reason, "Use method='permutation'") from None


def _below(thresholds: Floats) -> Floats:
    """The largest float32 that is no larger: shap rounds a threshold to the nearest, which may be the value that lies just above it."""
    rounded = thresholds.astype(np.float32)
    down = np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)
    return np.asarray(down, thresholds.dtype)

"""What confidence a row would have had it not been trained on: quantiles of the score given the row, from rows that were not (2307.03694).

Bertran et al. 2023, "Scalable membership inference attacks via quantile regression": one regression on the scores of rows that were not
trained on stands in the place of all shadow models; a row whose score lies beyond its own quantile is called a member. Departure: two
quantiles, the median and a high one, are put together as one score, so that there is a whole curve; at 1 it is the published attack.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.encoding import EncodedRows
from ..errors import Problem
from ..progress import Progress
from ..targets.target import Target
from .membership import Mask, Scores

Features = NDArray[np.float64]
FOLDS = 5
CHUNK = 2048
ROUNDS = 50
NARROW = 64
FEWEST = 20


def features_of(target: Target, rows: Dataset) -> Features:
    """What an attacker knows of a row, float64 (n, columns + classes): its encoded columns, pixels flattened, and its class one-hot."""
    encoded = EncodedRows(target.encoding, rows.x, np.float32 if rows.schema.images else np.float64)
    parts = [encoded[i : i + CHUNK].reshape(len(rows.x[i : i + CHUNK]), -1) for i in range(0, len(rows), CHUNK)]
    flat = np.concatenate(parts).astype(np.float64)
    known = _narrow(flat) if rows.schema.images and flat.shape[1] > NARROW else flat
    return np.concatenate([known, np.eye(len(rows.schema.classes))[rows.y]], 1)


def _narrow(x: Features) -> Features:
    """The first `NARROW` principal components of wide rows: trees that look at every pixel take minutes."""
    from sklearn.decomposition import PCA

    return np.asarray(PCA(min(NARROW, *x.shape), svd_solver="randomized", random_state=0).fit_transform(x), np.float64)


@dataclass(frozen=True)
class Quantiles:
    """The median and a high quantile of the score of each row had it not been trained on, float64 (n,)."""

    middle: Scores
    high: Scores

    def beyond(self, observed: Scores) -> Scores:
        """How far scores lie above the median, in steps from it to the high quantile: above 1 is the published attack's "member"."""
        step = self.high - self.middle
        least = max(1e-3 * float(np.median(np.abs(step))), 1e-9) if len(step) else 1.0  # quantiles fitted apart may cross
        return np.asarray((observed - self.middle) / np.maximum(step, least))


def fitted(x: Features, observed: Scores, share: float, seed: int) -> Callable[[Features], Scores]:
    """The quantile ``share`` of the score given the row, by gradient boosting of the pinball loss (scikit-learn)."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    leaf = int(np.clip(len(x) // 20, 5, 50))
    model = HistGradientBoostingRegressor(
        loss="quantile", quantile=share, max_iter=ROUNDS, learning_rate=0.1, max_leaf_nodes=15, min_samples_leaf=leaf,
        early_stopping=False, random_state=seed,
    )  # fmt: skip
    model.fit(x, observed)
    return lambda other: np.asarray(model.predict(other), np.float64)


def across(x: Features, observed: Scores, member: Mask, share: float, seed: int, progress: Progress, attacked: int | None = None) -> Scores:
    """Each attacked row's score by quantiles that were fitted without it, float64 (attacked,); see `Quantiles.beyond`.

    Rows of both kinds are dealt into `FOLDS` folds. Those of a fold are judged by the quantiles of the other folds' rows that were not
    trained on, so that a row that was and one that was not are treated alike.

    Parameters
    ----------
    x : (n, columns); observed : (n,); member : (n,)
        The first ``attacked`` rows are judged; the others were not trained on and only fit, in every fold. None: all are judged.
    share
        The high quantile, 0.5 to 1.

    Raises
    ------
    Problem
        Where too few rows were not trained on.
    """
    n = len(x) if attacked is None else attacked
    if (known := int((~member).sum())) < FEWEST:
        raise Problem(f"at least {FEWEST} rows that were not trained on, to fit quantiles", f"{known}", "Give more of them")
    fold = np.full(len(x), -1)
    for kind, side in enumerate((member[:n], ~member[:n])):  # as many of each kind in each fold
        place = np.flatnonzero(side)
        fold[place] = np.random.default_rng([seed, kind]).permutation(len(place)) % FOLDS
    out = np.empty(n)
    for k in progress.over(range(FOLDS), "quantiles, fold {i} of {n}"):
        here, others = np.flatnonzero(fold == k), (fold != k) & ~member
        middle, high = (fitted(x[others], observed[others], q, seed)(x[here]) for q in (0.5, share)) if len(here) else (out[:0], out[:0])
        out[here] = Quantiles(middle, high).beyond(observed[here])
    return out

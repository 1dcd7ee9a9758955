"""Training rows against held-out rows of the same label: what was slipped into training is in no held-out row.

The model is not asked, so that any model's training data can be searched, an estimator's too.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..progress import Progress
from ..result import Metric
from ._rows import scaled

TREES = 50
TAILS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
LEAST = 20
LEVEL, SEEN, DOUBTFUL = 0.005, 0.2, 0.02
NOT_COVERED = "Not covered: clean-label backdoors whose rows look like their class's, a few rows, and poison that is in the held-out rows too. No alarm is no proof."


@dataclass(frozen=True)
class Compared:
    """One label's rows.

    Attributes
    ----------
    rows
        Places of its training rows, int (n,).
    scores
        How surely each is told from held-out rows, by trees that did not learn on it, float64 (n,), 0 to 1.
    p
        The chance of so many training rows among the highest scores where both are drawn from one source, times the tails looked at.
    tail
        The rows (of ``rows``) in the tail with that p; bool (n,).
    least
        Rows of this label, told apart without fail, from which there is an alarm at ``level`` over all labels.
    """

    label: int
    rows: NDArray[np.intp]
    held: int
    scores: NDArray[np.float64]
    p: float
    tail: NDArray[np.bool_]
    excess: int


def compared(train: Dataset, held: Dataset, seed: int, progress: Progress) -> list[Compared]:
    """Each label with at least `LEAST` rows of either kind.

    A classifier two-sample test (Lopez-Paz and Oquab 2017, arXiv 1610.06545) by label: a random forest's out-of-bag scores, and the
    hypergeometric chance of the training rows among the highest 1 to 50 % of them, for poison is a small part of a class and moves
    no mean. The least of the six counts six times. What looks like an alarm is asked of two more forests, and the largest p counts: chance in
    the trees alone is none.
    """
    both = Dataset(np.concatenate([train.x, held.x]), np.concatenate([train.y, held.y]), train.schema)
    near = scaled(both)
    ours = np.arange(len(both)) < len(train)
    labels = [int(c) for c in np.unique(train.y) if min(int((train.y == c).sum()), int((held.y == c).sum())) >= LEAST]
    found = []
    for label in labels:
        rows = np.flatnonzero(both.y == label)
        found.append(_sure(label, near[rows], ours[rows], rows, seed, progress.part(1 / len(labels))))
    return found


def least_seen(train: int, held: int, labels: int, level: float) -> int:
    """Rows of a label that stand out without fail, from which ``p`` over all labels is at most ``level``; 0 where no number is enough."""
    from scipy.stats import hypergeom

    tests = len(TAILS) * labels
    fits = [k for k in range(1, train + 1) if hypergeom.sf(k - 1, train + held, train, k) * tests <= level]
    return fits[0] if fits else 0


def _sure(label: int, x: NDArray[np.float32], ours: NDArray[np.bool_], rows: NDArray[np.intp], seed: int, progress: Progress) -> Compared:
    found = _one(label, x, ours, rows, seed, progress.part(0.4))
    for again in (1, 2):
        if found.p > DOUBTFUL:
            break
        found = max(found, _one(label, x, ours, rows, seed + again, progress.part(0.3)), key=lambda c: c.p)
    return found


def _one(label: int, x: NDArray[np.float32], ours: NDArray[np.bool_], rows: NDArray[np.intp], seed: int, progress: Progress) -> Compared:
    scores = _scores(x, ours, seed, progress)
    p, count = min((_tail(scores, ours, share) for share in TAILS), key=lambda found: found[0])
    order = np.argsort(-scores, kind="stable")[:count]
    top = np.zeros(len(scores), bool)
    top[order] = True
    n, held = int(ours.sum()), int((~ours).sum())
    usual = int((top & ~ours).sum()) * n / held
    excess = max(0, round(int((top & ours).sum()) - usual))
    return Compared(label, rows[ours], held, scores[ours], min(1.0, p * len(TAILS)), top[ours], excess)


def _scores(x: NDArray[np.float32], ours: NDArray[np.bool_], seed: int, progress: Progress) -> NDArray[np.float64]:
    """A random forest's out-of-bag scores, tree by tree so that a cancel is heard; a row that every tree learned on has 0.5."""
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(seed)
    total, count = np.zeros(len(x)), np.zeros(len(x))
    for i in range(TREES):
        progress.step(i / TREES)
        drawn = rng.integers(len(x), size=len(x))
        away = np.setdiff1d(np.arange(len(x)), drawn)
        if len(np.unique(ours[drawn])) < 2 or not len(away):
            continue
        tree = DecisionTreeClassifier(
            min_samples_leaf=2, max_features="sqrt", class_weight="balanced", random_state=int(rng.integers(2**31))
        ).fit(x[drawn], ours[drawn])
        total[away] += tree.predict_proba(x[away])[:, 1]
        count[away] += 1
    scores = np.where(count > 0, total / np.maximum(count, 1), 0.5)
    return scores + 1e-9 * rng.random(len(x))  # ties fall at random, and not by which rows stand first


def _tail(scores: NDArray[np.float64], ours: NDArray[np.bool_], share: float) -> tuple[float, int]:
    """p of the highest ``share``, and how many rows that is."""
    from scipy.stats import hypergeom

    count = max(1, round(share * len(scores)))
    top = np.argsort(-scores, kind="stable")[:count]
    return float(hypergeom.sf(int(ours[top].sum()) - 1, len(ours), int(ours.sum()), count)), count


@dataclass(frozen=True)
class Others:
    """What the comparison says over all labels.

    Attributes
    ----------
    scores
        Of each training row, float64 (n,); 0 where its label was not compared.
    flagged
        Rows in the alarmed labels' tails, bool (n,).
    p
        Over all labels.
    labels
        Those alarmed.
    unseen
        Labels of which `SEEN` of the training rows would not have been seen.
    """

    scores: NDArray[np.float64]
    flagged: NDArray[np.bool_]
    p: float
    n: int
    labels: tuple[int, ...]
    unseen: tuple[int, ...]

    @property
    def metric(self) -> Metric:
        return Metric(
            name="p_held_out",
            label="Chance of training rows so unlike held-out ones, where nothing was slipped in",
            value=self.p,
            n=self.n,
            safer="higher",
        )


def others(train: Dataset, held: Dataset, seed: int, progress: Progress, level: float = LEVEL) -> Others:
    """`compared` with its alarm at ``level`` over all labels."""
    found = compared(train, held, seed, progress)
    scores, flagged = np.zeros(len(train)), np.zeros(len(train), bool)
    bad = [c for c in found if c.p * len(found) <= level]
    for one in found:
        scores[one.rows] = one.scores
    for one in bad:
        flagged[one.rows[one.tail]] = True
    seen = {c.label for c in found if 0 < least_seen(len(c.rows), c.held, len(found), level) <= SEEN * len(c.rows)}
    unseen = tuple(sorted(set(np.unique(train.y).tolist()) - seen))
    p = min([1.0, *(c.p * len(found) for c in found)])
    return Others(scores, flagged, p, len(train), tuple(c.label for c in bad), unseen)

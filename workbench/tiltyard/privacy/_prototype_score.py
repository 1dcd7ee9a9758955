"""Do prototypes resemble the rows that a model was trained on more than others of their class? And would an independent model know the class?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.encoding import Encoding
from ..progress import Progress
from ..result import Metric
from ..statistics.intervals import rate
from ._prototype_space import scaled, spread_of
from ._prototypes import Prototypes
from .membership import auc
from .membership_threshold import within_class

TOP = 5  # of a class's rows of each kind, at most one in so many is looked at as nearest
AT_ONCE = 256


@dataclass(frozen=True)
class Compared:
    """Rows of the classes that have prototypes, as many trained on as held out in each class.

    ``far`` (n,) is each row's distance to the nearest prototype of its class, ``near`` the place of that prototype;
    ``top`` are the places of the rows nearest to prototypes, some of each class.
    """

    rows: Dataset
    member: NDArray[np.bool_]
    far: NDArray[np.float64]
    near: NDArray[np.intp]
    top: NDArray[np.intp]

    @property
    def nearest_members(self) -> Metric:
        """Of the rows nearest to prototypes the share that was trained on; one half where prototypes know no row from another.

        Which rows are nearest does not depend on which were trained on unless the model tells: their number is then hypergeometric,
        and the exact binomial interval is wide enough.
        """
        hits = int(self.member[self.top].sum())
        label = "Trained-on rows among those nearest to prototypes (one half by chance)"
        return rate("nearest_members", label, hits, len(self.top), "lower")

    @property
    def resemblance(self) -> Metric:
        """Chance that a trained-on row lies nearer to its class's prototypes than a held-out row of the same class."""
        return auc(within_class(-self.far, self.rows.y), self.member, "resemblance_auc", "AUC of nearness to prototypes, within classes")


def compared(data: Dataset, found: Prototypes, encoding: Encoding, most: int, wanted: int, rng: np.random.Generator) -> Compared | None:
    """At most ``most`` rows of each kind, and about ``wanted`` nearest ones over all classes; None where no class has rows of both kinds."""
    member = data.member if data.member is not None else np.ones(len(data), bool)
    labels = np.unique(found.label)
    sides = {k: [rng.permutation(np.flatnonzero((data.y == k) & side)) for side in (member, ~member)] for k in labels}
    sizes = {k: min(len(inside), len(outside), max(1, most // len(labels))) for k, (inside, outside) in sides.items()}
    places = np.concatenate([np.empty(0, np.intp), *(np.concatenate([part[: sizes[k]] for part in sides[k]]) for k in labels)])
    if not len(places):
        return None
    rows = data.take(places)
    far, near = _nearest(rows, found, encoding)
    each = {k: min(-(-wanted // len(labels)), sizes[k] // TOP) for k in labels}
    top = [_first(np.flatnonzero(rows.y == k), far, each[k]) for k in labels]
    return Compared(rows, member[places], far, near, np.concatenate([np.empty(0, np.intp), *top]))


def _first(places: NDArray[np.intp], far: NDArray[np.float64], n: int) -> NDArray[np.intp]:
    return places[np.argsort(far[places], kind="stable")[:n]]


def _nearest(rows: Dataset, found: Prototypes, encoding: Encoding) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Each row's distance (n,) to the nearest prototype of its class, and the place of that prototype."""
    spread = spread_of(encoding, rows.x)
    prototypes = scaled(encoding, found.x, spread)
    far, near = np.full(len(rows), np.inf), np.zeros(len(rows), np.intp)
    for k in np.unique(found.label):
        own = np.flatnonzero(found.label == k)
        here = np.flatnonzero(rows.y == k)
        for start in range(0, len(here), AT_ONCE):
            part = here[start : start + AT_ONCE]
            z = scaled(encoding, rows.x[part], spread)
            apart = np.sqrt(np.maximum((z**2).sum(1)[:, None] + (prototypes[own] ** 2).sum(1) - 2 * z @ prototypes[own].T, 0))
            far[part], near[part] = apart.min(1), own[apart.argmin(1)]
    return far, near


@dataclass(frozen=True)
class Recognized:
    """What an independent model says of the surest prototype of each class, and how good it is; ``why`` says why there is none."""

    labels: dict[int, int]
    accuracy: Metric | None
    why: str = ""

    @property
    def metric(self) -> Metric:
        """The share of classes whose surest prototype it recognizes."""
        label = "Classes whose prototype an independent model recognizes"
        if not self.labels:
            return Metric(name="recognized", label=label, value=None, safer="lower", note=self.why)
        return rate("recognized", label, sum(k == answered for k, answered in self.labels.items()), len(self.labels), "lower")


def surest(found: Prototypes) -> dict[int, int]:
    """The place of each class's prototype of the largest strength."""
    return {int(k): int(own[found.strength[own].argmax()]) for k in np.unique(found.label) for own in [np.flatnonzero(found.label == k)]}


def recognized(
    held_out: Dataset, found: Prototypes, encoding: Encoding, most: int, seed: int, rng: np.random.Generator, progress: Progress
) -> Recognized:
    """Train extremely randomized trees on seven tenths of at most ``most`` held-out rows, judge them on the rest, and show them prototypes."""
    from sklearn.ensemble import ExtraTreesClassifier

    rows = held_out.at_most(most, rng)
    order = rng.permutation(len(rows))
    known, rest = order[: 7 * len(rows) // 10], order[7 * len(rows) // 10 :]
    if not len(rest) or len(np.unique(rows.y[known])) < 2:
        return Recognized({}, None, "too few held-out rows to train an independent model")
    z = scaled(encoding, rows.x, np.ones(int(np.prod(encoding.shape))))
    trees = ExtraTreesClassifier(10, warm_start=True, random_state=seed)
    for done in range(10, 101, 10):
        progress.step(done / 100, "training an independent model")
        trees.set_params(n_estimators=done)
        trees.fit(z[known], rows.y[known])
    right = int((trees.predict(z[rest]) == rows.y[rest]).sum())
    best = surest(found)
    shown = scaled(encoding, found.x[list(best.values())], np.ones(z.shape[1]))
    answered = trees.predict(shown)
    labels = {k: int(label) for k, label in zip(best, answered, strict=True)}
    return Recognized(labels, rate("judge_accuracy", "Accuracy of the independent model", right, len(rest)))

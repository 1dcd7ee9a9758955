"""How good a classifier is by class: recall, precision, ranking, each with an interval, and equal to scikit-learn's numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..result import Metric
from .intervals import LEVEL, clopper_pearson, mean_of_shares, rate, wilson
from .roc import area, area_interval, average_precision

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Rated:
    """A share with its interval and the ``n`` rows behind it; ``value`` is None where there are none."""

    value: float | None
    low: float
    high: float
    n: int

    @property
    def text(self) -> str | None:
        """As a cell of a table."""
        return None if self.value is None else f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f}; {self.n:,})"


@dataclass(frozen=True)
class Confusion:
    """Rows by true class and answered class: ``counts`` int64 (k, k)."""

    counts: Counts

    @classmethod
    def of(cls, y: Counts, labels: Counts, k: int) -> "Confusion":
        """Of true and answered classes (n,)."""
        return cls(np.bincount(y * k + labels, minlength=k * k).reshape(k, k).astype(np.int64))

    @cached_property
    def truth(self) -> Counts:
        """Rows of each class (k,)."""
        total: Counts = self.counts.sum(1)
        return total

    @cached_property
    def answered(self) -> Counts:
        """Rows that were given each class (k,)."""
        total: Counts = self.counts.sum(0)
        return total

    @property
    def right(self) -> Counts:
        """Rows of each class that are right (k,)."""
        return np.diagonal(self.counts)

    def recall(self, k: int) -> Rated:
        """The share of the class's rows that are given it."""
        return _rated(int(self.right[k]), int(self.truth[k]))

    def precision(self, k: int) -> Rated:
        """The share of the rows given the class that are of it."""
        return _rated(int(self.right[k]), int(self.answered[k]))

    @property
    def balanced(self) -> Metric:
        """Balanced accuracy: the mean recall of the classes that have rows."""
        there = self.truth > 0
        shares, n = self.right[there] / self.truth[there], self.truth[there].astype(np.float64)
        low, high = mean_of_shares(shares, n)
        return _metric("balanced_accuracy", "Balanced accuracy", float(shares.mean()), low, high, int(n.sum()), "Wilson, added by class")

    def precision_metric(self, k: int | None, name: str) -> Metric:
        """Precision of class ``k``, or the mean over the classes that occur or are answered, 0 of one never answered."""
        if k is not None:
            never = f"{name!r} is never answered"
            found = rate("precision", f"Precision of {name!r}", int(self.right[k]), int(self.answered[k]), "higher")
            return found if found.value is not None else found.model_copy(update={"note": never})
        seen = (self.truth + self.answered) > 0
        n = np.maximum(self.answered[seen], 1)
        shares = self.right[seen] / n
        low, high = mean_of_shares(shares, n.astype(np.float64))
        return _metric(
            "precision", "Mean precision over classes", float(shares.mean()), low, high, int(self.answered.sum()), "Wilson, added by class"
        )

    def f1(self, k: int) -> Rated:
        """The harmonic mean of the class's recall and precision.

        It rises with the share of hits among rows that are of the class or given it, F* = F1 / (2 - F1) (Hand, Christen and Kirielle
        2021, arXiv 2008.00103), so that the exact interval of that share is its own.
        """
        hits, n = int(self.right[k]), int(self.truth[k] + self.answered[k] - self.right[k])
        if not n:
            return Rated(None, 0.0, 1.0, 0)
        low, high = (2 * end / (1 + end) for end in clopper_pearson(hits, n))
        return Rated(2 * hits / (n + hits), low, high, n)

    def f1_metric(self, k: int | None, name: str) -> Metric:
        """F1 of class ``k``, or the mean over the classes that occur or are answered."""
        seen = [k] if k is not None else np.flatnonzero((self.truth + self.answered) > 0).tolist()
        rated = [self.f1(i) for i in seen]
        known = [r for r in rated if r.value is not None]
        label = f"F1 of {name!r}" if k is not None else "Mean F1 over classes"
        if not known:
            return Metric(name="f1", label=label, value=None, unit="share", n=0, safer="higher", note=f"no row is of {name!r} or given it")
        values, lows, highs = (np.array([getattr(r, part) for r in known]) for part in ("value", "low", "high"))
        mean, n = float(values.mean()), sum(r.n for r in known)
        low = mean - float(np.sqrt(((values - lows) ** 2).sum())) / len(known)
        high = mean + float(np.sqrt(((highs - values) ** 2).sum())) / len(known)
        how = "Clopper-Pearson of F*" + ("" if k is not None else ", added by class")
        return _metric("f1", label, mean, max(low, 0.0), min(high, 1.0), n, how)

    def worst_recall(self, classes: Sequence[str], least: int) -> Metric:
        """The smallest recall of a class with at least ``least`` rows; its interval is widened for the number of classes looked at."""
        held = np.flatnonzero(self.truth >= least)
        if not len(held):
            note = f"no class has {least} rows"
            return Metric(name="worst_recall", label="Smallest recall of a class", value=None, n=0, safer="higher", note=note)
        k = int(held[(self.right[held] / self.truth[held]).argmin()])
        level = 1 - (1 - LEVEL) / len(held)
        hits, n = int(self.right[k]), int(self.truth[k])
        found = rate("worst_recall", f"Smallest recall of a class, {classes[k]!r}", hits, n, "higher", level, "share")
        return found.model_copy(update={"level": LEVEL, "interval": f"Clopper-Pearson, for {len(held)} classes at once (Bonferroni)"})

    def recall_metric(self, k: int, name: str) -> Metric:
        """Recall of class ``k``."""
        found = rate("recall", f"Recall of {name!r}", int(self.right[k]), int(self.truth[k]), "higher")
        return found if found.value is not None else found.model_copy(update={"note": f"no rows of {name!r}"})


def _rated(hits: int, n: int) -> Rated:
    if not n:
        return Rated(None, 0.0, 1.0, 0)
    return Rated(hits / n, *clopper_pearson(hits, n), n)


def _metric(name: str, label: str, value: float, low: float, high: float, n: int, interval: str) -> Metric:
    return Metric(
        name=name,
        label=label,
        value=value,
        unit="share",
        low=min(low, value),
        high=max(high, value),
        level=LEVEL,
        n=n,
        safer="higher",
        interval=interval,
    )


def ranked_area(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> Rated:
    """Area under the ROC curve of one class against the rest; no value where there is one kind of rows only."""
    hits = int(positive.sum())
    if hits in (0, len(positive)):
        return Rated(None, 0.0, 1.0, hits)
    value = area(positive, scores)
    return Rated(value, *area_interval(value, hits, len(positive) - hits), hits)


def ranked_precision(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> Rated:
    """Average precision of one class, with the interval of a share of its rows (Boyd, Eng and Page 2013, binomial)."""
    hits = int(positive.sum())
    if not hits:
        return Rated(None, 0.0, 1.0, 0)
    value = average_precision(positive, scores)
    return Rated(value, *wilson(value, hits), hits)


def ranking(y: Counts, scores: NDArray[np.float64], k: int | None, classes: Sequence[str]) -> tuple[Metric, Metric]:
    """ROC AUC and average precision of class ``k``, or the means over the classes that have rows, each against the rest."""
    measured = range(len(classes)) if k is None else (k,)
    found = []
    for name, label, how in (("roc_auc", "ROC AUC", ranked_area), ("average_precision", "Average precision", ranked_precision)):
        rated = [r for r in (how(y == i, scores[:, i]) for i in measured) if r.value is not None]
        of = f"of {classes[k]!r}" if k is not None else "over classes, each against the rest"
        if not rated:
            found.append(Metric(name=name, label=f"{label} {of}", value=None, n=0, safer="higher", note="rows of one class only"))
            continue
        value, low, high = (float(np.mean([getattr(r, part) for r in rated])) for part in ("value", "low", "high"))
        interval = ("Newcombe" if name == "roc_auc" else "Wilson") + ("" if k is not None else ", mean of the ends")
        found.append(_metric(name, f"{label} {of}", value, low, high, len(y), interval))
    return found[0], found[1]


def brier(y: Counts, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each row's part (n,) of the Brier score, whose mean is scikit-learn's ``brier_score_loss``.

    The squared distance of the scores (n, k) to the true class; of two classes half of it, which is that of the positive class alone.
    """
    squared: NDArray[np.float64] = ((scores - np.eye(scores.shape[1])[y]) ** 2).sum(1)
    return squared / 2 if scores.shape[1] < 3 else squared


def log_loss(y: Counts, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each row's part (n,) of the log loss in nats, whose mean is scikit-learn's ``log_loss``; scores are kept off 0 and 1 by 2.2e-16."""
    tiny = np.finfo(np.float64).eps
    found: NDArray[np.float64] = -np.log(np.clip(scores[np.arange(len(y)), y], tiny, 1 - tiny))
    return found

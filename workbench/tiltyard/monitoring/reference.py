"""The reference that windows are compared with: a sample of the data the model is made for, and the model's answers on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from ..result import Metric
from ..statistics.intervals import rate
from .columns import Columns
from .two_sample import Encoder, TwoSampleResult, column, together
from .window import Drift, State, Window

if TYPE_CHECKING:
    from sklearn.ensemble import IsolationForest

LEAST = 30
MOST = 20_000
UNLIKE = 0.01
JOINT, ANOMALIES, PERFORMANCE = "(jointly)", "(anomalies)", "(performance)"


@dataclass(frozen=True)
class Truth:
    """Labels that came: ``right`` of ``n`` answers were."""

    right: int
    n: int

    def __add__(self, more: "Truth") -> "Truth":
        return Truth(self.right + more.right, self.n + more.n)

    @classmethod
    def of(cls, accuracy: Metric | None) -> "Truth":
        """What an accuracy was measured on; nothing where it was not."""
        if accuracy is None or accuracy.value is None or accuracy.n is None:
            return cls(0, 0)
        return cls(round(accuracy.value * accuracy.n), accuracy.n)


@dataclass(frozen=True)
class Reference:
    """A sample of usual rows with the model's answers, made once by `reference`; `Monitor` compares each window with it.

    Attributes
    ----------
    forest, bound
        Isolation forest (Liu, Ting and Zhou 2008) on half of the rows; a row that scores below ``bound`` is an anomaly.
    unlike
        Anomalies among the other half, and how many that are.
    truth
        How the model did on the reference, where it is known.
    """

    columns: Columns
    encoder: Encoder
    forest: "IsolationForest"
    bound: float
    unlike: tuple[int, int]
    truth: Truth | None
    seed: int

    def window(
        self, columns: Columns, number: int, level: float, truth: Truth | None = None, times: tuple[datetime, datetime] | None = None
    ) -> Window:
        """The summary of a window; fewer than `LEAST` rows are too few for a conclusion."""
        started, ended = times or (datetime.now(UTC),) * 2
        answers = _counted(columns)
        bare = Window(
            number=number, started=started, ended=ended, n=columns.n, level=level, answers=answers, state="incomplete", summary="Nothing."
        )
        if columns.n < LEAST:
            text = f"{columns.n} row{'s' * (columns.n != 1)}: fewer than {LEAST}, so nothing was tested."
            return bare.model_copy(update={"summary": text})
        drifts, anomalies = self._tested(columns, number, truth)
        judged = controlled(drifts, level)
        state, text = _concluded(judged, columns.n)
        found = {"state": state, "summary": text, "drifts": judged, "anomalies": anomalies, "performance": _accuracy(truth)}
        return bare.model_copy(update=found)

    def labeled(self, window: Window, truth: Truth) -> Window:
        """The same window with labels that came for it since, beside those it knows; its tests are judged anew."""
        known = Truth.of(window.performance) + truth
        window_now = window.model_copy(update={"performance": _accuracy(known)})
        if window.n < LEAST:
            return window_now
        drifts = [d for d in window.drifts if d.what != PERFORMANCE] + self._worse(known)
        judged = controlled(drifts, window.level)
        state, text = _concluded(judged, window.n)
        return window_now.model_copy(update={"state": state, "summary": text, "drifts": judged})

    def _tested(self, columns: Columns, number: int, truth: Truth | None) -> tuple[list[Drift], Metric]:
        rng = np.random.default_rng([self.seed, number])
        drifts = [_drift(name, column(name, self.columns, columns)) for name in self.columns.names]
        drifts.append(_drift(JOINT, together(self.encoder, self.columns, columns, rng)))
        odd = int((self.forest.score_samples(self.encoder.encoded(columns, products=False)) < self.bound).sum())
        drifts.append(_drift(ANOMALIES, _more((odd, columns.n), self.unlike)))
        return drifts + self._worse(truth), rate("anomalies", "Rows unlike the reference", odd, columns.n, "lower")

    def _worse(self, truth: Truth | None) -> list[Drift]:
        """Are more answers wrong than on the reference? No test where either is not known."""
        if truth is None or not truth.n or self.truth is None or not self.truth.n:
            return []
        wrong, usual = ((t.n - t.right, t.n) for t in (truth, self.truth))
        return [_drift(PERFORMANCE, _more(wrong, usual))]


def reference(columns: Columns, truth: Truth | None = None, seed: int = 0) -> Reference:
    """Learn what is usual from at least 60 rows; of more than 20,000 a sample is taken.

    Raises
    ------
    Problem
        Too few rows.
    """
    from sklearn.ensemble import IsolationForest

    if columns.n < 2 * LEAST:
        raise Problem(f"a reference of at least {2 * LEAST} rows", f"{columns.n}", "Give more rows of what the model is made for")
    order = np.random.default_rng(seed).permutation(columns.n)[:MOST]
    kept = columns.take(order)
    encoder = Encoder.of(kept)
    x = encoder.encoded(kept, products=False)
    half = len(x) // 2
    forest = IsolationForest(n_estimators=50, max_samples=min(256, half), random_state=seed).fit(x[:half])
    scores = forest.score_samples(x)
    bound = float(np.quantile(scores[:half], UNLIKE))
    return Reference(kept, encoder, forest, bound, (int((scores[half:] < bound).sum()), len(x) - half), truth, seed)


def controlled(drifts: Sequence[Drift], level: float) -> tuple[Drift, ...]:
    """With q by Benjamini and Hochberg over all tests of the window; a test drifts where q is at most ``level``."""
    from scipy.stats import false_discovery_control

    tested = [i for i, d in enumerate(drifts) if d.p is not None]
    q: NDArray[np.float64] = np.asarray(false_discovery_control([drifts[i].p for i in tested], method="bh")) if tested else np.empty(0)
    found = dict(zip(tested, q.tolist(), strict=True))
    return tuple(d.model_copy(update={"q": found.get(i), "drifting": found.get(i, 1.0) <= level}) for i, d in enumerate(drifts))


def _drift(what: str, answer: TwoSampleResult) -> Drift:
    return Drift(what=what, test=answer.test, size=answer.size, p=answer.p, note=answer.note)


def _more(now: tuple[int, int], before: tuple[int, int]) -> TwoSampleResult:
    """Is the share greater now? Fisher's exact test, one-sided; (hits, n) each."""
    from scipy.stats import fisher_exact

    table = np.array([[now[0], now[1] - now[0]], [before[0], before[1] - before[0]]])
    gap = now[0] / now[1] - before[0] / before[1]
    note = f"{now[0] / now[1]:.1%}, {before[0] / before[1]:.1%} in the reference"
    return TwoSampleResult("Fisher", max(gap, 0.0), float(fisher_exact(table, alternative="greater").pvalue), note)


def _accuracy(truth: Truth | None) -> Metric | None:
    return None if truth is None or not truth.n else rate("accuracy", "Accuracy where labels came", truth.right, truth.n, "higher")


def _counted(columns: Columns) -> dict[str, int]:
    if "(answer)" not in columns.words:
        return {}
    names, counts = np.unique(columns.words["(answer)"], return_counts=True)
    return {str(name): int(count) for name, count in zip(names, counts, strict=True)}


def _concluded(drifts: Sequence[Drift], n: int) -> tuple[State, str]:
    found = sorted((d for d in drifts if d.drifting), key=lambda d: (d.q or 0.0, -(d.size or 0.0)))
    if found:
        names = ", ".join(d.what for d in found[:5]) + (" …" if len(found) > 5 else "")
        return "alarm", f"{len(found)} of {len(drifts)} tests alarm on {n:,} rows: {names}."
    untested = [d for d in drifts if d.p is None]
    if untested:
        return "incomplete", f"No alarm on {n:,} rows, but {untested[0].what} could not be tested: {untested[0].note}."
    return "quiet", f"No alarm in {len(drifts)} tests on {n:,} rows."

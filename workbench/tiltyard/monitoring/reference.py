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
from .independence import Thinned, repeats_of, thinned
from .two_sample import Encoder, TwoSampleResult, column, exact, together
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
class Seasons:
    """Of each row which season it is from, str (n,), by the column ``name``."""

    name: str
    of: NDArray[np.str_]

    def matched(self, mix: NDArray[np.str_], rng: np.random.Generator) -> NDArray[np.intp]:
        """Places of as many rows as there are in the proportions of ``mix``; none where one of its seasons is not here."""
        names, counts = np.unique(mix, return_counts=True)
        places = [rng.permutation(np.flatnonzero(self.of == name)) for name in names]
        most = min(len(p) / c for p, c in zip(places, counts, strict=True))
        return np.sort(np.concatenate([p[: int(most * c)] for p, c in zip(places, counts, strict=True)]))

    def lacking(self, mix: NDArray[np.str_]) -> str:
        """The first season of ``mix`` of which there is no row, or empty text."""
        return next((str(name) for name in np.unique(mix) if name not in set(self.of.tolist())), "")


@dataclass(frozen=True)
class Usual:
    """The rows of the reference that a window is compared with: their columns, anomalies among how many, how the model did."""

    columns: Columns
    unlike: tuple[int, int]
    truth: Truth | None


@dataclass(frozen=True)
class Reference:
    """A sample of usual rows with the model's answers, made once by `reference`; `Monitor` compares each window with it.

    Attributes
    ----------
    forest, bound
        Isolation forest (Liu, Ting and Zhou 2008) on half of the rows; a row that scores below ``bound`` is an anomaly.
    odd
        Of each row 1 for an anomaly, 0 for none, -1 where the forest learned on it; int8 (n,).
    truth
        How the model did on the reference, where it is known; ``hits`` says it by row as ``odd`` does, or is None.
    seasons
        Where it is given, a window is compared with rows of its own seasons, in its proportions.
    """

    columns: Columns
    encoder: Encoder
    forest: "IsolationForest"
    bound: float
    odd: NDArray[np.int8]
    truth: Truth | None
    seed: int
    hits: NDArray[np.int8] | None = None
    seasons: Seasons | None = None

    def window(
        self,
        columns: Columns,
        number: int,
        level: float,
        truth: Truth | None = None,
        times: tuple[datetime, datetime] | None = None,
        spends: float | None = None,
        clients: NDArray[np.str_] | None = None,
        seasons: NDArray[np.str_] | None = None,
    ) -> Window:
        """The summary of a window; fewer than `LEAST` rows are too few for a conclusion.

        Parameters
        ----------
        spends
            What of the run's ``level`` this window may spend, as `spending.share` says; all of it by default.
        clients, seasons
            Who asked each row and when, str (n,), where it is known.
        """
        started, ended = times or (datetime.now(UTC),) * 2
        spends = level if spends is None else spends
        facts = {"number": number, "started": started, "ended": ended, "n": columns.n, "level": level, "spends": spends}
        named = self.seasons.name if self.seasons else ""
        bare = Window(**facts, answers=_counted(columns), season=named, state="incomplete", summary="Nothing.")  # type: ignore[arg-type]
        if columns.n < LEAST:
            return _untested(bare, f"{columns.n} row{'s' * (columns.n != 1)}: fewer than {LEAST}, so nothing was tested.", truth)
        rng = np.random.default_rng([self.seed, number])
        kept = thinned(columns, self.encoder, repeats_of(self.columns, columns.n, rng), rng, clients)
        bare = bare.model_copy(update={"counted": len(kept.rows), "thinned": kept.why})
        mix = None if seasons is None else seasons[kept.rows]
        if len(kept.rows) < LEAST:
            text = (
                f"{columns.n:,} rows are worth {len(kept.rows)} independent ones ({kept.why}): fewer than {LEAST}, so nothing was tested."
            )
            return _untested(bare, text, truth)
        if self.seasons is not None and mix is not None and (gone := self.seasons.lacking(mix)):
            return _untested(bare, f"No row of the reference is of {self.seasons.name} {gone}, so nothing was tested.", truth)
        usual = self._usual(mix, rng)
        if usual.columns.n < LEAST:
            return _untested(bare, f"{usual.columns.n} rows of the reference are of these seasons: fewer than {LEAST}.", truth)
        drifts, anomalies = self._tested(columns.take(kept.rows), usual, rng)
        return self._judged(bare, [*drifts, *_worse(truth, usual.truth, bare)], kept, anomalies, truth)

    def labeled(self, window: Window, truth: Truth) -> Window:
        """The same window with labels that came for it since, beside those it knows; its tests are judged anew."""
        before = Truth.of(window.performance)
        known = before + truth
        window_now = window.model_copy(update={"performance": _accuracy(known)})
        if not window.drifts:
            return window_now
        if _look(before.n, window.n) == _look(known.n, window.n):
            return window_now
        drifts = [d for d in window.drifts if d.what != PERFORMANCE] + _worse(known, self.truth, window)
        judged = controlled(drifts, window.level if window.spends is None else window.spends)
        state, text = _concluded(judged, window.n if window.counted is None else window.counted)
        return window_now.model_copy(update={"state": state, "summary": text, "drifts": judged})

    def _usual(self, mix: NDArray[np.str_] | None, rng: np.random.Generator) -> Usual:
        rows = np.arange(self.columns.n) if self.seasons is None or mix is None else self.seasons.matched(mix, rng)
        truth = self.truth if self.seasons is None or self.hits is None else _counts(self.hits[rows])
        odd = _counts(self.odd[rows])
        return Usual(self.columns if len(rows) == self.columns.n else self.columns.take(rows), (odd.right, odd.n), truth)

    def _tested(self, columns: Columns, usual: Usual, rng: np.random.Generator) -> tuple[list[Drift], Metric]:
        drifts = [_drift(name, column(name, usual.columns, columns, exact)) for name in self.columns.names]
        drifts.append(_drift(JOINT, together(self.encoder, usual.columns, columns, rng)))
        odd = int((self.forest.score_samples(self.encoder.encoded(columns, products=False)) < self.bound).sum())
        drifts.append(_drift(ANOMALIES, _more((odd, columns.n), usual.unlike)))
        return drifts, rate("anomalies", "Rows unlike the reference", odd, columns.n, "lower")

    def _judged(self, bare: Window, drifts: list[Drift], kept: Thinned, anomalies: Metric, truth: Truth | None) -> Window:
        judged = controlled(drifts, bare.level if bare.spends is None else bare.spends)
        state, text = _concluded(judged, len(kept.rows))
        if kept.doubt and state != "incomplete":
            state, text = "incomplete", f"{text} But {kept.doubt}."
        found = {"state": state, "summary": text, "drifts": judged, "anomalies": anomalies, "performance": _accuracy(truth)}
        return bare.model_copy(update=found)


def _untested(bare: Window, text: str, truth: Truth | None) -> Window:
    return bare.model_copy(update={"summary": text, "performance": _accuracy(truth)})


def _counts(flags: NDArray[np.int8]) -> Truth:
    """Ones, of those that are not -1."""
    return Truth(int((flags == 1).sum()), int((flags >= 0).sum()))


def _worse(truth: Truth | None, usual: Truth | None, window: Window) -> list[Drift]:
    """Are more answers wrong than on the reference? No test where either is not known.

    Of rows that were thinned as large a share counts here. Labels come late and in parts: the test looks when twice as many are there, and p counts once for each look
    that a window of its size can have.
    """
    if truth is None or not truth.n or usual is None or not usual.n:
        return []
    share = 1.0 if window.counted is None else window.counted / window.n
    n, wrong = max(1, round(truth.n * share)), round((truth.n - truth.right) * share)
    answer = _more((min(wrong, n), n), (usual.n - usual.right, usual.n))
    looks = _look(window.n, window.n)
    p = None if answer.p is None else min(1.0, answer.p * looks)
    return [_drift(PERFORMANCE, TwoSampleResult(answer.test, answer.size, p, answer.note))]


def _look(known: int, n: int) -> int:
    """Which look at the labels this is: at 30, at 60 …, and the last once all ``n`` are there."""
    before = 0 if known < LEAST else int(np.log2(known / LEAST)) + 1
    return before if known < n else (0 if n < LEAST else int(np.log2(max(n - 1, LEAST) / LEAST)) + 1) + 1


def reference(
    columns: Columns,
    truth: Truth | None = None,
    seed: int = 0,
    seasons: Seasons | None = None,
    hits: NDArray[np.int8] | None = None,
) -> Reference:
    """Learn what is usual from at least 60 rows; of more than 20,000 a sample is taken.

    ``hits`` says of each row 1 where the model is right, 0 where it is wrong, -1 where that is not known; with ``seasons`` a window's
    accuracy is compared with that of its own.

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
    odd = np.where(np.arange(len(x)) < half, -1, scores < bound).astype(np.int8)
    own = None if seasons is None else Seasons(seasons.name, seasons.of[order])
    return Reference(kept, encoder, forest, bound, odd, truth, seed, None if hits is None else hits[order], own)


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

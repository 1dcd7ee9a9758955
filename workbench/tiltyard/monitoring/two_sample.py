"""Do two samples come from one source? By column (Kolmogorov-Smirnov, chi-square) and jointly (a classifier that separates them)."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .columns import MISSING, Columns

LEAST = 5.0
KINDS = 10
PRODUCTS = 40
DRAWN = 2000
OfWords = Callable[[NDArray[np.str_], NDArray[np.str_]], "TwoSampleResult"]


@dataclass(frozen=True)
class TwoSampleResult:
    """What a two-sample test found.

    Attributes
    ----------
    test
        Its name.
    size
        How far apart, from 0 to 1: the largest gap of the distribution functions, Cramer's V, or the classifier's AUC.
    p
        The chance of at least that under one source, or None where it could not be tested.
    note
        What a reader should know, or why there is no p.
    """

    test: str
    size: float | None
    p: float | None
    note: str = ""


def smirnov(a: NDArray[np.float64], b: NDArray[np.float64]) -> TwoSampleResult:
    """Two-sample Kolmogorov-Smirnov; where values tie it is conservative."""
    if not len(a) or not len(b):
        return TwoSampleResult("Kolmogorov-Smirnov", None, None, "no value in the reference" if not len(a) else "no value in the window")
    from scipy.stats import ks_2samp

    found = ks_2samp(a, b, method="asymp")
    return TwoSampleResult("Kolmogorov-Smirnov", float(found.statistic), float(found.pvalue))


def chi_square(a: NDArray[np.str_], b: NDArray[np.str_]) -> TwoSampleResult:
    """Chi-square of homogeneity; values of which fewer than 5 are expected in a sample are taken together."""
    return _of_words(a, b, "chi-square", _chi)


def exact(a: NDArray[np.str_], b: NDArray[np.str_]) -> TwoSampleResult:
    """Each value, and those seen fewer than 5 times as one, against the rest: hypergeometric and two-sided, the least p times their number.

    It holds however small a level is; chi-square of few rows does not below about 1 in 1,000.
    """
    return _of_words(a, b, "exact by value", _by_value)


def _of_words(
    a: NDArray[np.str_], b: NDArray[np.str_], test: str, judge: Callable[[NDArray[np.float64]], tuple[float, float]]
) -> TwoSampleResult:
    if not len(a) or not len(b):
        return TwoSampleResult(test, None, None, "no value in the reference" if not len(a) else "no value in the window")
    before, after = Counter(a.tolist()), Counter(b.tolist())
    new = [value for value in after if value not in before]
    note = f"{len(new)} new value{'s' * (len(new) != 1)}, such as {new[0]!r}" if new else ""
    counts = np.array([[before[v], after[v]] for v in sorted({*before, *after})], dtype=np.float64)
    size, p = judge(counts)
    return TwoSampleResult(test, size, p, note or ("one value only" if len(counts) < 2 else ""))


def _chi(counts: NDArray[np.float64]) -> tuple[float, float]:
    """Cramer's V and p."""
    from scipy.stats import chi2_contingency

    table = _merged(counts)
    if len(table) < 2:
        return 0.0, 1.0
    found = chi2_contingency(table, correction=len(table) == 2)
    return float(np.sqrt(found.statistic / table.sum())), float(found.pvalue)


def _by_value(counts: NDArray[np.float64]) -> tuple[float, float]:
    """Cramer's V and p."""
    from scipy.stats import hypergeom

    rare = counts.sum(1) < LEAST
    table = np.vstack([counts[~rare], counts[rare].sum(0, keepdims=True)]) if rare.any() else counts
    if len(table) < 2:
        return 0.0, 1.0
    n, drawn, both, now = table.sum(), table[:, 1].sum(), table.sum(1), table[:, 1]
    p = 2 * np.minimum(hypergeom.sf(now - 1, n, both, drawn), hypergeom.cdf(now, n, both, drawn))
    return _chi(counts)[0], float(min(1.0, p.min() * (len(table) if len(table) > 2 else 1)))


def _merged(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows (value) by 2 (sample), with the rare values as one row."""
    expected = counts.sum(1, keepdims=True) * counts.sum(0) / counts.sum()
    rare = (expected < LEAST).any(1)
    rest = counts[rare].sum(0, keepdims=True)
    return np.vstack([counts[~rare], rest]) if rest.sum() else counts[~rare]


def column(name: str, reference: Columns, window: Columns, of_words: OfWords = chi_square) -> TwoSampleResult:
    """One column; what is missing is tested beside the values, and the smaller p counts twice (Bonferroni).

    ``of_words`` tests a column of words: `chi_square`, or `exact`, which holds at the small levels of one window of many.
    """
    if name in reference.numbers:
        a, b = reference.numbers[name], window.numbers[name]
        gone = (int(np.isnan(a).sum()), int(np.isnan(b).sum()))
        answer = smirnov(a[~np.isnan(a)], b[~np.isnan(b)])
    else:
        words = reference.words[name], window.words[name]
        gone = (int((words[0] == MISSING).sum()), int((words[1] == MISSING).sum()))
        answer = of_words(words[0][words[0] != MISSING], words[1][words[1] != MISSING])
    return _with_missing(answer, gone, (reference.n, window.n))


def _with_missing(answer: TwoSampleResult, gone: tuple[int, int], n: tuple[int, int]) -> TwoSampleResult:
    if gone == (0, 0) or min(n) == 0:
        return answer
    from scipy.stats import fisher_exact

    p = float(fisher_exact(np.array([[gone[0], n[0] - gone[0]], [gone[1], n[1] - gone[1]]])).pvalue)
    note = f"{gone[1] / n[1]:.1%} missing, {gone[0] / n[0]:.1%} in the reference"
    note = f"{note}; {answer.note}" if answer.note else note
    return TwoSampleResult(answer.test, answer.size, min(1.0, 2 * min(p, 1.0 if answer.p is None else answer.p)), note)


def together(encoder: "Encoder", reference: Columns, window: Columns, rng: np.random.Generator) -> TwoSampleResult:
    """A classifier two-sample test (Lopez-Paz and Oquab 2017, arXiv 1610.06545).

    A ridge classifier learns on half of both samples to tell them apart; on the other halves its scores are compared by a
    one-sided Mann-Whitney test, which holds its level whatever was learned. Where they use accuracy we use the AUC.
    Of each sample as many rows are drawn as the smaller has, 2,000 at most.
    """
    from scipy.stats import mannwhitneyu
    from sklearn.linear_model import RidgeClassifier

    n = min(reference.n, window.n, DRAWN)
    a, b = (encoder.encoded(c.take(rng.permutation(c.n)[:n])) for c in (reference, window))
    half = n // 2
    learn = np.vstack([a[:half], b[:half]])
    model = RidgeClassifier(alpha=float(half)).fit(learn, np.repeat([0, 1], half))
    old, new = model.decision_function(a[half:]), model.decision_function(b[half:])
    found = mannwhitneyu(new, old, alternative="greater", method="asymptotic")
    return TwoSampleResult("classifier two-sample", float(found.statistic) / (len(old) * len(new)), float(found.pvalue))


@dataclass(frozen=True)
class Encoder:
    """How columns become standardized numbers, learned from the reference: ``centers`` (mean, deviation) and common ``values``."""

    centers: dict[str, tuple[float, float]]
    values: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, reference: Columns) -> "Encoder":
        centers = {k: (float(np.nanmean(v)), float(np.nanstd(v))) for k, v in reference.numbers.items() if np.isfinite(v).any()}
        values = {k: tuple(w for w, _ in Counter(v.tolist()).most_common(KINDS)) for k, v in reference.words.items()}
        return cls({k: c for k, c in centers.items() if c[1] > 0}, values)

    def encoded(self, columns: Columns, products: bool = True) -> NDArray[np.float64]:
        """float64 (n, d): what is missing stands at the middle; with ``products`` of pairs, so that correlations show."""
        parts = [np.clip(np.nan_to_num((columns.numbers[k] - m) / s), -6, 6) for k, (m, s) in self.centers.items()]
        parts += [(columns.words[k] == value).astype(np.float64) for k, values in self.values.items() for value in values[:-1] or values]
        base = np.column_stack(parts) if parts else np.zeros((columns.n, 1))
        if not products or base.shape[1] > PRODUCTS:
            return base
        i, j = np.triu_indices(base.shape[1])
        return np.hstack([base, base[:, i] * base[:, j]])

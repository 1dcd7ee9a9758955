"""Rows of a window that may count as drawn one by one: one a client, one of what was asked again, one of each run of rows that are alike.

Every two-sample test takes rows for independent. Rows of one client, or asked five times, are not, and the tests alarm without drift.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .columns import Columns
from .two_sample import Encoder

SURE = 0.002
USUAL = 0.05
BLOCKS = 8
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Thinned:
    """The places of the ``rows`` that are kept, int (m,), in their order; ``why`` others were left out, or empty; ``doubt`` what no thinning repairs."""

    rows: Rows
    why: str = ""
    doubt: str = ""


def thinned(columns: Columns, encoder: Encoder, usual: float, rng: np.random.Generator, clients: NDArray[np.str_] | None = None) -> Thinned:
    """The rows that may count as independent.

    Parameters
    ----------
    usual
        The share of rows that repeat another in as many rows of the reference. Where many do, a row that repeats may be another
        person's, and cannot be left out: an excess is then told as ``doubt``.
    clients
        Who asked, str (n,); one row of each is drawn.
    """
    if clients is not None:
        rows = by_client(clients, rng)
        return Thinned(rows, f"one row of each of {len(rows):,} clients" if len(rows) < columns.n else "")
    rows, why, doubt = _once(columns, usual)
    stride = _stride(encoder.encoded(columns.take(rows), products=False))
    if stride > 1:
        why = "; ".join(filter(None, (why, f"neighbors are alike: one row of each {stride}")))
    return Thinned(rows[::stride], why, doubt)


def by_client(clients: NDArray[np.str_], rng: np.random.Generator) -> Rows:
    """One row of each client, drawn at random; int (m,) in the rows' order."""
    order = rng.permutation(len(clients))
    _, first = np.unique(clients[order], return_index=True)
    return np.sort(order[first]).astype(np.intp)


def repeated(columns: Columns) -> float:
    """The share of rows that repeat an earlier one in every column."""
    return 1 - len(_distinct(columns)) / columns.n if columns.n else 0.0


def repeats_of(reference: Columns, n: int, rng: np.random.Generator) -> float:
    """The share of rows that repeat another in ``n`` rows drawn from the reference."""
    return repeated(reference.take(rng.permutation(reference.n)[: min(n, reference.n)]))


def _once(columns: Columns, usual: float) -> tuple[Rows, str, str]:
    kept = _distinct(columns)
    again = columns.n - len(kept)
    if again <= columns.n * usual + 3 * np.sqrt(columns.n * usual) + 2:
        return np.arange(columns.n), "", ""
    if usual > USUAL:
        doubt = f"{again:,} of {columns.n:,} rows repeat another, more than the reference's {usual:.0%}; name the column of clients"
        return np.arange(columns.n), "", doubt
    return kept, f"{again:,} rows repeat another", ""


def _distinct(columns: Columns) -> Rows:
    """Places of the first of each set of equal rows, in order; a row of nothing but missing values equals its like."""
    codes = [np.unique(values, return_inverse=True)[1] for values in (*columns.numbers.values(), *columns.words.values())]
    if not codes:
        return np.arange(columns.n)
    _, first = np.unique(np.column_stack(codes), axis=0, return_index=True)
    return np.sort(first).astype(np.intp)


def _stride(z: NDArray[np.float64]) -> int:
    """The least power of two at which rows are not seen to be more alike to their neighbors than chance makes them, and where any were twice that.

    Few rows show little, so that what is left of it is halved once more.
    """
    stride = 1
    while len(z) // stride > 2 * BLOCKS and _alike(z[::stride]):
        stride *= 2
    return stride if stride == 1 else 2 * stride


def _alike(z: NDArray[np.float64]) -> bool:
    """Do means of blocks of consecutive rows scatter more than those of independent rows would?

    For each column and length of blocks the ratio of variances against chi-square, Bonferroni over all; columns are ranked first, so that a few far values count
    no more than others.
    """
    from scipy.stats import chi2

    varied = z[:, z.std(0) > 0]
    if not varied.shape[1]:
        return False
    ranks = np.column_stack([_ranked(c) for c in varied.T])
    lengths = [b for b in (2, 4, 8, 16, 32, 64) if len(z) // b >= BLOCKS]
    least = 1.0
    for b in lengths:
        blocks = len(z) // b
        means = ranks[: blocks * b].reshape(blocks, b, -1).mean(1)
        ratio = b * means.var(0, ddof=1) * (blocks - 1)
        least = min(least, float(chi2.sf(ratio, blocks - 1).min()))
    return bool(least * varied.shape[1] * max(len(lengths), 1) < SURE)


def _ranked(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks, the mean one where values tie, at mean 0 and variance 1."""
    from scipy.stats import rankdata

    ranks = rankdata(values)
    out: NDArray[np.float64] = (ranks - ranks.mean()) / ranks.std()
    return out

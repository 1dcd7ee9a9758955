"""What a run can see, said before it starts: the least shift that one window finds with four chances in five."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .columns import Columns, of_frame
from .spending import share
from .two_sample import exact, smirnov

if TYPE_CHECKING:
    import pandas as pd

CHANCE = 0.8
DRAWS = 40
STEPS = 7
BESIDE = 2  # the tests of a window that are of no column: jointly, and anomalies


@dataclass(frozen=True)
class Power:
    """The least shifts found in one window with a chance of `CHANCE`.

    Attributes
    ----------
    numbers
        Of a column of numbers, in its standard deviations; None where there is none, or where 4 of them are not found.
    words
        Of a column of words, how far the share of its most frequent value falls; None where there is none, or where no fall is found.
    """

    rows: int
    windows: int
    level: float
    numbers: float | None
    words: float | None

    @property
    def text(self) -> str:
        """A sentence for who starts the run."""
        seen = [
            *([f"a shift of {self.numbers:.2g} standard deviations in a column of numbers"] if self.numbers is not None else []),
            *([f"a fall of {100 * self.words:.2g} points of the most frequent value of a column"] if self.words is not None else []),
        ]
        what = " or ".join(seen) if seen else "no shift of a single column"
        return (
            f"{self.windows:,} window{'s' * (self.windows != 1)} of {self.rows:,} rows, false alarm in at most {self.level:.2g} of runs: "
            f"a window finds {what} with {CHANCE:.0%} chance."
        )


def power_of(before: "pd.DataFrame", n: int, rows: int, level: float, seed: int = 0) -> Power:
    """Of a run over ``n`` rows in windows of ``rows`` against ``before``, where each row counts. Simulated on the reference's own columns."""
    return power(of_frame(before), max(1, round(n / rows)), min(n, rows), level, seed)


def power(reference: Columns, windows: int, rows: int, level: float, seed: int = 0) -> Power:
    """By bisection; each step draws `DRAWS` windows from the reference's middle column of either kind and shifts them.

    A shift counts as found where its p is at most the window's part of the level over the number of tests (Bonferroni, which
    Benjamini and Hochberg's rule is never below): so that the power is at least this.
    """
    rng = np.random.default_rng(seed)
    bound = share(level, 0, windows) / (len(reference.names) + BESIDE)
    varied = [v for v in reference.numbers.values() if np.nanstd(v) > 0 and np.isfinite(v).sum() > rows // 10]
    grouped = [v for v in reference.words.values() if len(np.unique(v)) > 1]
    numbers = _least(lambda size: _moved(varied[len(varied) // 2], rows, size, bound, rng), 4.0) if varied else None
    words = _least(lambda size: _fallen(grouped[len(grouped) // 2], rows, size, bound, rng), 1.0) if grouped else None
    return Power(rows, windows, level, numbers, words)


def _least(found: Callable[[float], float], most: float) -> float | None:
    if found(most) < CHANCE:
        return None
    low, high = 0.0, most
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) >= CHANCE else (middle, high)
    return high


def _moved(values: NDArray[np.float64], rows: int, size: float, bound: float, rng: np.random.Generator) -> float:
    usual = values[np.isfinite(values)]
    step = size * usual.std()
    p = [smirnov(usual, rng.choice(usual, rows) + step).p for _ in range(DRAWS)]
    return float(np.mean([value is not None and value <= bound for value in p]))


def _fallen(values: NDArray[np.str_], rows: int, size: float, bound: float, rng: np.random.Generator) -> float:
    names, counts = np.unique(values, return_counts=True)
    shares = counts / counts.sum()
    top = int(shares.argmax())
    fall = min(size, shares[top])
    moved = np.where(np.arange(len(names)) == top, shares - fall, shares + fall * shares / (1 - shares[top]))
    p = [exact(values, rng.choice(names, rows, p=moved / moved.sum())).p for _ in range(DRAWS)]
    return float(np.mean([value is not None and value <= bound for value in p]))

"""How often the intervals of a gap between groups hold the true gap: `python benchmarks/bench_gaps.py [DRAWS] [LEAST]`, 2,000 draws a case.

Cases: 2, 3, 5 and 10 groups of 50, 500 and 5,000 rows, equal or falling evenly to a tenth, selection rates from 0.3 up, gaps of 0, 0.05 and 0.3, one
group apart or all evenly spaced; for difference and ratio. An interval by test inversion holds the truth where the truth is not refused, so that one
test a draw does for both ends. Cases below LEAST (a share) are asked again with ten times the draws, under seeds of their own: the least of a
hundred cases is low by chance too.
"""

import sys
from dataclasses import dataclass
from itertools import product

import numpy as np

from tiltyard.statistics.spread import Kind, Rates, Spread

BASE, TAIL, INNER = 0.3, 0.025, 1000


@dataclass(frozen=True)
class Case:
    """Groups of at most ``rows`` rows, whose rates lie ``gap`` apart."""

    kind: Kind
    groups: int
    rows: int
    uneven: bool
    gap: float
    spaced: bool

    @property
    def sizes(self) -> np.ndarray:
        """Rows of each group (groups,)."""
        falling = np.linspace(1, 0.1, self.groups) if self.uneven else np.ones(self.groups)
        return np.maximum((self.rows * falling).round(), 5).astype(np.int64)

    @property
    def rates(self) -> np.ndarray:
        """True rate of each group (groups,)."""
        if self.spaced:
            return BASE + self.gap * np.linspace(0, 1, self.groups)
        return np.append(np.full(self.groups - 1, BASE), BASE + self.gap)

    def held(self, draws: int, seed: int) -> tuple[float, float, float]:
        """The shares of ``draws`` whose interval holds the truth, lies above it, and lies below it."""
        rng = np.random.default_rng([seed, self.groups, self.rows, self.uneven, round(100 * self.gap), self.spaced, self.kind == "ratio"])
        truth = self.gap if self.kind == "difference" else self.gap / (BASE + self.gap)
        above = below = 0
        for hits in rng.binomial(self.sizes, self.rates, (draws, self.groups)):
            spread = Spread((Rates(hits.astype(np.int64), self.sizes),), self.kind)
            seen = spread.disparity
            more, fewer = spread.tails(truth, seen, rng, INNER)
            above += seen > truth and more <= TAIL
            below += seen < truth and fewer <= TAIL
        return 1 - (above + below) / draws, above / draws, below / draws

    @property
    def words(self) -> str:
        """A line of the table."""
        sizes = "falling to a tenth" if self.uneven else "equal"
        shape = "evenly spaced" if self.spaced else "one apart"
        return f"{self.kind}, {self.groups} groups of {self.rows:,} rows ({sizes}), gap {self.gap:g}, {shape}"


def cases() -> list[Case]:
    """All of them; with a gap of 0, and of two groups, both shapes are one."""
    every = product(("difference", "ratio"), (2, 3, 5, 10), (50, 500, 5000), (False, True), (0.0, 0.05, 0.3), (False, True))
    return [Case(*one) for one in every if not (one[5] and (one[4] == 0 or one[1] == 2))]


def main(draws: int, least: float) -> None:
    """Print every case below ``least`` or above 97.5 %, asked again, and the spread of all."""
    found = {case: case.held(draws, 0) for case in cases()}
    for kind in ("difference", "ratio"):
        shares = np.array([held for case, (held, _, _) in found.items() if case.kind == kind])
        ends = np.quantile(shares, [0, 0.1, 0.5, 0.9, 1])
        print(f"{kind}: {len(shares)} cases, least, 10 %, median, 90 %, most: {' '.join(f'{100 * e:.1f}' for e in ends)}")
        real = [held for case, (held, _, _) in found.items() if case.kind == kind and case.gap > 0]
        print(f"  with a gap above 0: {100 * min(real):.1f} to {100 * max(real):.1f}")
    for case, (held, above, below) in sorted(found.items(), key=lambda item: item[1][0]):
        if held < least:
            again, *_ = case.held(10 * draws, 1)
            print(
                f"{100 * held:.1f} % (above {100 * above:.1f}, below {100 * below:.1f}), again {100 * again:.1f} %: {case.words}",
                flush=True,
            )
        elif held > 0.975 and case.gap > 0:
            print(f"{100 * held:.1f} % (above {100 * above:.1f}, below {100 * below:.1f}): {case.words}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000, float(sys.argv[2]) if len(sys.argv) > 2 else 0.94)

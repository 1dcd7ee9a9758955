"""How far the rates of groups lie apart: largest less smallest, or smallest over largest, with intervals that hold for an extreme.

An extreme over groups is biased up, and its bootstrap with it: at a true gap of 0 such an interval never covers. Here a gap is in the
interval where groups that lie just so far apart would not show what was seen in fewer than 2.5 % of draws on either side (test inversion,
the mid-p of ties). The groups' own rates are then those nearest to what was seen among all that lie so far apart (hybrid resampling,
Chuang and Lai 2000, Statistica Sinica 10, 1). What was seen is spread by chance already, and drawn from as it is spreads twice: so the
same is done from rates of which each has come up to two standard errors nearer to the common one (limited translation, Efron and Morris
1972, JASA 67, 337), and a gap is refused where both refuse it. `docs/what_checks_see.md` has the coverage that was measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .intervals import LEVEL

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Kind = Literal["difference", "ratio"]
GRID = 65
STEPS = 11
CALMED = 2.0  # standard errors
NEAR = 1e-9


@dataclass(frozen=True)
class Rates:
    """``hits`` of ``n`` rows in each of at least two groups; each int64 (groups,), n > 0; the hits of supposed rates are float64."""

    hits: Counts | Floats
    n: Counts

    @property
    def shares(self) -> Floats:
        """The rate of each group (groups,)."""
        found: Floats = np.asarray(self.hits / self.n, np.float64)
        return found

    @property
    def calmed(self) -> "Rates":
        """The same groups, each rate up to ``CALMED`` of its standard errors nearer to the rate of all rows; the hits are no whole numbers."""
        common = float(self.hits.sum() / self.n.sum())
        most = CALMED * np.sqrt(common * (1 - common) / self.n)
        shares = self.shares
        return Rates((shares - np.clip(shares - common, -most, most)) * self.n, self.n)

    def deviance(self, supposed: Floats) -> Floats:
        """How unlikely what was seen is at the ``supposed`` rates (..., groups or 1): the negative log-likelihood of each group."""
        q = np.clip(supposed, NEAR, 1 - NEAR)
        found: Floats = np.asarray(-(self.hits * np.log(q) + (self.n - self.hits) * np.log1p(-q)), np.float64)
        return found


@dataclass(frozen=True)
class Spread:
    """The largest disparity over ``families`` of rates: the difference, or the ratio, of which the disparity is 1 less it."""

    families: tuple[Rates, ...]
    kind: Kind = "difference"

    @property
    def disparity(self) -> float:
        """The difference, or 1 less the ratio: 0 where all groups are alike."""
        return max(float(self._apart(family.shares[None])[0]) for family in self.families)

    def interval(self, rng: np.random.Generator, draws: int = 1000, level: float = LEVEL) -> tuple[float, float]:
        """Both ends of the disparity's interval at ``level``; the lower is 0 where equal groups would show as much by chance."""
        seed, tail, seen = int(rng.integers(2**31)), (1 - level) / 2, self.disparity
        return self._end(seen, 0.0, seed, draws, tail), self._end(seen, 1.0, seed, draws, tail)

    def _end(self, seen: float, bound: float, seed: int, draws: int, tail: float) -> float:
        """Between ``seen`` and ``bound`` the last disparity that is not refused, by halves."""
        inside, outside = seen, bound
        if not self._refused(bound, seen, bound < seen, seed, draws, tail):
            return bound
        for _ in range(STEPS):
            middle = (inside + outside) / 2
            if self._refused(middle, seen, bound < seen, seed, draws, tail):
                outside = middle
            else:
                inside = middle
        return outside if abs(outside - seen) > NEAR else seen

    def _refused(self, supposed: float, seen: float, above: bool, seed: int, draws: int, tail: float) -> bool:
        more, fewer = self.tails(supposed, seen, np.random.default_rng(seed), draws)
        return (more if above else fewer) <= tail

    def tails(self, supposed: float, seen: float, rng: np.random.Generator, draws: int) -> tuple[float, float]:
        """The shares of draws that show more, and less, than ``seen`` where groups lie ``supposed`` apart; ties count half on each side.

        Each is the larger of two: from rates nearest to those seen, and to those seen less what chance adds.
        """
        calmed = Spread(tuple(family.calmed for family in self.families), self.kind)
        found = [spread._tails(supposed, seen, rng, draws) for spread in (self, calmed)]
        return max(more for more, _ in found), max(fewer for _, fewer in found)

    def _tails(self, supposed: float, seen: float, rng: np.random.Generator, draws: int) -> tuple[float, float]:
        shares = [
            rng.binomial(family.n, p, (draws, len(p))) / family.n for family, p in zip(self.families, self.nearest(supposed), strict=True)
        ]
        shown = np.max([self._apart(s) for s in shares], axis=0)
        ties = float((np.abs(shown - seen) <= NEAR).mean()) / 2
        return float((shown > seen + NEAR).mean()) + ties, float((shown < seen - NEAR).mean()) + ties

    def nearest(self, supposed: float) -> list[Floats]:
        """The rates of each family nearest to those seen, among all whose largest disparity is ``supposed``."""
        apart = [float(self._apart(family.shares[None])[0]) for family in self.families]
        kept = [self._within(family, supposed) if d > supposed else family.shares for family, d in zip(self.families, apart, strict=True)]
        if max(apart) >= supposed:
            return kept
        pushed = [self._stretched(family, supposed) for family in self.families]
        cheapest = int(np.argmin([cost for _, cost in pushed]))
        return [*kept[:cheapest], pushed[cheapest][0], *kept[cheapest + 1 :]]

    def _apart(self, shares: Floats) -> Floats:
        """The disparity over the last axis; 0 where no rate is above 0."""
        top, bottom = shares.max(-1), shares.min(-1)
        if self.kind == "difference":
            found: Floats = top - bottom
            return found
        alike: Floats = np.divide(bottom, top, out=np.ones_like(top), where=top > 0)
        return 1 - alike

    def _low(self, top: Floats, supposed: float) -> Floats:
        """The lower end of a range that ends at ``top`` and whose ends lie ``supposed`` apart."""
        found: Floats = np.maximum(top - supposed, 0.0) if self.kind == "difference" else top * (1 - supposed)
        return found

    def _top(self, bottom: float, supposed: float) -> float:
        """The upper end of a range that begins at ``bottom``, at most 1."""
        if self.kind == "difference":
            return min(bottom + supposed, 1.0)
        return min(bottom / (1 - supposed), 1.0) if supposed < 1 else 1.0

    def _within(self, family: Rates, supposed: float) -> Floats:
        """Rates drawn in until none lie further apart than ``supposed``."""
        p = family.shares
        top = np.linspace(min(self._top(float(p.min()), supposed), float(p.max())), p.max(), GRID)
        ends = np.stack([self._low(top, supposed), top])[:, :, None]
        drawn: Floats = np.clip(p, *ends)
        return np.asarray(drawn[int(family.deviance(drawn).sum(1).argmin())])

    def _stretched(self, family: Rates, supposed: float) -> tuple[Floats, float]:
        """Rates of which one is lowered and another raised until they lie ``supposed`` apart, and how much less likely that is."""
        p, k = family.shares, len(family.n)
        least = max(float(p.max()), supposed if self.kind == "difference" else 0.0)
        top = np.linspace(least, max(self._top(float(p.min()), supposed), least), GRID)
        low, own = self._low(top, supposed), family.deviance(p[None])
        cost = (family.deviance(low[:, None]) - own)[:, :, None] + (family.deviance(top[:, None]) - own)[:, None, :]
        cost[:, np.arange(k), np.arange(k)] = np.inf
        at, lowered, raised = (int(i) for i in np.unravel_index(int(cost.argmin()), cost.shape))
        found = p.copy()
        found[lowered], found[raised] = low[at], top[at]
        return found, float(cost[at, lowered, raised])


def spread_of(families: Sequence[tuple[Counts, Counts]], kind: Kind = "difference") -> Spread:
    """From hits and rows of each family's groups."""
    return Spread(tuple(Rates(hits, n) for hits, n in families), kind)

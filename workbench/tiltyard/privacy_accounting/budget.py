"""A privacy budget: epsilon, noise, epochs and batch size tied together, and epsilon's curve over each of them."""

import math
from typing import Literal, Self

import numpy as np
from pydantic import Field

from ..errors import Problem
from ..formatting.numbers import number
from ..progress import Progress
from ..result import Frozen
from .accountants import Accountant, Answering, default_delta, noise_for
from .accountants import epsilon as epsilon_of
from .pld import COARSE
from .rdp import rdp_at_once

Over = Literal["epochs", "noise_multiplier", "batch_size"]
Hold = Literal["epsilon", "noise"]
FEWEST_ROWS = 20
LARGEST_DELTA = 0.1


class Curve(Frozen):
    """Epsilon along one parameter, all others held; a ``first`` answer lies above the tightest bound and is to be followed by it."""

    over: Over
    x: tuple[float, ...]
    epsilon: tuple[float, ...]
    accountant: Accountant
    first: bool = False


class Budget(Frozen):
    """Epsilon, delta, noise multiplier, epochs and batch size over ``n`` rows, tied together: move one, the others follow.

    Made by `Budget.of`; the fields always agree. ``epsilon`` is what the noise costs by ``accountant``; ``target`` is the
    epsilon that was asked for, if one was (the cost stays just below it). ``held`` says what the last move held and what followed,
    ``by`` whose bound is the number.
    """

    n: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    epochs: int = Field(ge=1)
    delta: float = Field(gt=0, lt=1)
    noise_multiplier: float = Field(gt=0)
    epsilon: float = Field(ge=0)
    target: float | None = None
    accountant: Accountant = "tightest"
    by: Answering = "pld"
    note: str = ""
    held: str = ""

    @property
    def sample_rate(self) -> float:
        """Chance of a row to be in a batch."""
        return rate_of(self.n, self.batch_size)

    @property
    def steps(self) -> int:
        return steps_of(self.n, self.batch_size, self.epochs)

    @property
    def warning(self) -> str:
        """What makes the promise weaker than it looks, in a sentence; empty for nothing."""
        if self.delta * self.n < 1:
            return ""
        return f"Delta {number(self.delta)} is not below 1 / {self.n:,} rows: at such a delta to publish a whole row counts as private."

    @classmethod
    def of(
        cls,
        n: int,
        batch_size: int,
        epochs: int,
        delta: float | None = None,
        epsilon: float | None = None,
        noise_multiplier: float | None = None,
        accountant: Accountant = "tightest",
        progress: Progress | None = None,
    ) -> Self:
        """A budget from either ``epsilon`` or ``noise_multiplier`` (one of them); ``delta`` by default well below 1 / n."""
        if (epsilon is None) == (noise_multiplier is None):
            found = "neither" if epsilon is None else "both"
            raise Problem("either epsilon or a noise multiplier", found, "Give one; the other follows")
        if min(n, batch_size, epochs) < 1:
            raise Problem("rows, batch size and epochs of at least 1", f"{n}, {batch_size} and {epochs}", "Correct them")
        delta = default_delta(n) if delta is None else delta
        _refuse(n, delta)
        rate, steps = rate_of(n, batch_size), steps_of(n, batch_size, epochs)
        if noise_multiplier is not None:
            spent = epsilon_of(noise_multiplier, rate, steps, delta, accountant)
            held = "epochs and batch size held; epsilon follows noise"
        else:
            spent = noise_for(epsilon or 0.0, rate, steps, delta, accountant, progress)
            held = "epochs and batch size held; noise follows epsilon"
        return cls(
            n=n,
            batch_size=batch_size,
            epochs=epochs,
            delta=delta,
            noise_multiplier=spent.noise_multiplier,
            epsilon=spent.epsilon,
            target=epsilon,
            accountant=accountant,
            by=spent.accountant,
            note=spent.note,
            held=held,
        )

    def with_epsilon(self, epsilon: float) -> Self:
        """Epochs, batch size and delta held; the noise follows."""
        return self.of(self.n, self.batch_size, self.epochs, self.delta, epsilon=epsilon, accountant=self.accountant)

    def with_noise(self, noise_multiplier: float) -> Self:
        """Epochs, batch size and delta held; epsilon follows."""
        return self.of(self.n, self.batch_size, self.epochs, self.delta, noise_multiplier=noise_multiplier, accountant=self.accountant)

    def with_epochs(self, epochs: int, hold: Hold = "epsilon") -> Self:
        """Epsilon held and the noise follows, or with ``hold="noise"`` the other way round."""
        return self._moved(self.n, self.batch_size, epochs, hold)

    def with_batch_size(self, batch_size: int, hold: Hold = "epsilon") -> Self:
        """Epsilon and epochs held and the noise follows, or with ``hold="noise"`` epsilon follows."""
        return self._moved(self.n, batch_size, self.epochs, hold)

    def with_delta(self, delta: float, hold: Hold = "epsilon") -> Self:
        """Epsilon held and the noise follows, or with ``hold="noise"`` epsilon follows."""
        return self.model_copy(update={"delta": delta})._moved(self.n, self.batch_size, self.epochs, hold)

    def with_accountant(self, accountant: Accountant, hold: Hold = "epsilon") -> Self:
        """The same by another accountant: epsilon held and the noise follows, or with ``hold="noise"`` epsilon follows."""
        return self.model_copy(update={"accountant": accountant})._moved(self.n, self.batch_size, self.epochs, hold)

    def with_rows(self, n: int) -> Self:
        """Another number of rows; epsilon held, the noise follows. A batch is no larger than all rows; delta is kept."""
        return self._moved(n, min(self.batch_size, n), self.epochs, "epsilon")

    def _moved(self, n: int, batch_size: int, epochs: int, hold: Hold) -> Self:
        rest, who = (n, batch_size, epochs, self.delta), self.accountant
        if hold == "noise":
            kept = self.of(*rest, noise_multiplier=self.noise_multiplier, accountant=who)
            return kept.model_copy(update={"held": "noise held; epsilon follows"})
        moved = self.of(*rest, epsilon=self.target or self.epsilon, accountant=who)
        return moved.model_copy(update={"held": "epsilon held; noise follows"})


def _refuse(n: int, delta: float) -> None:
    """What no budget is worth its name with."""
    if n < FEWEST_ROWS:
        raise Problem(f"at least {FEWEST_ROWS} rows to train on", f"{n}", "Give more rows: of so few, none can be hidden")
    if delta >= LARGEST_DELTA:
        raise Problem(
            f"a delta below {number(LARGEST_DELTA)}", number(delta), f"Give one below 1 / rows, such as {number(default_delta(n), 1)}"
        )


def rate_of(n: int, batch_size: int) -> float:
    """Sample rate of batches of expected size ``batch_size`` among ``n`` rows; never above 1."""
    return min(1.0, batch_size / n)


def steps_of(n: int, batch_size: int, epochs: int) -> int:
    """Steps in ``epochs`` expected passes over ``n`` rows, rounded up."""
    return max(1, math.ceil(epochs * n / min(batch_size, n)))


def grid(over: Over, budget: Budget, points: int) -> tuple[float, ...]:
    """Where a curve is computed: log-spaced noise that does not move with the budget (so it stays cached), else whole numbers."""
    if over == "noise_multiplier":
        return tuple(float(v) for v in np.geomspace(0.5, 10.0, points))
    top = max(2 * budget.epochs, 10) if over == "epochs" else min(budget.n, max(4 * budget.batch_size, 64))
    spaced = np.linspace(1, top, points) if over == "epochs" else np.geomspace(min(8, top), top, points)
    return tuple(float(v) for v in np.unique(spaced.round()))


def curve(
    budget: Budget, over: Over = "epochs", points: int = 16, progress: Progress | None = None, x: tuple[float, ...] | None = None
) -> Curve:
    """Epsilon over epochs, noise multiplier or batch size, everything else of ``budget`` (the noise and the accountant too) held.

    A point costs a few milliseconds (by PRV 0.1 to 1 s), for it is computed on a coarse grid, some 0.2 % above the budget's own;
    ``progress`` is asked before each, so that it can be cancelled.
    """
    x = x or grid(over, budget, points)
    progress = progress or Progress()
    found: list[float] = []
    for i, value in enumerate(x):
        progress.step(i / len(x), f"epsilon at {over.replace('_', ' ')} {value:g}")
        found.append(_at(budget, over, value))
    progress.step(1.0, "curve ready")
    return Curve(over=over, x=x, epsilon=tuple(found), accountant=budget.accountant)


def first_curve(budget: Budget, over: Over = "epochs", points: int = 16) -> Curve:
    """As `curve`, at once: every point by RDP at whole orders, which is true too and never below the tightest bound.

    Some 10 ms of processor time, whatever the rows, where `curve` may take more than a second. It lies some 20 to 40 % above where epsilon
    is 1 or more, and up to four times where it is a tenth.
    """
    x = grid(over, budget, points)
    found = [rdp_at_once(*_spot(budget, over, value), budget.delta) for value in x]
    return Curve(over=over, x=x, epsilon=tuple(found), accountant="rdp", first=True)


def _at(budget: Budget, over: Over, value: float) -> float:
    """Epsilon of ``budget`` with one parameter at ``value``: its own where that is where it stands."""
    if value == getattr(budget, over):
        return budget.epsilon
    return epsilon_of(*_spot(budget, over, value), budget.delta, budget.accountant, COARSE).epsilon


def _spot(budget: Budget, over: Over, value: float) -> tuple[float, float, int]:
    """Noise, sample rate and steps of ``budget`` with one parameter at ``value``."""
    noise = value if over == "noise_multiplier" else budget.noise_multiplier
    batch = int(value) if over == "batch_size" else budget.batch_size
    epochs = int(value) if over == "epochs" else budget.epochs
    return noise, rate_of(budget.n, batch), steps_of(budget.n, batch, epochs)

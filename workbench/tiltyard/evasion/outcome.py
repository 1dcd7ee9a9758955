"""What an attack found, and the rows that it is made on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.schema import Rows
from ..result import Chart, Table
from ._evaluation import Line


@dataclass(frozen=True)
class AttackOutcome:
    """What an attack found, row by row; `Evasion.find_adversarial` gives it and `Evasion.run` makes the result of it.

    Attributes
    ----------
    x : (n, *shape)
        The strongest valid row found within eps; the row itself where none fools the model. Of the dtype that the data set's rows have.
    fooled_at : (n,)
        The smallest of the ``eps_values`` at which the model was fooled: 0 by changed categories alone, inf at none, -1 for a row
        that the model got wrong before the attack.
    eps_values
        The sizes of a change that were tried, ascending, in ranges.
    zero_gradient : (n,)
        Rows whose gradient was zero although the model reacts to changes; None for attacks that use no gradient.
    size : (n,)
        The smallest change that fools the model, in ranges, inf where none was found; None for attacks that do not look for it.
    lines
        The checks of the evaluation that the attack itself made.
    tables, charts
        Of the attack's own, for the result.
    proved : (n,)
        Rows that are proved to stay right within eps; None where nothing was proved.
    proof
        Further checks of the evaluation: what the proof was made of, and that attack and proof agree.
    """

    x: Rows
    fooled_at: NDArray[np.float64]
    eps_values: tuple[float, ...]
    zero_gradient: NDArray[np.bool_] | None = None
    size: NDArray[np.float64] | None = None
    lines: tuple[Line, ...] = ()
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    proved: NDArray[np.bool_] | None = None
    proof: tuple[Line, ...] = ()


def held_out(data: Dataset) -> NDArray[np.intp]:
    """Indices of the rows known not to be trained on; of all rows where nobody knows."""
    return np.arange(len(data)) if data.member is None or data.member.all() else np.flatnonzero(~data.member)


def drawn(data: Dataset, n: int, seed: int, rows: NDArray[np.intp] | None = None) -> Dataset:
    """``n`` held-out rows, or of the indices ``rows``, in random order; copies no more than these, however many rows there are."""
    rows = held_out(data) if rows is None else rows
    return data.take(rows[np.random.default_rng(seed).permutation(len(rows))[:n]])

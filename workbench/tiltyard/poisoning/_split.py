"""Rows to train models on anew, and rows that none of them has seen."""

from dataclasses import dataclass

import numpy as np

from ..datasets.dataset import Dataset
from ..errors import Unavailable

HELD, FEWEST = 0.2, 5


@dataclass(frozen=True)
class Split:
    """``train`` rows and ``held`` rows; ``note`` says how they were told apart where the data set does not say."""

    train: Dataset
    held: Dataset
    note: str = ""


def split(data: Dataset, rng: np.random.Generator) -> Split:
    """By what the data set says of rows that were trained on; where it does not, a fifth of them, drawn at random, is held out.

    Raises
    ------
    Unavailable
        Of fewer than five rows none can be held out.
    """
    if not data.lacks("member"):
        return Split(data.seen, data.unseen)
    if len(data) < FEWEST:
        raise Unavailable(f"at least {FEWEST} rows, to train on some and measure on others", f"{len(data)}", "Give more rows")
    order = rng.permutation(len(data))
    cut = round(HELD * len(data))
    note = "The data do not say which rows were trained on: a fifth, drawn at random, was held out of all trainings here."
    return Split(data.part(order[cut:]), data.part(order[:cut]), note)

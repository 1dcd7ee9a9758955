"""The rows an attack ended with, as an npz file that `datasets.npz_file` reads again."""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.schema import Rows

ROWS = "adversarial.npz"


def packed(sample: Dataset, x: Rows, answered: NDArray[np.int64]) -> bytes:
    """The file's bytes; equal rows give equal bytes.

    Parameters
    ----------
    sample
        The rows before the attack, n of them, with their true labels.
    x : (n, *shape)
        After it, as ``x``; those before are ``natural``, and ``y`` is the true label. A category is the place among the feature's
        categories, which stand in ``categories_0`` and so on under the number of the column.
    answered : (n,)
        The class the target gives each row of ``x``.
    """
    out = BytesIO()
    schema = sample.schema
    names, classes = np.array(schema.columns, str), np.array(schema.classes, str)
    coded: dict[str, Any] = {
        f"categories_{schema.slices[f.name].start}": np.array(f.categories, str) for f in schema.features if f.categories
    }
    np.savez_compressed(out, x=x, y=sample.y, natural=sample.x, answered=answered, names=names, classes=classes, **coded)
    return out.getvalue()

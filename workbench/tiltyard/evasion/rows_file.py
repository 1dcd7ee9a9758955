"""The rows an attack ended with, as an npz file that `datasets.npz_file` reads again."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset

ROWS = "adversarial.npz"


def packed(sample: Dataset, x: NDArray[np.float32], answered: NDArray[np.intp]) -> bytes:
    """The file's bytes; equal rows give equal bytes.

    Parameters
    ----------
    sample
        The rows before the attack, n of them, with their true labels.
    x : float32 (n, *shape)
        After it, as ``x``; those before are ``natural``, and ``y`` is the true label.
    answered : (n,)
        The class the target gives each row of ``x``.
    """
    out = BytesIO()
    names, classes = np.array(sample.schema.columns, str), np.array(sample.schema.classes, str)
    np.savez_compressed(out, x=x, y=sample.y, natural=sample.x, answered=answered, names=names, classes=classes)
    return out.getvalue()

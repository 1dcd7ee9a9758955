"""An estimator whose second fit never ends."""

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator


class Endless(BaseEstimator):  # type: ignore[misc]
    """Fitted once; a second fit leaves the file ``begun`` and then never ends and listens to nobody."""

    classes_ = np.array(["no", "yes"])

    def __init__(self, begun: str = "") -> None:
        self.begun = begun

    def fit(self, x: NDArray[np.float64], y: NDArray[np.str_], sample_weight: object = None) -> "Endless":
        Path(self.begun).touch()
        while True:
            time.sleep(0.01)

    def predict_proba(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([1 - x[:, :1], x[:, :1]], 1)

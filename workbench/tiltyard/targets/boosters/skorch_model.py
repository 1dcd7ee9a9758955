"""Classifiers of skorch: torch networks with the face of scikit-learn, which take float32 alone."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fitted import FittedModel


class SkorchModel(FittedModel):
    """A fitted ``skorch.NeuralNetClassifier`` or ``NeuralNetBinaryClassifier``. It is not trained again: that would need its seeds.

    Parameters
    ----------
    shape
        Shape of a row that is an image; empty of a table.
    """

    def __init__(self, model: Any, shape: tuple[int, ...] = ()) -> None:
        super().__init__(model, model.classes_, (), 0, {})
        del self.n_features_in_  # it does not know
        self.shape = shape

    def as_known(self, x: Any) -> Any:
        """Rows as float32."""
        rows = np.asarray(x, np.float32)
        return rows.reshape(len(rows), *self.shape) if self.shape else rows

    def _probabilities(self, x: Any) -> NDArray[Any]:
        return np.asarray(self.model.predict_proba(x))

    def _labels(self, x: Any) -> NDArray[Any]:
        return np.asarray(self.model.predict(x))

"""Models of CatBoost: its classifier, its plain model, and its files (.cbm, .json)."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import Problem
from .fitted import REGRESSION, FittedModel

CLASSIFIES = ("Logloss", "CrossEntropy", "MultiClass", "MultiClassOneVsAll", "Focal")


class CatBoostModel(FittedModel):
    """A ``catboost.CatBoostClassifier`` or ``catboost.CatBoost``.

    Raises
    ------
    Problem
        For one that predicts numbers, ranks, or is not fitted.
    """

    def __init__(self, model: Any) -> None:
        if not model.is_fitted():
            raise Problem("a fitted CatBoost model", f"{type(model).__name__}, which is not", "Call fit first")
        loss = _loss(model)
        if loss and loss not in CLASSIFIES:
            raise Problem("a classifier", f"a CatBoost model of {loss}, which predicts numbers", REGRESSION)
        names = list(model.feature_names_)
        width = len(names)
        if names == [str(i) for i in range(width)]:
            names = []
        super().__init__(model, _classes(model), names, width, {})
        self._texts = tuple(names[i] for i in model.get_cat_feature_indices()) if names else ()
        self.trainable = hasattr(model, "predict_proba")

    def as_known(self, x: Any) -> Any:
        """As any model; whole numbers of a category that came as float are those numbers, which CatBoost insists on."""
        import pandas as pd

        if not isinstance(x, pd.DataFrame):
            return x
        floats = [c for c in self._texts if c in x.columns and x[c].dtype.kind == "f" and (x[c] == x[c].round()).all()]
        return x.astype(dict.fromkeys(floats, "int64")) if floats else x

    def _probabilities(self, x: Any) -> NDArray[Any]:
        return np.asarray(self.model.predict(x, prediction_type="Probability"))

    def _labels(self, x: Any) -> NDArray[Any]:
        return np.asarray(self.model.predict(x, prediction_type="Class"))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The settings that were made, and the seed."""
        return {"random_state": None, **super().get_params(deep)}

    def _unfitted(self) -> Any:
        """Quiet, and writing no files where one works."""
        model = type(self.model)(**{k: v for k, v in self.model.get_params().items() if k not in ("random_seed", "random_state")})
        settings: dict[str, Any] = {"allow_writing_files": False}
        if not {"verbose", "silent", "logging_level", "verbose_eval"} & set(model.get_params()):
            settings["verbose"] = False
        return model.set_params(**settings)

    def few_rows(self) -> Any:
        """As any model, with a text in each column of categories."""
        rows = super().few_rows()
        return rows.assign(**dict.fromkeys(self._texts, "a")) if self._texts else rows


def _loss(model: Any) -> str:
    """The loss by which it was fitted, without its settings; empty where it does not say."""
    params = dict(model.get_metadata()).get("params", "")
    try:
        return str(json.loads(params)["loss_function"]["type"])
    except (ValueError, KeyError, TypeError):
        return str(model.get_params().get("loss_function", "")).partition(":")[0]


def _classes(model: Any) -> Any:
    own = model.classes_
    return np.arange(2) if own is None or len(own) == 0 else own


def read(content: bytes, fmt: str = "cbm") -> CatBoostModel:
    """The model in a .cbm or .json file."""
    import catboost

    model = catboost.CatBoostClassifier()
    if content[:4] == b"CBM1":
        model.load_model(blob=content)
    else:  # CatBoost reads JSON from files alone
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.json"
            path.write_bytes(content)
            model.load_model(str(path), format="json")
    made = CatBoostModel(model)
    made.trainable = False
    return made

"""Models of XGBoost: its scikit-learn classifier, its booster, and its files (.json, .ubj)."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import Problem
from .fitted import REGRESSION, FittedModel, softmax

CLASSIFIES = ("binary:logistic", "binary:logitraw", "binary:hinge", "multi:softprob", "multi:softmax")


class XGBoostModel(FittedModel):
    """An ``xgboost.XGBClassifier`` or ``xgboost.Booster``.

    Raises
    ------
    Problem
        For one that predicts numbers, ranks, or is not fitted.
    """

    def __init__(self, model: Any) -> None:
        booster = _booster(model)
        learner = json.loads(booster.save_config())["learner"]
        self.objective = str(learner["objective"]["name"])
        if self.objective not in CLASSIFIES:
            raise Problem("a classifier", f"an XGBoost model of {self.objective}, which predicts numbers", REGRESSION)
        k = max(2, int(learner["learner_model_param"]["num_class"]))
        own = getattr(model, "classes_", None) if model is not booster else None
        classes = np.arange(k) if own is None else own
        names = list(booster.feature_names or ())
        super().__init__(model, classes, names, int(booster.num_features()), _levels(booster))
        self.trainable = model is not booster
        self._categories = tuple(n for n, kind in zip(names, booster.feature_types or (), strict=False) if kind == "c")

    @property
    def doubts(self) -> tuple[str, ...]:
        """That categories are taken by their number, where the model does not name them."""
        unnamed = [name for name in self._categories if name not in self.levels]
        if not unnamed:
            return ()
        some = ", ".join(map(repr, unnamed[:5])) + (" …" if len(unnamed) > 5 else "")
        return (
            f"The model does not name the categories of {some} (XGBoost before 3.1): it takes them by their number in your table's own order, and "
            "answers as another model where that was another order in training.",
        )

    def as_known(self, x: Any) -> Any:
        """As any model; a category in a file that does not name its categories is refused."""
        import pandas as pd

        if isinstance(x, pd.DataFrame):
            for name in self._categories:
                if name not in self.levels and name in x.columns and not isinstance(x[name].dtype, pd.CategoricalDtype):
                    do = "Save the model again with XGBoost 3.1 or later, or give the rows in a notebook with that column as a pandas category"
                    raise Problem(f"the categories of {name!r} in the model", "their numbers alone", do)
        return super().as_known(x)

    def _probabilities(self, x: Any) -> NDArray[Any]:
        if hasattr(self.model, "predict_proba"):
            return np.asarray(self.model.predict_proba(x))
        import xgboost

        rows = xgboost.DMatrix(x, enable_categorical=True)
        if self.objective == "multi:softmax":
            return softmax(self.model.predict(rows, output_margin=True))
        found = np.asarray(self.model.predict(rows))
        return 1 / (1 + np.exp(-found.astype(np.float64))) if self.objective == "binary:logitraw" else found

    def _labels(self, x: Any) -> NDArray[Any]:
        return np.asarray(self.model.predict(x)) if hasattr(self.model, "predict_proba") else super()._labels(x)

    def _unfitted(self) -> Any:
        """As it was fitted in the end: without the rows by which it was stopped early, with the number of rounds found by them."""
        model = super()._unfitted()
        if getattr(model, "early_stopping_rounds", None):
            model.set_params(early_stopping_rounds=None, n_estimators=self.model.best_iteration + 1)
        return model

    def few_rows(self) -> Any:
        """As any model; categories that the model does not name are the first."""
        import pandas as pd

        rows = super().few_rows()
        unnamed = [name for name in self._categories if name not in self.levels]
        return rows.assign(**{name: pd.Categorical(["a"] * len(rows)) for name in unnamed}) if unnamed else rows


def _booster(model: Any) -> Any:
    """The booster in a classifier; itself where it is one."""
    if not hasattr(model, "get_booster"):
        return model
    try:
        return model.get_booster()
    except Exception as error:  # xgboost's NotFittedError is scikit-learn's, which need not be loaded
        raise Problem("a fitted XGBoost model", type(error).__name__, "Call fit first") from None


def _levels(booster: Any) -> dict[str, list[Any]]:
    """The categories of each column that has them, where the model names them (XGBoost 3.1)."""
    if not hasattr(booster, "get_categories") or "c" not in (booster.feature_types or ()):
        return {}
    held = booster.get_categories(export_to_arrow=True).to_arrow()
    return {name: values.to_pylist() for name, values in held or () if values is not None}


def read(content: bytes, fmt: str = "") -> XGBoostModel:
    """The model in a .json or .ubj file: as the classifier that saved it, else as a booster."""
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(bytearray(content))
    if '"classifier"' not in (booster.attr("scikit_learn") or ""):
        return XGBoostModel(booster)
    XGBoostModel(booster)
    classifier = xgboost.XGBClassifier(enable_categorical=True)
    classifier.load_model(bytearray(content))
    made = XGBoostModel(classifier)
    made.trainable = False
    return made

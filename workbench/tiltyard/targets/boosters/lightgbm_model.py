"""Models of LightGBM: its scikit-learn classifier, its booster, and its text files."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import Problem
from .fitted import REGRESSION, FittedModel

CLASSIFIES = ("binary", "multiclass", "multiclassova", "cross_entropy")


class LightGBMModel(FittedModel):
    """A ``lightgbm.LGBMClassifier`` or ``lightgbm.Booster``.

    LightGBM takes a table's columns by their place, and writes blanks in their names as ``_``.

    Parameters
    ----------
    columns
        The columns of the person's table, which are the model's where they differ by that only.

    Raises
    ------
    Problem
        For one that predicts numbers, ranks, or is not fitted.
    """

    def __init__(self, model: Any, columns: Sequence[str] = ()) -> None:
        booster = _booster(model)
        text = booster.model_to_string(num_iteration=1)
        objective = _value(text, r"^objective=(\S+)")
        if objective not in CLASSIFIES:
            raise Problem(
                "a classifier", f"a LightGBM model of {objective or 'an objective of its own'}, which predicts numbers", REGRESSION
            )
        k = max(2, int(_value(text, r"^num_class=(\d+)") or 1))
        own = getattr(model, "classes_", None) if model is not booster else None
        width = booster.num_feature()
        names = booster.feature_name()
        if names == [f"Column_{i}" for i in range(width)]:
            names = []
        table = {_written(c): c for c in columns} if len({_written(c) for c in columns}) == len(columns) else {}
        names = [name if name in columns else table.get(name, name) for name in names]
        super().__init__(model, np.arange(k) if own is None else own, names, width, _levels(booster, text, names))
        self.trainable = model is not booster

    def _probabilities(self, x: Any) -> NDArray[Any]:
        return np.asarray(self.model.predict_proba(x) if hasattr(self.model, "predict_proba") else self.model.predict(x))

    def _labels(self, x: Any) -> NDArray[Any]:
        return np.asarray(self.model.predict(x)) if hasattr(self.model, "predict_proba") else super()._labels(x)

    def _unfitted(self) -> Any:
        """With the number of rounds that it was stopped at, where it was."""
        model, best = super()._unfitted(), getattr(self.model, "best_iteration_", None)
        return model.set_params(n_estimators=best) if best else model

    def few_rows(self) -> Any:
        """As numbers, which LightGBM takes for categories too: their places."""
        return np.array([[0.0] * self.n_features_in_, [1e6] * self.n_features_in_, [np.nan] * self.n_features_in_])


def _booster(model: Any) -> Any:
    if not hasattr(model, "booster_"):
        if hasattr(model, "fit"):
            raise Problem("a fitted LightGBM model", f"{type(model).__name__}, which is not", "Call fit first")
        return model
    return model.booster_


def _written(name: str) -> str:
    return re.sub(r"\s", "_", name)


def _value(text: str, pattern: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1] if found else ""


def _levels(booster: Any, text: str, names: Sequence[str]) -> dict[str, list[Any]]:
    """The categories of each column that was a pandas category; LightGBM keeps them in the order of these columns."""
    held = booster.pandas_categorical or []
    chosen = _value(text, r"^\[categorical_feature: ([\d,]+)\]")
    places = [int(place) for place in chosen.split(",")] if chosen else []
    if len(places) != len(held) or not names:
        return {}
    return {names[place]: list(levels) for place, levels in zip(places, held, strict=True)}


def read(content: bytes, fmt: str = "") -> LightGBMModel:
    """The model in a text file."""
    import lightgbm

    return LightGBMModel(lightgbm.Booster(model_str=content.decode("utf-8")))

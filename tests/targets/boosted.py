"""A table with numbers, whole numbers, missing numbers, truth values and categories, and models of other libraries fitted on it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest


def frame(n: int = 300, seed: int = 0) -> Any:
    """Rows with the label ``hired`` no or yes."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    age, income = rng.integers(18, 80, n), rng.normal(40_000.123456789, 9_000, n)
    city = pd.Categorical(rng.choice(["Rome", "Oslo", "Bern"], n), categories=["Rome", "Oslo", "Bern"])
    table = pd.DataFrame({"age": age, "income": income, "city": city, "member": rng.random(n) < 0.5})
    points = age + income / 1_000 + 9 * (city == "Rome") + 5 * table["member"]
    table.loc[rng.random(n) < 0.2, "income"] = np.nan
    return table.assign(hired=np.where(points + rng.normal(0, 5, n) > 95, "yes", "no"))


def data(table: Any | None = None) -> Any:
    from tiltyard.datasets.reading import read

    return read(frame() if table is None else table, label="hired")


def places(table: Any) -> Any:
    """The label as 0 and 1."""
    return (table["hired"] == "yes").astype(int)


def xgboost_classifier(**settings: Any) -> Any:
    xgboost = pytest.importorskip("xgboost")
    table = frame()
    settings = {"n_estimators": 20, "max_depth": 3, "enable_categorical": True, "n_jobs": 1, **settings}
    return xgboost.XGBClassifier(**settings).fit(table.drop(columns="hired"), places(table))


def lightgbm_classifier(**settings: Any) -> Any:
    lightgbm = pytest.importorskip("lightgbm")
    table = frame()
    settings = {"n_estimators": 20, "num_leaves": 6, "verbose": -1, "n_jobs": 1, **settings}
    return lightgbm.LGBMClassifier(**settings).fit(table.drop(columns="hired"), table["hired"])


def catboost_classifier(**settings: Any) -> Any:
    catboost = pytest.importorskip("catboost")
    table = frame()
    settings = {"iterations": 20, "depth": 3, "verbose": False, "allow_writing_files": False, "thread_count": 1, **settings}
    return catboost.CatBoostClassifier(cat_features=["city"], **settings).fit(table.drop(columns="hired"), table["hired"])


def saved(folder: Path, name: str) -> Path:
    """A model file by its name: ``xgboost.json``, ``xgboost.ubj``, ``lightgbm.txt``, ``catboost.cbm``."""
    path = folder / name
    if name.startswith("xgboost"):
        xgboost_classifier().save_model(path)
    elif name.startswith("lightgbm"):
        lightgbm_classifier().booster_.save_model(path)
    else:
        catboost_classifier().save_model(str(path))
    return path

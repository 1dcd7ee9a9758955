"""Models of XGBoost, LightGBM and CatBoost in a notebook: each answers what its library answers on the person's own frame."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tiltyard.errors import Problem
from tiltyard.targets.opening import open_target

from . import boosted

MADE = [boosted.xgboost_classifier, boosted.lightgbm_classifier, boosted.catboost_classifier]


def named(model: Any) -> tuple[str, ...] | None:
    """XGBoost knows classes by number alone."""
    return ("no", "yes") if type(model).__name__ == "XGBClassifier" else None


@pytest.mark.parametrize("made", MADE)
def test_answers_are_the_library_s_own(made: Callable[[], Any]) -> None:
    model, table = made(), boosted.frame()
    features = table.drop(columns="hired")
    data = boosted.data(table)
    target = open_target(model, data=data, classes=named(model))
    assert target.classes == ("no", "yes")
    np.testing.assert_array_equal(target.scores(data.x), model.predict_proba(features).astype(np.float64))
    own = np.asarray(model.predict(features)).ravel()
    expected = own if own.dtype.kind in "iu" else (own == "yes").astype(int)
    np.testing.assert_array_equal(target.labels(data.x), expected)
    assert {"labels", "scores", "training"} <= target.offers


@pytest.mark.parametrize("made", MADE)
def test_columns_in_another_order_are_found_by_name(made: Callable[[], Any]) -> None:
    model, table = made(), boosted.frame()
    data = boosted.data(table[["hired", "member", "city", "income", "age"]])
    target = open_target(model, data=data, classes=named(model))
    np.testing.assert_array_equal(target.scores(data.x), model.predict_proba(table.drop(columns="hired")).astype(np.float64))


@pytest.mark.parametrize("made", MADE)
def test_a_table_without_a_column_is_refused_with_both_lists(made: Callable[[], Any]) -> None:
    model = made()
    with pytest.raises(Problem, match=r"age, income, city, member.*found .*wage"):
        open_target(model, data=boosted.data(boosted.frame().rename(columns={"income": "wage"})), classes=named(model))


@pytest.mark.parametrize("made", MADE)
def test_text_is_given_as_the_categories_that_the_model_knows(made: Callable[[], Any]) -> None:
    """As a CSV brings it: no pandas categories, whatever their order was."""
    model, table = made(), boosted.frame()
    data = boosted.data(table.assign(city=table["city"].astype(str)))
    target = open_target(model, data=data, classes=named(model))
    np.testing.assert_array_equal(target.scores(data.x), model.predict_proba(table.drop(columns="hired")).astype(np.float64))


@pytest.mark.parametrize("made", MADE[:2])
def test_a_category_that_it_was_not_fitted_on_is_refused(made: Callable[[], Any]) -> None:
    model, table = made(), boosted.frame()
    city = table["city"].astype(str)
    city[:5] = "Kyiv"
    with pytest.raises(Problem, match=r"'city' to be one of .*found 'Kyiv' in \d+ rows"):
        open_target(model, data=boosted.data(table.assign(city=city)), classes=named(model))


@pytest.mark.parametrize("made", MADE)
def test_it_is_fitted_again_as_it_was(made: Callable[[], Any]) -> None:
    from tiltyard.progress import Progress

    model, table = made(), boosted.frame()
    data = boosted.data(table)
    target = open_target(model, data=data, classes=named(model))
    again = target.retrain(data.x, data.y, 3, Progress())
    own = type(model)(**model.get_params()).set_params(random_state=3)
    own.fit(table.drop(columns="hired"), table["hired"] if named(model) is None else boosted.places(table))
    np.testing.assert_allclose(again.scores(data.x), own.predict_proba(table.drop(columns="hired")), atol=1e-6)


@pytest.mark.parametrize("objective", ["binary:logistic", "binary:logitraw"])
def test_a_booster_of_xgboost(objective: str) -> None:
    xgboost = pytest.importorskip("xgboost")
    table = boosted.frame()
    rows = xgboost.DMatrix(table.drop(columns="hired"), boosted.places(table), enable_categorical=True)
    booster = xgboost.train({"objective": objective, "max_depth": 3, "nthread": 1}, rows, 10)
    data = boosted.data(table)
    target = open_target(booster, data=data, classes=("no", "yes"))
    own = booster.predict(rows).astype(np.float64)
    p = own if objective == "binary:logistic" else 1 / (1 + np.exp(-own))
    np.testing.assert_allclose(target.scores(data.x)[:, 1], p, atol=1e-12)
    np.testing.assert_array_equal(target.labels(data.x), (p > 0.5).astype(int))
    assert "training" not in target.offers


@pytest.mark.parametrize("objective", ["multi:softprob", "multi:softmax"])
def test_a_booster_of_three_classes_by_their_numbers(objective: str) -> None:
    xgboost = pytest.importorskip("xgboost")
    table = boosted.frame()
    thirds = np.digitize(table["age"], [38, 60])
    features = table.drop(columns=["hired", "age"])
    rows = xgboost.DMatrix(features, thirds, enable_categorical=True)
    booster = xgboost.train({"objective": objective, "num_class": 3, "max_depth": 3, "nthread": 1}, rows, 10)
    data = boosted.data(features.assign(hired=thirds))
    target = open_target(booster, data=data)
    assert target.classes == ("0", "1", "2")
    own = booster.predict(rows)
    np.testing.assert_array_equal(target.labels(data.x), own.argmax(1) if own.ndim == 2 else own.astype(int))


def test_a_booster_of_lightgbm() -> None:
    model, table = boosted.lightgbm_classifier(), boosted.frame()
    data = boosted.data(table)
    target = open_target(model.booster_, data=data, classes=("no", "yes"))
    np.testing.assert_array_equal(target.scores(data.x)[:, 1], model.booster_.predict(table.drop(columns="hired")))


def test_one_class_against_the_rest_keeps_its_own_labels() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    table = boosted.frame()
    thirds = np.array(["low", "mid", "top"])[np.digitize(table["age"], [38, 60])]
    features = table.drop(columns=["hired", "age"])
    model = lightgbm.LGBMClassifier(objective="multiclassova", n_estimators=10, verbose=-1, n_jobs=1).fit(features, thirds)
    data = boosted.data(features.assign(hired=thirds))
    target = open_target(model, data=data)
    np.testing.assert_array_equal(np.array(target.classes)[target.labels(data.x)], model.predict(features))
    np.testing.assert_allclose(target.scores(data.x).sum(1), 1)


def test_names_with_blanks_are_lightgbm_s_with_underscores() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    table = boosted.frame().rename(columns={"age": "age in years"})
    features = table.drop(columns="hired")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = lightgbm.LGBMClassifier(n_estimators=10, verbose=-1, n_jobs=1).fit(features, table["hired"])
    data = boosted.data(table[table.columns[::-1]])
    np.testing.assert_array_equal(open_target(model, data=data).scores(data.x), model.predict_proba(features))


def test_a_threshold_of_catboost_is_its_decision() -> None:
    model, table = boosted.catboost_classifier(), boosted.frame()
    model.set_probability_threshold(0.2)
    data = boosted.data(table)
    target = open_target(model, data=data)
    p = model.predict_proba(table.drop(columns="hired"))[:, 1]
    np.testing.assert_array_equal(target.labels(data.x), (p > 0.2).astype(int))
    assert (target.labels(data.x) != target.scores(data.x).argmax(1)).any()


def test_catboost_of_three_numbered_classes_answers_a_column() -> None:
    catboost = pytest.importorskip("catboost")
    table = boosted.frame()
    thirds = np.digitize(table["age"], [38, 60]) + 1
    features = table[["income", "member"]]
    model = catboost.CatBoostClassifier(iterations=10, verbose=False, allow_writing_files=False, thread_count=1).fit(features, thirds)
    data = boosted.data(features.assign(hired=thirds))
    target = open_target(model, data=data)
    assert target.classes == ("1", "2", "3")
    np.testing.assert_array_equal(target.labels(data.x) + 1, model.predict(features).ravel())


def test_models_that_predict_numbers_are_refused_in_one_line() -> None:
    xgboost = pytest.importorskip("xgboost")
    lightgbm = pytest.importorskip("lightgbm")
    catboost = pytest.importorskip("catboost")
    table = boosted.frame()
    features, y = table[["income", "age"]], table["age"]
    models = [
        xgboost.XGBRegressor(n_estimators=3).fit(features, y),
        lightgbm.LGBMRegressor(n_estimators=3, verbose=-1).fit(features, y),
        catboost.CatBoostRegressor(iterations=3, verbose=False, allow_writing_files=False).fit(features, y),
    ]
    for model in models:
        with pytest.raises(
            Problem, match=r"a classifier; found .*, which predicts numbers\. Give a classifier; regression is not assessed"
        ):
            open_target(model, data=boosted.data(table))


def test_unfitted_models_are_refused() -> None:
    xgboost = pytest.importorskip("xgboost")
    lightgbm = pytest.importorskip("lightgbm")
    catboost = pytest.importorskip("catboost")
    for model in (xgboost.XGBClassifier(), lightgbm.LGBMClassifier(), catboost.CatBoostClassifier()):
        with pytest.raises(Problem, match="Call fit first"):
            open_target(model, data=boosted.data())


def test_categories_that_a_model_of_xgboost_does_not_name_are_doubted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before XGBoost 3.1 a model knows its categories by number alone."""
    xgboost = pytest.importorskip("xgboost")
    import pandas as pd

    from tiltyard.datasets.reading import read
    from tiltyard.targets.boosters import xgboost_model

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.random(80), "town": pd.Categorical(rng.choice(["Kyoto", "Lyon"], 80))})
    frame["y"] = (frame["town"] == "Lyon").astype(int)
    model = xgboost.XGBClassifier(n_estimators=3, enable_categorical=True).fit(frame[["a", "town"]], frame["y"])
    named = open_target(model, data=read(frame, label="y"))
    assert not named.doubts
    monkeypatch.setattr(xgboost_model, "_levels", lambda booster: {})
    target = open_target(model, data=read(frame, label="y"))
    assert any("does not name the categories of 'town' (XGBoost before 3.1)" in doubt for doubt in target.doubts)

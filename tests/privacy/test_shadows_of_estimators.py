"""Estimators and boosting as targets of shadow models: refitted clones of all of them, and what cannot be refitted is told and never passes."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from tests.lazily import Lazily

import tiltyard as ty
from tiltyard.privacy.membership import likelihood_ratio, unsaturated
from tiltyard.privacy.shadow_attack import Alike, halving, refuse_alike
from tiltyard.result import Record, Status
from tiltyard.statistics.roc import area
from tiltyard.targets.estimators import kept_as_fitted

ensemble, frozen, tree = Lazily("sklearn.ensemble"), Lazily("sklearn.frozen"), Lazily("sklearn.tree")


def table(n: int = 600) -> pd.DataFrame:
    """Noise, of which a model can only learn rows by heart."""
    rng = np.random.default_rng(0)
    found = pd.DataFrame(rng.normal(size=(n, 4)), columns=list("abcd"))
    return found.assign(y=rng.integers(0, 2, n), m=np.arange(n) < n // 2)


def boosted(library: str) -> Any:
    module = pytest.importorskip(library)
    made = {"xgboost": "XGBClassifier", "lightgbm": "LGBMClassifier"}[library]
    quiet = {"n_estimators": 20, "n_jobs": 1} | ({"verbose": -1} if library == "lightgbm" else {})
    return getattr(module, made)(**quiet)


def asked(id: str, estimator: Any, **parameters: Any) -> Record:
    rows = table()
    columns = list("abcd")
    estimator.fit(rows.loc[rows.m, columns], rows.y[rows.m])
    found = ty.check(id, estimator, rows, label="y", member="m", **parameters)
    assert isinstance(found, Record)
    return found


@pytest.mark.parametrize("kind", ["forest", "pipeline", "xgboost", "lightgbm"])
def test_shadow_models_of_an_estimator_are_its_refitted_clones(kind: str) -> None:
    """On noise a tree or a boosting knows the rows it was given and nothing of others: both attacks find them."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    forest = ensemble.RandomForestClassifier(10, random_state=0)
    own = {"forest": forest, "pipeline": make_pipeline(StandardScaler(), forest)}
    made = own[kind] if kind in own else boosted(kind)
    for id, models in (("privacy.rmia", 2), ("privacy.lira", 4)):
        record = asked(id, made, shadow_models=models)
        assert record.result.status is Status.FINDING, record.result.summary
        assert (record.result.metric("auc").low or 0) > 0.6
        assert record.queries == 600


def test_a_stump_on_noise_is_near_a_coin() -> None:
    result = asked("privacy.rmia", tree.DecisionTreeClassifier(max_depth=1, random_state=0)).result
    assert (result.metric("auc").value or 1) < 0.6


def calibrated(one: Any) -> Any:
    from sklearn.calibration import CalibratedClassifierCV

    return CalibratedClassifierCV(frozen.FrozenEstimator(one), cv=2)


@pytest.mark.parametrize("wrapped", [lambda one: frozen.FrozenEstimator(one), calibrated])
def test_what_was_fitted_beforehand_has_no_shadow_models(wrapped: Any) -> None:
    rows = table()
    fitted = ensemble.RandomForestClassifier(10, random_state=0).fit(rows.loc[rows.m, list("abcd")], rows.y[rows.m])
    assert kept_as_fitted(wrapped(fitted))
    assert asked("privacy.rmia", wrapped(fitted)).result.status is Status.NOT_APPLICABLE
    ladder = asked("privacy.membership_ladder", wrapped(fitted)).result
    assert ladder.status is Status.FINDING
    assert len(ladder.tables[0].rows) <= 2


def deaf() -> Any:
    """Whatever it is fitted on, it answers by the first column."""
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Deaf(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        def fit(self, x: Any, y: Any) -> Any:
            self.classes_ = np.unique(y)
            return self

        def predict_proba(self, x: Any) -> NDArray[np.float64]:
            yes = 1 / (1 + np.exp(-np.asarray(x, np.float64)[:, 0]))
            return np.stack([1 - yes, yes], 1)

        def predict(self, x: Any) -> NDArray[Any]:
            return np.asarray(self.classes_[self.predict_proba(x).argmax(1)])

    return Deaf()


def test_a_fit_that_trains_nothing_never_passes() -> None:
    assert not kept_as_fitted(deaf())
    for id in ("privacy.rmia", "privacy.lira", "privacy.membership_ladder"):
        result = asked(id, deaf()).result
        assert result.status is Status.INCOMPLETE, (id, result.summary)
        assert any("answer alike" in text for text in (result.summary, *result.notes))
    with pytest.raises(Alike, match="needs no training"):
        refuse_alike(np.ones((2, 5)), "it")
    refuse_alike(np.array([[1.0, 2.0], [1.0, 2.5]]), "it")


def test_a_rare_class_is_in_both_halves() -> None:
    y = np.array([0] * 60 + [1] * 36 + [2] * 2 + [3])
    for seed in range(40):
        inside = halving(6, len(y), np.random.default_rng(seed), y)
        assert (inside.sum(0) == 3).all()
        for half in inside:
            assert half.sum() in (len(y) // 2, len(y) - len(y) // 2)
            assert {0, 1, 2} <= set(y[half].tolist())
    np.testing.assert_array_equal(halving(4, 50, np.random.default_rng(0)), halving(4, 50, np.random.default_rng(0), np.arange(50) % 2))


def test_certain_answers_do_not_drown_the_others() -> None:
    """A forest says 1 of some rows; with ends at 87 one of them makes a variance of hundreds."""
    rng = np.random.default_rng(0)
    member = rng.random(400) < 0.5
    inside = rng.random((16, 400)) < 0.5
    odds = np.concatenate([member[None], inside]) * 2.0 + rng.normal(size=(17, 400))
    odds[odds > 3.5] = 87.5
    observed, shadow = unsaturated(odds[0], odds[1:])
    assert np.abs(observed).max() == np.abs(shadow).max() == np.abs(odds[odds < 80]).max() + 1
    np.testing.assert_array_equal(observed[odds[0] < 80], odds[0][odds[0] < 80])
    plain, tamed = (area(member, likelihood_ratio(o, s, inside, False, 8.0)) for o, s in ((odds[0], odds[1:]), (observed, shadow)))
    assert tamed > plain + 0.05

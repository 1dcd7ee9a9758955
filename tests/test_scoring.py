"""A check as a score of scikit-learn: more is safer, what was not measured is NaN."""

import pickle

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel

import tiltyard as ty
from tiltyard.errors import Problem
from tiltyard.result import Metric
from tiltyard.scoring import Scorer, oriented, scorer


def table() -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(0)
    x = pd.DataFrame({"a": rng.normal(size=400), "b": rng.normal(size=400)})
    return x, pd.Series(np.where(x.a + 0.5 * rng.normal(size=400) > 0, "yes", "no"), name="y")


@pytest.mark.parametrize(("safer", "score"), [("higher", -0.2), ("lower", 0.2), ("zero", -0.2)])
def test_more_is_safer(safer: str, score: float) -> None:
    assert oriented(Metric(name="m", label="m", value=-0.2, safer=safer)) == score  # type: ignore[arg-type]


def test_a_number_without_a_safer_direction_is_no_score() -> None:
    with pytest.raises(Problem, match="says neither"):
        oriented(Metric(name="m", label="m", value=0.2))


def test_it_scores_as_scikit_learn_does_where_both_measure_the_same() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, cross_validate

    x, y = table()
    ours = ty.scorer("validation.performance", metric="balanced_accuracy", like=x.assign(y=y), label="y")
    found = cross_validate(LogisticRegression(), x, y, scoring={"ours": ours, "theirs": "balanced_accuracy"}, cv=2, error_score="raise")
    assert found["test_ours"] == pytest.approx(found["test_theirs"], abs=1e-9)
    search = GridSearchCV(LogisticRegression(), {"C": [1e-6, 1.0]}, scoring=ours, cv=2).fit(x, y)
    assert search.best_params_ == {"C": 1.0}


def test_a_check_that_does_not_apply_is_not_a_number() -> None:
    from sklearn.tree import DecisionTreeClassifier

    x, y = table()
    model = DecisionTreeClassifier(max_depth=3).fit(x, y)
    with pytest.raises(Problem, match=r"on this fold; found Not applicable: needs gradients"):
        ty.scorer("evasion.fgsm", eps=0.05)(model, x, y)


def test_a_linear_model_has_gradients_to_be_scored_by() -> None:
    from sklearn.linear_model import LogisticRegression

    x, y = table()
    scores = [ty.scorer("evasion.fgsm", eps=eps)(LogisticRegression().fit(x, y), x, y) for eps in (0.01, 0.4)]
    assert 1 >= scores[0] > scores[1] >= 0


def test_it_goes_to_another_process() -> None:
    made = scorer("evasion.square", eps=0.05)
    again = pickle.loads(pickle.dumps(made))
    assert isinstance(again, Scorer) and again.check == made.check and isinstance(made.check, BaseModel)


def test_a_wrong_parameter_and_a_defense_are_refused_at_once() -> None:
    with pytest.raises(Problem, match=r"eps of evasion\.square: a number above 0"):
        ty.scorer("evasion.square", eps=-1)
    with pytest.raises(Problem, match="which is a defense"):
        ty.scorer("privacy.dp_sgd")

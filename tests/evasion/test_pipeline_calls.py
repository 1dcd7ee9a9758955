"""Table attacks on scikit-learn pipelines: the model is asked seldom, in large batches, and its first steps transform each batch once."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tiltyard.datasets.reading import read
from tiltyard.evasion.square import Square
from tiltyard.evasion.tabular import Tabular
from tiltyard.targets.opening import open_target


def fitted(make: Any) -> tuple[Any, Any]:
    """A target behind a scaler and an encoder, and its rows."""
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"a": draw.normal(size=160).round(3), "b": draw.normal(size=160).round(3), "kind": draw.choice(list("xyz"), 160)})
    answer = (frame.a + frame.b * (frame.kind == "x") > 0).map({True: "yes", False: "no"})
    steps = make_column_transformer((StandardScaler(), ["a", "b"]), (OneHotEncoder(), ["kind"]))
    model = make_pipeline(steps, make).fit(frame, answer)
    data = read(frame.assign(answer=answer))
    return open_target(model, data=data), data


def test_labels_and_scores_of_a_pipeline_are_those_of_its_own_predict_with_one_transform() -> None:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.svm import SVC, LinearSVC

    for make in (RandomForestClassifier(5, random_state=0), CalibratedClassifierCV(LinearSVC(), cv=2), SVC()):
        target, data = fitted(make)
        asked: list[int] = []
        first, transform = target.estimator[0], target.estimator[0].transform
        rows = target.rows(data.x)
        wanted = [list(target.estimator.classes_).index(label) for label in target.estimator.predict(rows)]

        def counted(x: Any, asked: list[int] = asked, transform: Any = transform) -> Any:
            asked.append(len(x))
            return transform(x)

        first.transform = counted
        found = target.predictions(data.x)
        del first.transform
        assert len(asked) == 1
        assert found.labels.tolist() == wanted
        if hasattr(target.estimator, "predict_proba"):
            np.testing.assert_allclose(found.scores, target.estimator.predict_proba(rows), atol=1e-12)


def test_all_sizes_of_a_change_are_asked_together_and_none_of_a_row_that_a_smaller_one_fooled() -> None:
    from sklearn.ensemble import RandomForestClassifier

    target, data = fitted(RandomForestClassifier(5, random_state=0))
    calls: list[int] = []
    inner = target._prediction

    def counted(x: Any) -> Any:
        calls.append(len(x))
        return inner(x)

    target._prediction = counted
    check = Tabular(eps=0.05, rows=20, query_budget=60, trees=False)
    result = check(target, data).result
    right = round(float(result.metric("clean_accuracy").value or 0) * 20)
    assert len(calls) < 60 + 30  # one call a query, then what is put back, and the checks of the evaluation
    assert max(calls) >= 9 * right
    assert sum(calls) < 0.8 * 9 * right * 60


@pytest.mark.parametrize("attack", [Tabular, Square])
def test_the_time_is_estimated_by_what_a_call_costs_and_by_what_a_row_costs(attack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.ensemble import RandomForestClassifier

    from tiltyard.attacks import queries

    target, data = fitted(RandomForestClassifier(5, random_state=0))
    clock, inner, timed = [0.0], target._prediction, queries.timed

    def slow(x: Any) -> Any:
        clock[0] += 0.5 + 0.01 * len(x)
        return inner(x)

    target._prediction = slow

    def told(call: Any) -> float:
        start = clock[0]
        timed(call)
        return clock[0] - start

    check = attack(eps=0.02, rows=20, query_budget=60)
    monkeypatch.setattr(queries, "timed", told)
    estimate = check.estimate(target, data)
    start = clock[0]
    check(target, data)
    assert 0.5 < (estimate.seconds or 0) / (clock[0] - start) < 2

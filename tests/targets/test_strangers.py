"""What strangers' models and tables have that nobody expects: each number is that of the library used without us."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tiltyard.api import check
from tiltyard.errors import Problem
from tiltyard.targets.meeting import meet

if TYPE_CHECKING:
    import pandas as pd

N = 120


def people() -> "pd.DataFrame":
    import pandas as pd

    rng = np.random.default_rng(0)
    age, sex = rng.integers(18, 80, N), rng.choice(["F", "M"], N)
    return pd.DataFrame({"age": age, "sex": sex, "pay": np.where(age + 9 * (sex == "M") + rng.normal(0, 12, N) > 52, "yes", "no")})


def fitted(frame: "pd.DataFrame") -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(handle_unknown="ignore"), ["sex"]))
    return make_pipeline(columns, LogisticRegression()).fit(frame[["age", "sex"]], frame["pay"])


def alike(column: "pd.Series", every: int, value: object) -> "pd.Series":
    found = column.astype(object)
    found[::every] = value
    return found


@pytest.mark.parametrize(
    "values",
    [("M ",), ("?", np.nan), ("", "?", None), ("(missing)", np.nan), ("M ", " M", "")],
    ids=["blanks", "question-mark", "empty", "missing", "many"],
)
def test_an_encoder_is_given_each_way_of_writing_that_it_was_fitted_on(values: tuple[object, ...]) -> None:
    frame = people()
    for every, value in zip((3, 5, 7), values, strict=False):
        frame["sex"] = alike(frame["sex"], every, value)
    model = fitted(frame)
    target, data = meet(model, frame, "pay", ())
    assert not target.doubts
    np.testing.assert_allclose(target.scores(data.x), model.predict_proba(frame[["age", "sex"]]), atol=1e-12)


def test_a_column_of_answers_that_is_named_as_a_class_is_that_class_whatever_its_place() -> None:
    import pandas as pd

    frame = people()
    model = fitted(frame)

    def turned(rows: "pd.DataFrame") -> "pd.DataFrame":
        return pd.DataFrame(model.predict_proba(rows)[:, ::-1], columns=["yes", "no"], index=rows.index)

    own = float((model.predict(frame[["age", "sex"]]) == frame["pay"]).mean())
    assert check("validation.performance", turned, frame, label="pay").result.metric("accuracy").value == pytest.approx(own)
    with pytest.raises(Problem, match="found left, right"):
        meet(lambda rows: turned(rows).set_axis(["left", "right"], axis=1), frame, "pay", ())
    with pytest.raises(Problem, match="found p0, p1"):
        meet(lambda rows: turned(rows).set_axis(["p0", "p1"], axis=1), frame, "pay", ())


def test_an_estimator_that_answers_with_a_table_is_read_by_the_names_of_its_columns() -> None:
    import pandas as pd

    frame = people()
    model = fitted(frame)

    class Turned:
        classes_ = model.classes_
        feature_names_in_ = model.feature_names_in_

        def fit(self, x: Any, y: Any) -> "Turned":
            return self

        def predict(self, x: "pd.DataFrame") -> Any:
            return model.predict(x)

        def predict_proba(self, x: "pd.DataFrame") -> "pd.DataFrame":
            return pd.DataFrame(model.predict_proba(x)[:, ::-1], columns=["yes", "no"])

    target, data = meet(Turned(), frame, "pay", ())
    np.testing.assert_allclose(target.scores(data.x), model.predict_proba(frame[["age", "sex"]]), atol=1e-12)


def test_classes_of_a_model_that_differ_in_blanks_alone_are_refused() -> None:
    frame = people()
    frame["pay"] = np.where(frame["age"] > 65, "yes ", frame["pay"])
    with pytest.raises(Problem, match="found no, yes, yes"):
        meet(fitted(frame), frame, "pay", ())


def test_what_is_fitted_but_no_classifier_is_not_told_to_be_fitted() -> None:
    from sklearn.cluster import KMeans
    from sklearn.ensemble import IsolationForest, RandomForestRegressor
    from sklearn.pipeline import make_pipeline

    frame = people()
    ages = frame[["age"]]
    models = {
        "looks for outliers": IsolationForest(n_estimators=3).fit(ages),
        "finds clusters": KMeans(2, n_init=1).fit(ages),
        "predicts numbers": make_pipeline(RandomForestRegressor(2)).fit(ages, frame["pay"] == "yes"),
    }
    for what, model in models.items():
        with pytest.raises(Problem, match=what) as raised:
            meet(model, frame[["age", "pay"]], "pay", ())
        assert "Call fit" not in str(raised.value)


def test_a_row_that_the_model_refuses_is_named() -> None:
    frame = people()
    model = fitted(frame)
    written = frame.assign(age=frame["age"].astype(str))
    written.loc[77, "age"] = "n/a"
    with pytest.raises(Problem, match=r"found row 77, which it refuses \(ValueError: could not convert"):
        check("validation.performance", model, written, label="pay")


def test_a_column_without_any_number_and_a_name_written_otherwise_are_named() -> None:
    frame = people()
    model = fitted(frame)
    with pytest.raises(Problem, match="a number in each row of age, for LogisticRegression takes none without; found none"):
        meet(model, frame.assign(age=np.nan), "pay", ())
    with pytest.raises(Problem, match=r"without age \(' Age' is written otherwise than 'age'\)"):
        meet(model, frame.rename(columns={"age": " Age"}), "pay", ())


def test_a_module_of_one_logit_is_trained_again_and_hardened_as_one_of_two() -> None:
    import pandas as pd
    from torch import nn

    from tiltyard.evasion.adversarial_training import AdversarialTraining
    from tiltyard.progress import Progress
    from tiltyard.targets.opening import open_target
    from tiltyard.targets.training import Recipe

    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": (x.sum(1) > 0).astype(int)})
    _, data = meet(lambda rows: np.asarray(rows)[:, :2].sum(1) > 0, frame, "y", ())
    module = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
    target = open_target(module, data=data, recipe=Recipe(epochs=40, batch_size=32, rate=0.05, decay=0.0))
    rows = [np.arange(200), np.arange(150)]
    together = target.retrain_together(data.x, data.y, rows, (1, 2), Progress()) or []
    for again in (target.retrain(data.x, data.y, 1, Progress()), *together):
        assert (again.labels(data.x) == data.y).mean() > 0.95
    hardened = AdversarialTraining(epochs=1, rows=50, eps=0.05)(target, data)
    assert hardened.record.error == "" and hardened.target is not None
    assert hardened.target.scores(data.x).shape == (200, 2)


def test_a_cell_of_blanks_alone_in_a_file_is_no_empty_one(tmp_path: Path) -> None:
    import pandas as pd

    frame = people()
    frame["sex"] = alike(alike(frame["sex"], 3, " "), 5, None)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    own = pd.read_csv(tmp_path / "rows.csv")
    model = fitted(own)
    target, data = meet(model, tmp_path / "rows.csv", "pay", ())
    np.testing.assert_allclose(target.scores(data.x), model.predict_proba(own[["age", "sex"]]), atol=1e-12)

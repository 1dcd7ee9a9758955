"""What a notebook holds: modules, estimators, pipelines on raw columns, functions; and skops files of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.encoding import encoding_of
from tiltyard.datasets.reading import read
from tiltyard.errors import Problem
from tiltyard.progress import Progress
from tiltyard.targets.estimators import softmax
from tiltyard.targets.opening import open_target

if TYPE_CHECKING:
    import pandas as pd


def frame(n: int = 400) -> "pd.DataFrame":
    import pandas as pd

    rng = np.random.default_rng(0)
    age = rng.integers(18, 80, n)
    town = rng.choice(["Kyoto", "Lyon", "Quito"], n)
    hours = rng.uniform(0, 60, n)
    y = (age / 80 + (town == "Lyon") + hours / 60 + rng.normal(0, 0.1, n)) > 1.3
    return pd.DataFrame({"age": age, "town": town, "hours": hours, "pay": np.where(y, "low", "high")})


def data() -> Dataset:
    return read(frame(), label="pay")


def pipeline() -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = ColumnTransformer([("t", OneHotEncoder(), ["town"]), ("n", StandardScaler(), ["age", "hours"])])
    table = frame()
    return make_pipeline(columns, LogisticRegression()).fit(table.drop(columns="pay"), table["pay"])


def names(d: Dataset) -> NDArray[Any]:
    return np.array(d.schema.classes)[d.y]


def check_scores(target: Any, wanted: NDArray[Any], d: Dataset) -> None:
    np.testing.assert_allclose(target.scores(d.x), wanted, atol=1e-5)
    assert target.queries == len(d)


def test_a_pipeline_on_raw_columns_is_fed_the_table() -> None:
    d, model = data(), pipeline()
    target = open_target(model, data=d)
    check_scores(target, model.predict_proba(frame().drop(columns="pay")), d)
    assert "DataFrame" in target.assumptions[0]
    assert target.name == "LogisticRegression"
    assert target.offers == {"labels", "scores", "gradients", "training"}


def test_a_pipeline_that_reordered_or_dropped_columns() -> None:
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    table, d = frame(), data()
    model = Pipeline([("c", ColumnTransformer([("n", StandardScaler(), ["hours", "age"])])), ("m", LogisticRegression())])
    model.fit(table[["hours", "age"]], table["pay"])
    check_scores(open_target(model, data=d), model.predict_proba(table[["hours", "age"]]), d)


def test_an_estimator_on_encoded_columns() -> None:
    from sklearn.ensemble import RandomForestClassifier

    d = data()
    model = RandomForestClassifier(10, random_state=0).fit(d.encoded, names(d))
    target = open_target(model, data=d)
    check_scores(target, model.predict_proba(d.encoded), d)
    assert "encoded" in target.assumptions[0]
    assert "by position, as it was fitted without names: age, town=Kyoto" in target.assumptions[0]


def test_an_estimator_on_named_encoded_columns_warns_nobody() -> None:
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    d = data()
    table = pd.DataFrame(d.encoded, columns=list(encoding_of(d.schema).columns))[["hours", "town=Lyon", "town=Quito", "age", "town=Kyoto"]]
    model = LogisticRegression().fit(table, names(d))
    check_scores(open_target(model, data=d), model.predict_proba(table), d)


def test_classes_in_another_order_are_put_in_ours() -> None:
    from sklearn.linear_model import LogisticRegression

    d = data()
    model = LogisticRegression().fit(d.encoded, names(d))
    turned = d.schema.model_copy(update={"classes": d.schema.classes[::-1]})
    target = open_target(model, schema=turned)
    np.testing.assert_allclose(target.scores(d.x), model.predict_proba(d.encoded)[:, ::-1], atol=1e-5)
    again = target.retrain(d.x, 1 - d.y, 0, Progress())
    assert (again.labels(d.x) == 1 - d.y).mean() > 0.9


def test_labels_only_are_class_names_even_where_names_are_numbers() -> None:
    from sklearn.svm import LinearSVC

    table = frame()
    table["pay"] = np.where(table["pay"] == "low", 1, 2)
    d = read(table, label="pay")
    assert d.schema.classes == ("1", "2")
    model = LinearSVC().fit(d.encoded, table["pay"])
    target = open_target(model, data=d)
    assert target.offers == {"labels", "training"}
    for part in (np.flatnonzero(d.y == 0)[:5], np.flatnonzero(d.y == 1)[:5], np.arange(50)):
        np.testing.assert_array_equal(target.labels(d.x[part]), model.predict(d.encoded[part]) - 1)


def test_a_pipeline_fitted_on_numbers_missing_values_and_booleans() -> None:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    table = frame()
    rng = np.random.default_rng(1)
    table["race"] = rng.integers(1, 4, len(table))
    table["member"] = rng.random(len(table)) < 0.5
    table["town"] = table["town"].where(rng.random(len(table)) > 0.1, None)
    groups = Pipeline([("i", SimpleImputer(strategy="most_frequent")), ("o", OneHotEncoder())])
    columns = ColumnTransformer([("t", groups, ["town"]), ("g", OneHotEncoder(), ["race", "member"]), ("n", StandardScaler(), ["age"])])
    plain = table.drop(columns="pay")
    plain["town"] = plain["town"].astype(object).where(plain["town"].notna(), np.nan)
    model = make_pipeline(columns, LogisticRegression()).fit(plain, table["pay"])
    d = read(table, label="pay")
    assert d.schema.feature("race").kind == "categorical"
    assert "(missing)" in d.schema.feature("town").categories
    check_scores(open_target(model, data=d), model.predict_proba(plain), d)


def test_images_flat_for_an_estimator() -> None:
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (60, 8, 8)).astype(np.uint8), np.arange(60) % 3
    d = read((x, y))
    model = RandomForestClassifier(5, random_state=0)
    model.fit(d.x.reshape(60, -1), d.y)
    check_scores(open_target(model, data=d), model.predict_proba(d.x.reshape(60, -1)), d)
    raw = RandomForestClassifier(5, random_state=0).fit(x.reshape(60, -1), y)
    check_scores(open_target(raw, data=d), raw.predict_proba(x.reshape(60, -1)), d)


def refused(source: Any, **given: Any) -> str:
    with pytest.raises(Problem) as caught:
        open_target(source, **given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_objects_that_are_no_classifier() -> None:
    from sklearn.linear_model import LinearRegression, LogisticRegression

    d = data()
    assert "fit first" in refused(LogisticRegression(), data=d)
    assert "classifier" in refused(LinearRegression().fit(d.x, d.y), data=d)
    assert "instance" in refused(LogisticRegression, data=d)
    assert "a model" in refused(3, data=d)
    assert "a model" in refused([1, 2], data=d)
    assert "outputs" in refused(lambda x: x, data=d, outputs="nothing")
    assert "feeds" in refused(lambda x: x, data=d, feeds="nothing")


def test_an_estimator_fitted_on_other_columns() -> None:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    d = data()
    said = refused(LogisticRegression().fit(d.x[:, :2], names(d)), data=d)
    assert "one fitted on 2" in said
    assert "3 classes" not in said
    three = RandomForestClassifier(3).fit(d.encoded, np.arange(len(d)) % 3)
    assert "3 classes" in refused(three, schema=d.schema, classes=d.schema.classes)


def sigmoid(x: NDArray[Any]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = 1 / (1 + np.exp(-(x[:, 0].astype(float) - 40) / 10))
    return found


def test_functions() -> None:
    d = data()
    target = open_target(sigmoid, data=d, name="mine")
    np.testing.assert_allclose(target.scores(d.x)[:, 1], sigmoid(d.x), atol=1e-12)
    assert "It takes the table's own values as one array." in target.assumptions
    assert "It returns probabilities." in target.assumptions

    def named(table: "pd.DataFrame") -> NDArray[Any]:
        return np.where(table["age"] > 40, "low", "high")

    target = open_target(named, data=d)
    assert target.offers == {"labels"}
    np.testing.assert_array_equal(target.labels(d.x), (frame()["age"] > 40).astype(int))

    def logits(x: NDArray[Any]) -> NDArray[Any]:
        return np.stack([x[:, 0], x[:, 1] * 9], 1)

    assert 'outputs="logits"' in refused(logits, data=d)
    wanted = softmax(logits(d.encoded.astype(float)))
    np.testing.assert_allclose(open_target(logits, data=d, outputs="logits").scores(d.x), wanted, atol=1e-12)
    turned = open_target(logits, data=d, outputs="logits", classes=d.schema.classes[::-1])
    np.testing.assert_allclose(turned.scores(d.x), wanted[:, ::-1], atol=1e-12)


@pytest.mark.parametrize(
    ("predict", "said"),
    [
        (lambda x: np.zeros((len(x), 3)), "shape"),
        (lambda x: np.full((len(x), 2), np.nan), "finite"),
        (lambda x: np.zeros((3, 2)), "shape"),
        (lambda x: 1 / 0, "ZeroDivisionError"),
        (lambda x: None, "numbers"),
        (lambda: None, "TypeError"),
        (lambda x: np.array(["other"] * len(x)), "labels among"),
    ],
)
def test_functions_that_answer_wrongly(predict: Any, said: str) -> None:
    assert said in refused(predict, data=data())


def test_modules() -> None:
    import torch
    from torch import nn

    d = data()
    net = nn.Sequential(nn.Linear(5, 2))
    target = open_target(net, data=d, name="mine")
    assert target.name == "mine"
    with torch.inference_mode():
        np.testing.assert_allclose(target.scores(d.x), torch.softmax(net(torch.from_numpy(d.encoded)), 1).numpy(), atol=1e-5)
    assert open_target(target) is target
    assert "schema" in refused(net)
    assert "Load its weights first" in refused(nn.Linear(5, 2, device="meta"), data=d)
    assert "its first linear layer takes 4" in refused(nn.Linear(4, 2), data=d)
    assert "2 scores a row" in refused(nn.Linear(5, 3), data=d)
    assert "tensor" in refused(nn.LSTM(5, 2), data=d)


def test_skops(tmp_path: Path) -> None:
    import skops.io

    d, model = data(), pipeline()
    skops.io.dump(model, tmp_path / "m.skops")
    target = open_target(tmp_path / "m.skops", data=d)
    check_scores(target, model.predict_proba(frame().drop(columns="pay")), d)
    assert target.offers == {"labels", "scores", "gradients", "training", "file"}


def test_skops_with_a_foreign_type_lists_it(tmp_path: Path) -> None:
    import skops.io
    from sklearn.linear_model import LogisticRegression

    class Mine(LogisticRegression):
        """A type that skops does not know."""

    d = data()
    skops.io.dump(Mine().fit(d.x, d.y), tmp_path / "m.skops")
    assert "Mine" in refused(tmp_path / "m.skops", data=d)
    whole = (tmp_path / "m.skops").read_bytes()
    (tmp_path / "t.skops").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / "t.skops", data=d)

"""Inputs that once were answered by another model than the person's: each is compared with what its library says without us."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.datasets.reading import read
from tiltyard.errors import Problem
from tiltyard.targets.meeting import meet
from tiltyard.targets.opening import open_target

if TYPE_CHECKING:
    import pandas as pd


def frame(n: int = 200, seed: int = 0) -> "pd.DataFrame":
    import pandas as pd

    rng = np.random.default_rng(seed)
    return pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n)})


def accuracy(target: Any, data: Any) -> float:
    return float((target.labels(data.x) == data.y).mean())


def credit() -> "pd.DataFrame":
    table = frame()
    return table.assign(y=np.where(table["a"] + table["b"] > 0, "good", "bad"))


@pytest.mark.parametrize("given", [("good", "bad"), ("bad", "good")])
def test_an_estimator_that_names_its_classes_is_not_renamed_by_their_order(given: tuple[str, str]) -> None:
    from sklearn.linear_model import LogisticRegression

    table = credit()
    own = LogisticRegression().fit(table[["a", "b"]], table["y"])
    data = read(table, label="y")
    target = open_target(own, data=data, classes=given)
    assert accuracy(target, data) == own.score(table[["a", "b"]], table["y"]) > 0.9
    assert target.classes == data.schema.classes


def numbered(zero: str) -> tuple[Any, Any, float]:
    """An estimator whose class 0 is ``zero``, the data, and its own accuracy."""
    from sklearn.linear_model import LogisticRegression

    table = credit()
    y = (table["y"] != zero).astype(int)
    own = LogisticRegression().fit(table[["a", "b"]], y)
    return own, read(table, label="y"), float(own.score(table[["a", "b"]], y))


def test_classes_say_what_the_numbers_of_an_estimator_are() -> None:
    own, data, score = numbered("good")
    target = open_target(own, data=data, classes=("good", "bad"))
    assert accuracy(target, data) == score
    assert accuracy(open_target(own, data=data, classes=("bad", "good")), data) == pytest.approx(1 - score)
    with pytest.raises(Problem, match=r"bad, good; found .* of 0, 1.*classes="):
        open_target(own, data=data)


def test_classes_say_what_the_numbers_of_a_skops_file_are(tmp_path: Path) -> None:
    import skops.io

    own, data, score = numbered("good")
    skops.io.dump(own, tmp_path / "m.skops")
    assert accuracy(open_target(tmp_path / "m.skops", data=data, classes=("good", "bad")), data) == score


def test_classes_say_what_the_outputs_of_a_function_are() -> None:
    own, data, score = numbered("good")
    scores = open_target(own.predict_proba, data=data, classes=("good", "bad"), feeds="frame")
    last = open_target(lambda f: own.predict_proba(f)[:, 1], data=data, classes=("good", "bad"), feeds="frame")
    places = open_target(own.predict, data=data, classes=("good", "bad"), feeds="frame")
    signs = open_target(lambda f: own.predict(f) * 2.0 - 1, data=data, classes=("good", "bad"), feeds="frame")
    for target in (scores, last, places, signs):
        assert accuracy(target, data) == score
        assert target.doubts == ()
    np.testing.assert_allclose(scores.scores(data.x), last.scores(data.x))
    with pytest.raises(Problem, match=r"labels among bad, good from predict, or scores; found one number a row: 0, 1\."):
        open_target(own.predict, data=data, feeds="frame")


@pytest.mark.parametrize("numbers", [(-1.0, 1.0), (1.0, 2.0, 3.0), (0, 1, 2), (1, 2), (False, True)])
def test_labels_that_a_function_returns_as_numbers_are_found_by_value(numbers: tuple[Any, ...]) -> None:
    table = frame()
    place = np.digitize(table["a"], np.linspace(-0.5, 0.5, len(numbers) - 1) if len(numbers) > 2 else [0.0])
    label = np.array(numbers)[place]

    def answers(f: "pd.DataFrame") -> NDArray[Any]:
        edges = np.linspace(-0.5, 0.5, len(numbers) - 1) if len(numbers) > 2 else [0.0]
        found: NDArray[Any] = np.array([float(v) for v in numbers])[np.digitize(f["a"], edges)]
        return found

    target, data = meet(answers, table.assign(y=label), "y")
    assert accuracy(target, data) == 1.0
    assert target.offers == {"labels"}
    texts = table.assign(y=[str(v) for v in label.tolist()])
    target, data = meet(answers, texts, "y")
    assert accuracy(target, data) == 1.0


def test_a_label_function_of_three_classes_is_told_what_it_returned() -> None:
    table = frame()
    data = read(table.assign(y=np.array(["x", "y", "z"])[np.arange(200) % 3]), label="y")
    with pytest.raises(Problem, match=r"labels among x, y, z from codes, or scores; found one number a row: 0, 1, 2"):
        open_target(codes, data=data)


def codes(x: Any) -> NDArray[np.int64]:
    return np.arange(len(x)) % 3


def critical() -> "dict[str, tuple[pd.DataFrame, Any]]":
    import pandas as pd

    rng = np.random.default_rng(0)
    grid = pd.DataFrame({"price": rng.integers(0, 11, 300) * 0.1, "b": rng.normal(size=300)})
    seconds = pd.DataFrame({"at": 1_700_000_000 + rng.integers(0, 200, 300), "b": rng.normal(size=300)})
    large = pd.DataFrame({"id of it": 2**24 + rng.integers(0, 5, 300), "b": rng.normal(size=300)})
    balances = pd.DataFrame({"before": 5e8 + rng.normal(size=300), "after": 5e8 + rng.normal(size=300)})
    return {
        "a grid of 0.1": (grid, lambda x: x[:, 0] >= 0.7),
        "unix seconds": (seconds, lambda x: x[:, 0] >= 1_700_000_100),
        "integers above 2^24": (large, lambda x: x[:, 0] % 2 == 1),
        "a difference of balances": (balances, lambda x: x[:, 0] > x[:, 1]),
    }


@pytest.mark.parametrize("name", ["a grid of 0.1", "unix seconds", "integers above 2^24", "a difference of balances"])
@pytest.mark.parametrize("feeds", ["values", "encoded", None])
def test_no_number_is_rounded_on_its_way_to_a_function(name: str, feeds: Any) -> None:
    table, rule = critical()[name]
    label = np.where(rule(table.to_numpy(float)), "yes", "no")
    data = read(table.assign(y=label), label="y", sensitive=[], wanted=tuple(table.columns))

    def predict(x: Any) -> NDArray[Any]:
        return np.where(rule(np.asarray(x, float)), "yes", "no")

    target = open_target(predict, data=data, feeds=feeds)
    assert accuracy(target, data) == 1.0
    assert target.doubts == ()


def test_a_function_that_takes_float32_alone_is_given_it_and_says_so() -> None:
    import torch

    data = read(credit(), label="y")
    net = torch.nn.Linear(2, 2)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[-9.0, -9.0], [9.0, 9.0]]))
        net.bias.zero_()

    def predict(x: NDArray[Any]) -> NDArray[Any]:
        with torch.inference_mode():
            return torch.softmax(net(torch.from_numpy(x)), 1).numpy()

    target = open_target(predict, data=data)
    assert target.given == "the encoded columns as float32"
    assert accuracy(target, data) == 1.0


@pytest.mark.parametrize("feeds", ["values", "encoded", "frame"])
def test_what_a_function_does_to_its_rows_is_not_done_to_the_data(feeds: Any) -> None:
    data = read(credit(), label="y")
    before = data.x.copy()

    def predict(x: Any) -> NDArray[Any]:
        x *= -1
        found: NDArray[Any] = np.where(np.asarray(x).sum(1) < 0, "good", "bad")
        return found

    target = open_target(predict, data=data, feeds=feeds)
    assert accuracy(target, data) == 1.0
    assert target.doubts == ()
    np.testing.assert_array_equal(data.x, before)


def test_whole_numbers_are_given_as_whole_numbers() -> None:
    table = (frame() * 100).astype(int)
    label = np.where(table["a"].to_numpy() & 1, "odd", "even")
    target, data = meet(lambda x: np.where(x[:, 0] & 1, "odd", "even"), table.assign(y=label), "y")
    assert accuracy(target, data) == 1.0
    assert target.given == "the table's own values as one array"


def test_a_lambda_within_a_pipeline_opens() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    table = credit()
    own = make_pipeline(FunctionTransformer(lambda x: x * 2), LogisticRegression()).fit(table[["a", "b"]], table["y"])
    target, data = meet(own, table, "y")
    assert accuracy(target, data) == own.score(table[["a", "b"]], table["y"])


def groups() -> "pd.DataFrame":
    """Columns of text with gaps, numbers as categories, true and false, and text and numbers together."""
    table = frame()
    rng = np.random.default_rng(3)
    table["town"] = np.array(["Kyoto", "Lyon", np.nan], object)[rng.integers(0, 3, 200)]
    table["race"] = rng.integers(1, 4, 200)
    table["member"] = rng.random(200) < 0.5
    table["mixed"] = np.array([1, "1", "b", 2.5, True], object)[rng.integers(0, 5, 200)]
    return table.assign(y=np.where(table["a"] + table["member"] > 0.4, "yes", "no"))


@pytest.mark.parametrize("encoder", ["OneHotEncoder", "OrdinalEncoder", "TargetEncoder"])
def test_encoders_see_the_values_that_they_were_fitted_on(encoder: str) -> None:
    from sklearn import preprocessing
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    table = groups()
    columns = ["town", "race", "member"]
    words = make_pipeline(FunctionTransformer(lambda f: f.map(repr)), preprocessing.OneHotEncoder())
    prepared = make_column_transformer((getattr(preprocessing, encoder)(), columns), (words, ["mixed"]), remainder="passthrough")
    x = table.drop(columns="y")
    own = make_pipeline(prepared, RandomForestClassifier(5, random_state=0)).fit(x, table["y"])
    target, data = meet(own, table, "y")
    assert target.doubts == ()
    np.testing.assert_array_equal(np.array(target.classes)[target.labels(data.x)], own.predict(x))
    np.testing.assert_array_equal(target.scores(data.x), own.predict_proba(x))
    gap = table["town"].isna().to_numpy()
    for part in (gap, ~gap, np.arange(200) == 3):
        np.testing.assert_array_equal(target.scores(data.x[part]), own.predict_proba(x[part]))


def test_a_category_that_the_encoder_never_saw_is_refused_with_its_rows() -> None:
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    table = groups()
    x = table[["race", "a"]]
    own = make_pipeline(make_column_transformer((OneHotEncoder(), ["race"]), remainder="passthrough"), LogisticRegression())
    own.fit(x[table["race"] < 3], table["y"][table["race"] < 3])
    with pytest.raises(Problem, match=rf"'3' in {int((table['race'] == 3).sum())} rows, which .* was not fitted on"):
        meet(own, table, "y")


def test_rows_of_a_class_that_the_model_does_not_know_are_counted_at_the_door() -> None:
    from sklearn.linear_model import LogisticRegression

    table = credit()
    own = LogisticRegression().fit(table[["a", "b"]], table["y"])
    more = table.assign(y=table["y"].where(np.arange(200) >= 7, "ugly"))
    with pytest.raises(Problem, match="7 of class 'ugly' among 200 rows"):
        meet(own, more, "y")
    other = table.assign(y=table["y"].map({"good": "yes", "bad": "no"}))
    with pytest.raises(Problem, match=r"no, yes; found the model of bad, good"):
        meet(own, other, "y")


def test_a_threshold_is_the_decision_and_is_said() -> None:
    from sklearn.linear_model import LogisticRegression

    table = credit()
    own = LogisticRegression().fit(table[["a", "b"]], table["y"])
    data = read(table, label="y")
    target = open_target(own, data=data, threshold=0.15, positive="bad")
    wanted = np.where(own.predict_proba(table[["a", "b"]])[:, 0] >= 0.15, "bad", "good")
    np.testing.assert_array_equal(np.array(target.classes)[target.labels(data.x)], wanted)
    assert target.identity.decision == "class 'bad' from 0.15 on"


def test_two_rules_of_one_name_are_two_models() -> None:
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    import tiltyard as ty

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=200), "b": rng.normal(size=200)})
    y = np.where(frame["a"] > 0, "yes", "no")
    data = ty.read(frame.assign(y=y), label="y")
    model = LogisticRegression().fit(frame, y)
    strict, mild = (ty.open(model, data=data, decision=rule) for rule in (lambda s: s[:, 1] > 0.9, lambda s: s[:, 1] > 0.1))
    assert strict.fingerprint != mild.fingerprint
    assert (strict.labels(data.x) == 1).sum() < (mild.labels(data.x) == 1).sum()

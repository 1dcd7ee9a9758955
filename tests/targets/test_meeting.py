"""A model and a table as a notebook holds them meet by the names of columns and classes; what is measured is what the model answers."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import tiltyard as ty
from tiltyard.errors import Problem
from tiltyard.targets.meeting import meet

if TYPE_CHECKING:
    import pandas as pd


def frame(n: int = 240) -> "pd.DataFrame":
    """``number`` numbers the rows and ``code`` is different in nearly each: a proposal by itself leaves them out."""
    import pandas as pd

    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"number": np.arange(n), "code": [f"k{i}" for i in range(n)], "a": rng.normal(size=n), "sex": rng.choice(["f", "m"], n)}
    )
    return table.assign(y=np.where(table["a"] + (table["number"] > n / 2) > 0.5, "yes", "no"))


def model(table: "pd.DataFrame") -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["code"]), remainder="passthrough")
    return make_pipeline(columns, LogisticRegression(max_iter=2000)).fit(table[["code", "number", "a"]], table["y"])


def test_columns_that_a_proposal_leaves_out_are_taken_in_for_a_model_that_was_fitted_on_them() -> None:
    table = frame()
    own = model(table)
    target, data = meet(own, table, "y", ["sex"])
    assert data.schema.columns == ("code", "number", "a")
    assert list(data.sensitive) == ["sex"]
    assert target.doubts == ()
    np.testing.assert_array_equal(target.labels(data.x), (own.predict(table[["code", "number", "a"]]) == "yes").astype(int))


def test_check_takes_a_model_and_a_table() -> None:
    table = frame()
    own = model(table)
    record = ty.check("validation.performance", own, table, label="y")
    accuracy = record.result.metric("accuracy").value
    assert accuracy == (own.predict(table[["code", "number", "a"]]) == table["y"]).mean()
    assert record.target.decision == "its own predict"
    assert record.target.given == "the table as a DataFrame, with its own columns"
    with pytest.raises(Problem, match="Leave them out"):
        ty.check("validation.performance", *meet(own, table, "y"), label="y")


def test_the_label_is_the_column_of_the_models_classes() -> None:
    table = frame().rename(columns={"y": "outcome of it"})
    table["status"] = np.where(table["a"] > 0, "x", "z")
    own = model(table.rename(columns={"outcome of it": "y"}))
    _, data = meet(own, table)
    assert data.schema.label == "outcome of it"


def test_a_fitted_column_that_the_table_lacks_is_refused_with_both_lists() -> None:
    table = frame()
    with pytest.raises(Problem, match=r"code, number, a, which .* was fitted on; found .*a, sex, .*without code, number"):
        meet(model(table), table.rename(columns={"number": "no", "code": "key"}), "y")


def test_columns_are_never_matched_by_position() -> None:
    """Fitted on a, b, c, d and given c, b, a, e."""
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(100, 4)), columns=list("abcd"))
    label = np.where(table["a"] > 0, "yes", "no")
    own = LogisticRegression().fit(table, label)
    other = table.rename(columns={"a": "c", "c": "a", "d": "e"}).assign(y=label)
    with pytest.raises(Problem, match=r"a, b, c, d, which LogisticRegression was fitted on; found c, b, a, e, without d"):
        meet(own, other, "y")
    turned = table[["d", "b", "c", "a"]].assign(y=label)
    target, data = meet(own, turned, "y")
    np.testing.assert_array_equal(target.labels(data.x), (own.predict(table) == "yes").astype(int))


def test_what_is_no_table_is_said() -> None:
    with pytest.raises(Problem, match="a data set or a table"):
        meet(model(frame()), None)

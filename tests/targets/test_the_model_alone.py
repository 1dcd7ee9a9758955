"""No table is answered otherwise than by the model alone: a model that depends on every cell's type and value is asked with and without us."""

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tiltyard.targets.meeting import meet

if TYPE_CHECKING:
    import pandas as pd


class Hashed:
    """A fitted classifier whose answer is a hash of each cell's type and value, and of the column's name and dtype."""

    def __init__(self, columns: list[str]) -> None:
        self.feature_names_in_ = np.array(columns, object)
        self.n_features_in_ = len(columns)
        self.classes_ = np.array(["no", "yes"])

    def fit(self, x: "pd.DataFrame", y: Any) -> "Hashed":
        return self

    def predict(self, x: "pd.DataFrame") -> NDArray[Any]:
        assert list(x.columns) == self.feature_names_in_.tolist()
        heads = [f"{name} {dtype}" for name, dtype in x.dtypes.items()]
        cells = zip(*(map(written, x[name].tolist()) for name in x.columns), strict=True)
        return self.classes_[[hashlib.sha256("|".join([*heads, *row]).encode()).digest()[0] % 2 for row in cells]]


def written(value: Any) -> str:
    """A cell's type and value; what is missing by what stands there."""
    return f"{type(value).__name__} {value!r}"


def rows(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=12, max_size=12)


FLOATS = st.floats(-1e12, 1e12, allow_nan=False)
COLUMNS: dict[str, st.SearchStrategy[list[Any]]] = {
    "float64": rows(FLOATS),
    "gaps": rows(FLOATS | st.just(float("nan"))).filter(lambda column: sum(v == v for v in column) > 1),
    "int64": rows(st.integers(-(2**52), 2**52)),
    "int8": rows(st.integers(-128, 127)),
    "float32": rows(st.floats(-1e6, 1e6, width=32)),
    "bool": rows(st.booleans()),
    "Int64": rows(st.integers(-9, 9) | st.none()).filter(lambda column: sum(v is not None for v in column) > 1),
    "boolean": rows(st.booleans() | st.none()).filter(lambda column: any(v is not None for v in column)),
    "text": rows(st.sampled_from(["a", "b", " b", "?", "", "a b", "ü", "1", "1.0"])),
    "holes": rows(st.sampled_from(["a", "b", None])).filter(lambda column: {"a", "b"} <= set(column)),
    "mixed": rows(st.sampled_from(["a", "1", 1, 2.5, True, None])).filter(lambda column: {"a", 1} <= set(column)),
    "category": rows(st.sampled_from(["x", "y", "z"])),
    "dates": rows(st.integers(-(10**9), 7 * 10**9)),
}


@st.composite
def tables(draw: st.DrawFn) -> "pd.DataFrame":
    import pandas as pd

    kinds = draw(st.lists(st.sampled_from(list(COLUMNS)), min_size=1, max_size=4))
    columns = {}
    for i, kind in enumerate(kinds):
        values = draw(COLUMNS[kind])
        if kind == "category":
            columns[f"c{i}"] = pd.Series(pd.Categorical(values, categories=["z", "y", "x", "never"], ordered=draw(st.booleans())))
        elif kind == "dates":
            columns[f"c{i}"] = pd.Series(pd.to_datetime(values, unit="s")).astype("datetime64[us]")
        else:
            dtype = {"gaps": "float64", "text": "object", "holes": "object", "mixed": "object"}.get(kind, kind)
            columns[f"c{i}"] = pd.Series(values, dtype=dtype)
    return pd.DataFrame(columns)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(table=tables())
def test_no_table_is_answered_otherwise_than_by_the_model_alone(table: "pd.DataFrame") -> None:
    model = Hashed(list(table.columns))
    own = model.predict(table)
    label = np.where(np.arange(len(table)) % 2, "yes", "no")
    target, data = meet(model, table.assign(y=label), "y", [])
    assert target.doubts == (), table.to_dict("list")
    np.testing.assert_array_equal(np.array(target.classes)[target.labels(data.x)], own, err_msg=str(table.to_dict("list")))
    np.testing.assert_array_equal(data.y, label == "yes")


def test_the_model_tells_types_and_values_apart() -> None:
    import pandas as pd

    model = Hashed(["a"])
    one = [model.predict(pd.DataFrame({"a": pd.Series([v] * 3, dtype=object)})).tolist() for v in (1, 1.0, "1", True, None, float("nan"))]
    assert len({str(answer) for answer in one}) == 2

"""Opening proves itself: what a model answers without us is compared with what it answers here, and each disagreement is counted."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.reading import read
from tiltyard.errors import Problem
from tiltyard.targets.opening import open_target
from tiltyard.validation.performance import Performance

if TYPE_CHECKING:
    import pandas as pd


def frame(n: int = 300) -> "pd.DataFrame":
    import pandas as pd

    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n), "town": rng.choice(["Kyoto", "Lyon"], n)})
    return table.assign(y=np.where(table["a"] + table["b"] > 0, "yes", "no"))


def data(table: "pd.DataFrame | None" = None) -> Dataset:
    return read(frame() if table is None else table, label="y")


def opened(predict: Any, table: "pd.DataFrame | None" = None) -> Any:
    return open_target(predict, data=data(table), feeds="frame")


def test_a_model_that_answers_the_same_is_not_doubted_and_owes_no_questions() -> None:
    target = opened(lambda f: np.where(f["a"] + f["b"] > 0, "yes", "no"))
    assert target.doubts == ()
    assert target.noise == 0
    assert target.queries == 0
    assert "On 300 rows it answers the same when it is asked twice, as by itself, alone and among others" in target.assumptions[-1]


def test_a_model_that_draws_is_said_with_its_share() -> None:
    rng = np.random.default_rng(0)
    target = opened(lambda f: np.where((f["a"] + f["b"] > 0) ^ (rng.random(len(f)) < 0.1), "yes", "no"))
    assert 0.12 < target.noise < 0.25  # two answers differ where one of them was turned: 0.18
    assert "The model draws" in target.assumptions[-1]
    result = Performance()(target, data()).result
    assert any("The model draws" in note for note in result.notes)


def test_a_model_that_looks_at_the_whole_batch_is_doubted() -> None:
    target = opened(lambda f: np.where(f["a"] > f["a"].mean(), "yes", "no"))
    assert any("answered otherwise alone than among others" in doubt for doubt in target.doubts)
    assert "answered otherwise" in " ".join(Performance()(target, data()).result.notes)


def test_a_model_that_needs_every_category_in_a_batch_is_doubted() -> None:
    import pandas as pd

    target = opened(lambda f: np.where(pd.get_dummies(f["town"])[["Kyoto", "Lyon"]].to_numpy()[:, 0], "yes", "no"))
    assert any("A row alone is refused that is answered among others (KeyError" in doubt for doubt in target.doubts)


def test_rows_are_compared_with_the_answers_of_the_library_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that comes back otherwise than it was read is another model's input: 40 rows of one town are given as another."""
    from tiltyard.datasets.schema import Schema

    def restored(self: Schema, x: NDArray[Any]) -> "pd.DataFrame":
        return self.table.decode(x).assign(town="Lyon")

    monkeypatch.setattr(Schema, "decode", restored)
    table = frame()
    target = opened(lambda f: np.where(f["town"] == "Lyon", "yes", "no"), table)
    differ = int((table["town"] != "Lyon").sum())
    assert any(doubt.startswith(f"{differ} of 300 rows are labeled otherwise here than by the model itself") for doubt in target.doubts)


def test_each_pattern_of_missing_values_is_asked_by_itself() -> None:
    table = frame()
    table.loc[:9, "a"] = np.nan
    table.loc[5:14, "b"] = np.nan

    def mean_of_what_is_there(f: "pd.DataFrame") -> NDArray[Any]:
        return np.where((f["a"].fillna(f["a"].mean()) > -5) & (f["b"] != 7), "yes", "no")

    target = opened(mean_of_what_is_there, table)
    assert any("rows that lack 'a'" in doubt for doubt in target.doubts)
    calm = opened(lambda f: np.where(f["a"].fillna(-1) > 0, "yes", "no"), table)
    assert calm.doubts == ()
    assert "in each of 4 patterns of missing values" in calm.assumptions[-1]


def test_missing_numbers_are_refused_only_where_the_model_refuses_them() -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    table = frame()
    table.loc[:9, "a"] = np.nan
    whole = table.dropna()
    takes = HistGradientBoostingClassifier(max_iter=5).fit(table[["a", "b"]], table["y"])
    target = open_target(takes, data=data(table))
    assert target.doubts == ()
    np.testing.assert_array_equal(target.labels(data(table).x), (takes.predict(table[["a", "b"]]) == "yes").astype(int))
    refuses = LogisticRegression().fit(whole[["a", "b"]], whole["y"])
    with pytest.raises(Problem, match=r"a number in each row of 'a'.*found 10 rows that lack one .*Missing numbers become"):
        open_target(refuses, data=data(table))


def test_one_thread_and_all_are_compared() -> None:
    from sklearn.ensemble import RandomForestClassifier

    table = frame()
    model = RandomForestClassifier(8, n_jobs=2, random_state=0).fit(table[["a", "b"]], table["y"])
    target = open_target(model, data=data(table))
    assert target.doubts == ()
    assert "on one thread and on all" in target.assumptions[-1]

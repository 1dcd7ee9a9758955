"""The data explorer's numbers against pandas, SciPy and scikit-learn, and against planted answers."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from tiltyard.datasets.associations import associations, correlation, cramer, eta
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.duplicates import duplicates, row_keys
from tiltyard.datasets.exploring import class_balance, common_words, distribution, overview, splits, summaries
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.datasets.texts import number_of

N = 1000


def rows() -> Dataset:
    rng = np.random.default_rng(0)
    wage = rng.lognormal(3, 1, N)
    wage[:100] = np.nan
    x = np.column_stack([wage, rng.integers(0, 3, N), rng.integers(0, 5, N).astype(float)])
    features = (
        Feature(name="wage", kind="continuous", low=0, high=1000, missing=True),
        Feature(name="job", kind="categorical", categories=("cook", "clerk", "nurse")),
        Feature(name="cars", kind="integer", low=0, high=4),
    )
    schema = Schema(features=features, label="y", classes=("no", "yes"))
    y = (rng.random(N) < np.where(x[:, 1] == 1, 0.9, 0.2)).astype(np.int64)
    return Dataset(x, y, schema, "people", {"sex": np.where(rng.random(N) < 0.4, "F", "M")}, np.arange(N) < 600)


def test_a_columns_numbers_are_those_of_pandas() -> None:
    data = rows()
    wage, job, cars = summaries(data)
    series = pd.Series(data.x[:, 0])
    assert (wage.missing, wage.distinct) == (100, series.nunique())
    assert (wage.low, wage.quarter, wage.middle, wage.three, wage.high) == pytest.approx(
        (series.min(), *series.quantile([0.25, 0.5, 0.75]), series.max())
    )
    reach = 1.5 * (series.quantile(0.75) - series.quantile(0.25))
    far = (series < series.quantile(0.25) - reach) | (series > series.quantile(0.75) + reach)
    assert wage.outliers == pytest.approx(far.sum() / series.notna().sum())
    assert dict(job.top) == {name: int((data.x[:, 1] == i).sum()) for i, name in enumerate(("cook", "clerk", "nurse"))}
    assert cars.kind == "whole\u00a0number"
    assert len(overview(summaries(data)).rows) == 3


def test_distributions_are_shares_of_each_part() -> None:
    data = rows()
    by_label = splits(data, "label")
    job = distribution(data, data.schema.feature("job"), by_label)
    assert job is not None
    for series, name in zip(job.series, ("no", "yes"), strict=True):
        own = data.x[by_label[name], 1]
        wanted = {i: float((own == i).mean()) for i in range(3)}
        assert [round(v, 12) for v in sorted(v or 0 for v in series.y)] == [round(v, 12) for v in sorted(wanted.values())]
    wage = distribution(data, data.schema.feature("wage"), splits(data, ""))
    assert wage is not None
    assert sum(v or 0 for v in wage.series[0].y) == pytest.approx(1)
    assert "missing: 10" in wage.title
    cars = distribution(data, data.schema.feature("cars"), splits(data, "sex"))
    assert cars is not None
    assert [s.name for s in cars.series] == ["F", "M"]
    assert len(splits(data, "member")) == 2
    assert len(class_balance(data).series) == 2


def test_every_kind_of_odd_column_has_a_picture_or_none() -> None:
    x = np.column_stack([np.full(50, np.nan), np.full(50, 3.0), np.r_[np.zeros(49), 1e12], np.arange(50) % 30])
    features = (
        Feature(name="empty", kind="continuous", missing=True),
        Feature(name="one value", kind="continuous", low=0, high=5),
        Feature(name="far", kind="continuous", low=0, high=1e12),
        Feature(name="many", kind="categorical", categories=tuple(f"level {i}" for i in range(30))),
    )
    data = Dataset(x, np.arange(50) % 2, Schema(features=features, label="", classes=("a", "b")))
    found = {f.name: distribution(data, f, splits(data, "label")) for f in features}
    assert found["empty"] is None
    assert found["one value"] is not None
    assert found["far"] is not None
    assert found["many"] is not None
    assert found["many"].y.categories[-1] == "10 others"
    assert summaries(data)[0].distinct == 0
    assert associations(data)


def test_duplicates_are_those_of_pandas_and_planted_leaks_are_counted() -> None:
    data = rows()
    x, y = data.x.copy(), data.y.copy()
    x[700:730], y[700:710] = x[:30], 1 - y[:10]
    y[710:730] = y[10:30]
    planted = Dataset(x, y, data.schema, "people", {}, data.member)
    found = duplicates(planted)
    frame = pd.DataFrame(x)
    assert found.repeated == int(frame.duplicated().sum())
    groups = frame.fillna(-1).apply(tuple, axis=1)
    assert found.contrary == int((pd.Series(y).groupby(groups).transform("nunique") > 1).sum())
    trained = set(groups[:600])
    assert found.shared == sum(key in trained for key in groups[600:])
    assert found.shared is not None
    assert found.shared >= 30
    assert found.held == 400


def test_equal_rows_have_one_key_and_others_another() -> None:
    data = rows()
    keys = row_keys(data)
    assert len(np.unique(keys)) == len(pd.DataFrame(data.x).drop_duplicates())
    x = np.array([[0.0, np.nan], [-0.0, -np.nan], [np.nan, 0.0], [0.0, 0.0]])
    schema = Schema(
        features=tuple(Feature(name=n, kind="continuous", low=0, high=1, missing=True) for n in "ab"), label="y", classes=("a", "b")
    )
    one, two, other, third = row_keys(Dataset(x, np.zeros(4, np.int64), schema))
    assert one == two
    assert len({one, other, third}) == 3


def test_associations_are_those_of_their_definitions() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=200), rng.normal(size=200)
    assert correlation(a, b) == pytest.approx(np.corrcoef(a, b)[0, 1])
    codes = rng.integers(0, 3, 5000)
    assert cramer(codes, codes) == pytest.approx(1, abs=1e-6)
    assert cramer(codes, rng.integers(0, 4, 5000)) < 0.05
    assert eta(codes, codes.astype(float)) == pytest.approx(1)
    data = rows()
    found = {frozenset((p.first, p.second)): p for p in associations(data)}
    real = ~np.isnan(data.x[:, 0])
    pair = found[frozenset(("wage", "cars"))]
    assert pair.sign * pair.strength == pytest.approx(spearmanr(data.x[real, 0], data.x[real, 2]).statistic, abs=0.01)
    assert associations(data)[0].first == "job"
    assert associations(data)[0].second == "y"


def test_words_of_texts_by_part() -> None:
    texts = ["Red apple", "red pear", "green apple", "Green GREEN tea"]
    x = np.array([[float(number_of(t))] for t in texts])
    feature = Feature(name="note", kind="text", high=2.0**52)
    data = Dataset(x, np.array([0, 0, 1, 1]), Schema(features=(feature,), label="y", classes=("a", "b")))
    table = common_words(data, feature, splits(data, "label"))
    found = {row[0]: row[1:] for row in table.rows}
    assert found["red"] == (1.0, 0.0)
    assert found["green"] == (0.0, 1.0)
    assert found["apple"] == (0.5, 0.5)
    chart = distribution(data, feature, splits(data, ""))
    assert chart is not None
    assert "Length" in chart.title

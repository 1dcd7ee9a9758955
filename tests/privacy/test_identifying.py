"""Planted identifiers are found, look-alikes are not, and the counts equal pandas'."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.privacy.identifying import Identifying
from tiltyard.privacy.identifying_columns import masked, of_dataset, of_frame
from tiltyard.progress import Progress
from tiltyard.result import CheckResult, Severity, Status
from tiltyard.targets.estimators import FunctionTarget

if TYPE_CHECKING:
    import pandas as pd


FIRST = ["Ann", "Béla", "Chidi", "Dora", "Emil", "Fatma", "Goro", "Hana", "Ivan", "Jun"]
LAST = ["Adams", "Brown", "Costa", "Diaz", "Egger", "Fischer", "Garcia", "Haddad", "Ito", "O'Neil"]


def card(number: int) -> str:
    digits = f"{4000_0000_0000_00 + number:014d}0"
    for check in range(10):
        text = digits + str(check)
        total = sum(int(d) if i % 2 == 0 else sum(divmod(2 * int(d), 10)) for i, d in enumerate(reversed(text)))
        if total % 10 == 0:
            return text
    raise AssertionError


def planted(n: int = 100) -> "pd.DataFrame":
    import pandas as pd

    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "who": [f"{FIRST[i % 10]} {LAST[i // 10 % 10]}" for i in range(n)],
            "contact": [f"{FIRST[i % 10].lower()}{i}@example.org" for i in range(n)],
            "reach": [f"+44 20 7946 {i:04d}" for i in range(n)],
            "paid with": [card(i) for i in range(n)],
            "account": ["DE89370400440532013000", "GB82WEST12345698765432", "FR1420041010050500013M02606"] * (n // 3)
            + ["DE89370400440532013000"] * (n % 3),
            "ssn": [f"{100 + i}-45-{6000 + i}" for i in range(n)],
            "host": [f"10.0.{i}.7" for i in range(n)],
            "ref": [1000 + 7 * i for i in range(n)],
            "date_of_birth": [f"19{50 + i % 50}-0{1 + i % 9}-1{i % 10}" for i in range(n)],
            "telephone": rng.choice(["yes", "none"], n),
            "username": rng.choice([0, 1], n),
            "age": rng.integers(18, 80, n),
            "sex": rng.choice(["F", "M"], n),
            "weight": rng.normal(70, 9, n).round(0),
            "date": [f"2020-01-{1 + i % 28:02d}" for i in range(n)],
            "income": rng.integers(10, 30, n) * 1000,
            "e-mail": rng.choice(["opened", "ignored"], n),
        }
    )


def test_planted_columns_are_found_and_nothing_else() -> None:
    result = Identifying().look(planted())
    found = {row[0]: row[1] for row in result.tables[0].rows}
    assert found == {
        "who": "person's name",
        "contact": "e-mail address",
        "reach": "phone number",
        "paid with": "payment card number",
        "account": "IBAN",
        "ssn": "social security number",
        "host": "network address",
        "ref": "identifier (a value for each row)",
        "date_of_birth": "date of birth",
    }
    assert result.status is Status.FINDING
    assert result.metric("naming_columns").value == 6
    grave = {f.title for f in result.findings if f.severity is Severity.HIGH}
    assert "'contact' holds an e-mail address" in grave
    assert CheckResult.model_validate_json(result.model_dump_json()) == result


def test_no_value_leaves_the_table() -> None:
    text = Identifying().look(planted()).model_dump_json()
    for secret in ("example.org", "Adams", "7946", "DE89", "-45-"):
        assert secret not in text
    assert masked("Béla O'Neil 42") == "Aaaa A'Aaaa 00"


def test_k_anonymity_equals_pandas() -> None:
    frame = planted(400)
    result = Identifying(quasi=("age", "sex"), k=3).look(frame)
    sizes = frame.groupby(["age", "sex"]).size()
    assert result.metric("k").value == sizes.min()
    assert result.metric("alone").value == pytest.approx((sizes == 1).sum() / 400)
    assert result.metric("below_k").value == pytest.approx(sizes[sizes < 3].sum() / 400)
    groups = {row[0]: row[1] for row in result.tables[2].rows}
    assert groups == sizes.value_counts().sort_index().head(20).to_dict()


def test_the_worst_combinations_equal_trying_all() -> None:
    from itertools import combinations

    frame = planted(300)[["age", "sex", "income", "telephone", "username", "date"]]
    result = Identifying(combined=2).look(frame)
    alone = {}
    for pair in combinations(sorted(frame.columns), 2):
        sizes = frame.groupby(list(pair)).size()
        alone[", ".join(pair)] = (sizes == 1).sum() / 300
    best = sorted(alone.values(), reverse=True)[:5]
    assert [row[1] for row in result.tables[1].rows] == pytest.approx(best)


def table(n: int = 200) -> Dataset:
    rng = np.random.default_rng(0)
    schema = Schema(
        features=(
            Feature(name="sex", kind="categorical", categories=("F", "M")),
            Feature(name="age", kind="integer", low=0, high=120),
            Feature(name="score", kind="continuous"),
        ),
        label="y",
        classes=("a", "b"),
    )
    male, age = rng.integers(0, 2, n), rng.integers(20, 30, n)
    x = np.stack([male, age, rng.uniform(size=n).round(1)], 1)
    band = np.where(age < 25, "young", "older")
    return Dataset(x, rng.integers(0, 2, n), schema, "table", {"sex": np.where(male, "M", "F"), "age band": band})


def test_as_a_check_over_a_data_set() -> None:
    data = table()
    target = FunctionTarget(lambda x: np.tile([0.5, 0.5], (len(x), 1)), data.schema.classes, data.schema)
    record = Identifying(k=5)(target, data)
    result = record.result
    assert record.queries == 0
    sizes = data.frame.groupby(["sex", "age"]).size()
    assert result.metric("k").value == sizes.min()
    assert "age, sex" in result.summary or "sex, age" in result.summary
    assert "age band" not in result.summary
    assert result.metric("suspect_columns").value == 0
    assert Identifying(quasi=("sex",), k=5)(target, data).result.status is Status.PASSED


def test_without_quasi_identifiers_it_does_not_pass() -> None:
    import pandas as pd

    frame = pd.DataFrame({"a": [1, 2, 1, 2] * 10, "b": ["x", "y"] * 20})
    result = Identifying().look(frame)
    assert result.status is Status.INCOMPLETE
    assert result.metric("k").value is None


def test_census_as_shipped_is_reported_truthfully() -> None:
    from tiltyard.samples.catalog import load_data

    data = load_data("census")
    result = Identifying(quasi=("age", "sex", "race", "native-country"), combined=2).screen(of_dataset(data), Progress())
    sizes = data.frame.groupby(["age", "sex", "race", "native-country"]).size()
    sizes = sizes[sizes > 0]
    assert result.metric("suspect_columns").value == 0
    assert result.metric("alone").value == pytest.approx((sizes == 1).sum() / len(data))
    assert result.metric("k").value == 1
    assert result.status is Status.FINDING


@pytest.mark.parametrize("columns", [{}, {"a": []}])
def test_empty_tables_are_one_line(columns: "dict[str, list[int]]") -> None:
    import pandas as pd

    with pytest.raises(Problem, match="0 rows"):
        Identifying().look(pd.DataFrame(columns))


def test_unknown_columns_are_one_line() -> None:
    with pytest.raises(Problem, match="shoe"):
        Identifying(quasi=("age", "shoe")).look(planted())


def test_missing_values_are_no_names() -> None:
    import pandas as pd

    frame = pd.DataFrame({"name": [None] * 30, "email": ["a@b.org", "c@d.org", "e@f.org"] * 10})
    found = {row[0]: row[1] for row in Identifying().look(frame).tables[0].rows}
    assert found == {"email": "e-mail address"}
    assert of_frame(frame)[0].singled == 0


def test_draws_of_a_gaussian_name_nobody_and_whole_numbers_that_differ_do() -> None:
    import pandas as pd

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "a": rng.normal(size=1000),
            "b": rng.normal(size=1000).round(3),
            "balance": rng.integers(0, 10**7, 1000),
            "number": np.arange(1000.0) + 7,
            "side": rng.choice(["left", "right"], 1000),
        }
    )
    features = (
        Feature(name="a", kind="continuous", low=-9, high=9),
        Feature(name="b", kind="continuous", low=-9, high=9),
        Feature(name="balance", kind="integer", low=0, high=10**7),
        Feature(name="number", kind="continuous", low=0, high=2000),
        Feature(name="side", kind="categorical", categories=("left", "right")),
    )
    schema = Schema(features=features, label="y", classes=("no", "yes"))
    data = Dataset(schema.encode(frame), rng.integers(0, 2, 1000), schema)
    for result in (Identifying().look(frame), Identifying().screen(of_dataset(data), Progress())):
        found = {row[0] for row in result.tables[0].rows}
        assert found == {"balance", "number"}
        assert result.metric("suspect_columns").value == 2
        assert not any("a" in row[0].split(", ") or "b" in row[0].split(", ") for row in result.tables[1].rows)
        assert any("a (1,000 values in 1,000 rows)" in note for note in result.notes)
        assert "name or single out people (balance, number)" in result.summary
    only = Identifying().look(frame[["a", "b"]])
    assert only.status is Status.INCOMPLETE and not only.findings


def test_dates_and_missing_numbers_are_looked_at_as_they_are_written() -> None:
    import pandas as pd

    from tiltyard.datasets.categories import category_feature

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "date_of_birth": pd.Timestamp("1960-01-01") + pd.to_timedelta(rng.integers(0, 15_000, 300), unit="D"),
            "visits": np.where(rng.random(300) < 0.5, np.nan, 3.0),
            "town": rng.choice(["A", "B"], 300),
        }
    )
    born = frame["date_of_birth"]
    low, high = (float(v.value) / 10**9 for v in (born.min(), born.max()))
    features = (
        Feature(name="date_of_birth", kind="continuous", low=low, high=high, dtype="datetime64[s]"),
        Feature(name="visits", kind="continuous", low=0, high=9, missing=True),
        category_feature(frame["town"], "town"),
    )
    schema = Schema(features=features, label="y", classes=("no", "yes"))
    frame["date_of_birth"] = born.astype("datetime64[s]")
    data = Dataset(schema.encode(frame), np.zeros(300, np.int64), schema)
    for columns in (of_dataset(data), of_frame(frame)):
        result = Identifying().screen(columns, Progress())
        assert {row[0]: row[1] for row in result.tables[0].rows} == {"date_of_birth": "date of birth"}
        visits = next(c for c in columns if c.name == "visits")
        assert sorted(visits.distinct) == ["3", "nan"]


def test_one_long_text_does_not_cost_its_length_in_every_row() -> None:
    import tracemalloc

    import pandas as pd

    frame = pd.DataFrame({"text": ["short"] * 20_000 + ["x" * 100_000], "side": ["left", "right"] * 10_000 + ["left"]})
    Identifying().look(frame.head(50))
    tracemalloc.start()
    Identifying().look(frame)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**25

"""Relations between columns: how they are written, what they refuse, and which rows break them."""

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.relation_kinds import relation_of
from tiltyard.datasets.relations import kept_by
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem

FEATURES = (
    Feature(name="low end", kind="continuous", low=0, high=10),
    Feature(name="high", kind="continuous", low=0, high=10),
    Feature(name="n-kids", kind="integer", low=0, high=9),
    Feature(name="total", kind="continuous", low=0, high=100, missing=True),
    Feature(name="work", kind="categorical", categories=("none", "some", "(missing)")),
    Feature(name="home", kind="onehot", columns=("own", "rent")),
)
ROWS = np.array(
    [
        # low high kids total work home
        [1, 2, 0, 3, 0, 1, 0],
        [3, 2, 1, 5, 1, 0, 1],
        [2, 2, 2, np.nan, 2, 1, 0],
    ],
    float,
)


def broken(text: str) -> list[bool]:
    found: list[bool] = kept_by(FEATURES, (text,)).broken(ROWS).tolist()
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'low end' <= high", [False, True, False]),
        ("high >= 'low end' + 1", [False, True, True]),
        ("'low end' + high = 4 within 1", [False, False, False]),
        ("2 * ('low end' - high) <= -1", [False, True, True]),
        ("'low end' + high = 3", [False, True, True]),
        ("at most one above zero: n-kids, high", [False, True, True]),
        ("if work is none then home is own", [False, False, False]),
        ("if work in {some, (missing)} then home is own", [False, True, False]),
        ("if work is not none and n-kids >= 2 then high <= 1", [False, False, True]),
        ("total := 'low end' + high", [False, False, False]),
        ("total := max('low end', high) * n-kids", [True, True, False]),
        ("n-kids := round(high / 2)", [True, False, True]),
        ("total := 1 - -high^2 - 2", [False, True, False]),
        ("total >= 4", [True, False, False]),
    ],
)
def test_which_rows_break_it(text: str, expected: list[bool]) -> None:
    assert broken(text) == expected


@pytest.mark.parametrize(
    "text",
    ["a<=b", "if a is 'x y' and b > 3 then c not in {1, (missing)}", "c := -a/(b+1)^2 within 1e-3", "AT MOST ONE above zero: a , `b c`"],
)
def test_it_is_read_again_as_it_is_written(text: str) -> None:
    relation = relation_of(text)
    assert relation_of(relation.text) == relation


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "name of a column"),
        ("high", "'<='"),
        ("high <= 3; import os", "'; import os'"),
        ("__import__('os').system('x') <= 3", "relation"),
        ("high * 'low end' <= 3", "by :="),
        ("hihg <= 3", "Perhaps 'high' is meant"),
        ("work <= 3", "'work', which is categorical"),
        ("if work is sone then high <= 3", "Perhaps some is meant"),
        ("total := total + 1", "does not depend on itself"),
        ("high <= 3 within -1", "from 0 on"),
        ("high <= high", "no column decides"),
        ("at most one above zero: high", "two columns"),
        ("(" * 60 + "high" + ")" * 60 + " <= 1", "brackets"),
        ("high <= " + "1+" * 1500 + "1", "2000 characters"),
        ("high <= " + "-" * 900 + "1", "brackets and signs"),
        ("high <= 1" + "^1" * 900, "brackets and signs"),
    ],
)
def test_an_error_is_one_line(text: str, words: str) -> None:
    with pytest.raises(Problem) as caught:
        kept_by(FEATURES, (text,))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_circle_of_derived_columns_is_refused() -> None:
    with pytest.raises(Problem, match="depend on each other"):
        kept_by(FEATURES, ("total := high + 1", "high := total - 1"))


def test_derived_columns_are_made_anew_in_the_order_of_need() -> None:
    related = kept_by(FEATURES, ("total := high * 2", "high := 'low end' + 1"))
    made = related.recomputed(ROWS)
    assert made[:, 1].tolist() == [2, 4, 3]
    assert made[:2, 3].tolist() == [4, 8]
    assert np.isnan(made[2, 3])  # a number that a row lacks stays missing
    assert not related.broken(made).any()


def schema() -> Schema:
    return Schema(features=FEATURES, label="y", classes=("no", "yes"))


def test_what_the_data_break_often_is_refused_with_count_and_first_rows() -> None:
    rows = np.tile(ROWS[:1], (200, 1))
    rows[[7, 9], 0] = 5.0
    data = Dataset(rows, np.arange(200) % 2, schema())
    kept = data.relating(["'low end' <= high"])  # 2 of 200 rows are 1 %
    assert kept.schema.relations == ("'low end' <= high",)
    assert kept.fingerprint != data.fingerprint
    rows[11, 0] = 5.0
    with pytest.raises(Problem, match=r"3 of 200 rows that break it, first 7, 9, 11\."):
        Dataset(rows, np.arange(200) % 2, schema()).relating(["'low end' <= high"])


def test_relations_survive_json_and_a_schema_without_is_as_it_was() -> None:
    stated = schema().stating(["high>='low end'"])
    assert Schema.model_validate_json(stated.model_dump_json()) == stated
    assert "relations" not in schema().model_dump_json()


def test_the_shipped_census_keeps_what_it_states() -> None:
    from tiltyard.samples.catalog import load_data

    data = load_data("census")
    assert len(data.schema.relations) == 3
    assert data.schema.related.exceptions(data.x) == {}

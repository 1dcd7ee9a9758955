"""What is assumed of a table, that it is said, and that each assumption can be corrected."""

from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiltyard.datasets.column_names import words
from tiltyard.datasets.columns import outward
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.people import holds, named_as
from tiltyard.datasets.proposing import Proposal, propose
from tiltyard.datasets.reading import read_table
from tiltyard.errors import Problem
from tiltyard.samples.datasheet import FOLDER

if TYPE_CHECKING:
    import pandas as pd


N = 60


def table() -> "pd.DataFrame":
    import pandas as pd

    rng = np.random.default_rng(0)
    color = rng.integers(0, 3, N)
    return pd.DataFrame(
        {
            "id": np.arange(1000, 1000 + N),
            "income": np.where(rng.random(N) < 0.5, "low", "high"),
            "age": rng.integers(18, 70, N),
            "score": rng.normal(0, 3, N),
            "gender": rng.choice(["f", "m"], N),
            "town": rng.choice(["Kyoto", "Lyon", None], N),
            "color_red": (color == 0).astype(int),
            "color_green": (color == 1).astype(int),
            "color_blue": (color == 2).astype(int),
            "note": [f"customer {i} wrote {rng.integers(10**9)}" for i in range(N)],
            "always": 7,
            "when": pd.date_range("2026-01-01", periods=N),
            "smoker": rng.random(N) < 0.5,
        }
    )


def kinds(proposal: Proposal) -> dict[str, str]:
    return {f.name: f.kind for f in proposal.schema.features}


def test_kinds_label_groups_and_what_is_left_out() -> None:
    found = propose(table())
    assert found.schema.label == "income"
    assert found.schema.classes == ("high", "low")
    assert kinds(found) == {
        "age": "integer",
        "score": "continuous",
        "gender": "categorical",
        "town": "categorical",
        "color": "onehot",
        "always": "integer",
        "smoker": "categorical",
        "when": "integer",
    }
    assert found.left_out == ("id", "note")
    assert found.schema.sensitive == ("age", "gender")
    assert found.schema.feature("color").columns == ("color_red", "color_green", "color_blue")
    said = " ".join(found.assumptions)
    for part in (
        "'income' is the label",
        "'id' was left out: it numbers the rows",
        "'note' was left out",
        "dates",
        "(missing)",
        "rounded outward where they are not whole",
    ):
        assert part in said
    assert found.warnings == ("'always' has the same value in every row.",)
    assert not found.schema.feature("gender").mutable
    assert found.schema.feature("town").mutable
    assert found.schema.feature("gender").assumed == "nobody can change it"
    assert found.schema.feature("age").assumed.startswith("seen: 18 to 69")
    assert "missing" in found.schema.feature("town").assumed


def test_the_proposal_builds_and_comes_back() -> None:
    data = propose(table()).build(name="mine")
    assert data.name == "mine"
    np.testing.assert_array_equal(data.schema.encode(data.frame), data.x)


def test_the_shipped_census() -> None:
    found = propose(read_table(FOLDER / "data" / "census.csv.gz"))
    assert found.schema.label == "income-per-year"
    assert found.schema.classes == ("<=50K", ">50K")
    assert set(found.schema.sensitive) == {"age", "marital-status", "race", "sex", "native-country"}
    assert kinds(found)["hours-per-week"] == "integer"
    assert found.left_out == ()
    assert len(found.build()) == 32_561


def test_the_shipped_credit_data() -> None:
    found = propose(read_table(FOLDER / "data" / "german-credit.csv.gz"))
    assert found.schema.label == "credit"
    assert {"personal_status", "age", "foreign_worker"} <= set(found.schema.sensitive)


def test_corrections() -> None:
    found = propose(table())
    wider = found.replace(Feature(name="age", kind="integer", low=0, high=120, unit="years"))
    assert wider.schema.feature("age").high == 120
    assert "town" not in kinds(found.drop("town"))
    assert found.drop("town").take("town").schema.features[-1].name == "town"
    assert kinds(found.take("id"))["id"] == "integer"
    assert found.relabel("gender").schema.classes == ("f", "m")
    assert "income" in kinds(found.relabel("gender"))
    assert found.mark(["town", "id"]).build().sensitive.keys() == {"town", "id"}
    frozen = found.freeze(["score"])
    assert [f.name for f in frozen.schema.features if not f.mutable] == ["score"]
    assert not found.mark([]).schema.sensitive
    assert kinds(found) == kinds(propose(table())), "a correction leaves the proposal as it was"


def test_corrections_that_are_refused() -> None:
    found = propose(table())
    for wrong in (
        lambda: found.replace(Feature(name="other", kind="integer")),
        lambda: found.drop("other"),
        lambda: found.take("age"),
        lambda: found.relabel("other"),
        lambda: found.relabel("score"),
        lambda: found.mark(["other"]),
        lambda: found.freeze(["other"]),
        lambda: propose(table()[["income", "age"]]).drop("age"),
    ):
        with pytest.raises(Problem):
            wrong()


def test_gaps_in_numbers_stay_and_infinite_ones_are_warned_of_and_refused_on_building() -> None:
    frame = table()
    frame.loc[3, "score"] = np.nan
    found = propose(frame)
    assert "'score' lacks a number in 1 rows; they stay empty" in " ".join(found.assumptions)
    assert np.isnan(found.build().frame["score"][3])
    frame.loc[5, "score"] = np.inf
    found = propose(frame)
    assert "'score' lacks a finite number in 1 rows, first row 5" in " ".join(found.warnings)
    with pytest.raises(Problem, match=r"nothing in 'score'; found inf in row 5"):
        found.build()
    assert len(found.drop("score").build()) == N


def test_numbers_written_as_text() -> None:
    frame = table()
    frame["age"] = frame["age"].astype(object)
    frame.loc[7, "age"] = "unknown"
    found = propose(frame)
    assert kinds(found)["age"] == "integer"
    assert "'unknown' in row 7" in " ".join(found.warnings)


def test_numbers_held_as_objects() -> None:
    frame = table()
    frame["age"] = [Decimal(int(v)) for v in frame["age"]]
    frame["score"] = frame["score"].map(str)
    frame["town"] = [str(i % 3) for i in range(N)]
    found = propose(frame)
    assert (kinds(found)["age"], kinds(found)["town"]) == ("integer", "categorical")
    assert "'score' was left out: its 60 different values look like an id or free text; its numbers are written as text" in " ".join(
        found.assumptions
    )
    assert "'town' holds numbers written as text. They stay text" in " ".join(found.assumptions)
    assert propose(frame, "income", wanted=["score", "age"]).build().frame["score"].tolist() == frame["score"].tolist()


def test_missing_categories_are_a_category() -> None:
    found = propose(table())
    assert "(missing)" in found.schema.feature("town").categories
    town = found.build().frame["town"]
    assert town.isna().sum() == table()["town"].isna().sum() > 0


def test_groups_that_are_not_one_hot_stay_numbers() -> None:
    frame = table()
    frame.loc[0, ["color_red", "color_green", "color_blue"]] = 1
    assert kinds(propose(frame))["color_red"] == "integer"


def test_numbers_that_stand_for_groups() -> None:
    frame = table()
    frame["race"] = np.arange(N) % 4 + 1
    found = propose(frame)
    assert found.schema.feature("race").categories == ("1", "2", "3", "4")
    assert "race" in found.schema.sensitive


def test_skipped_columns_are_no_features() -> None:
    assert "smoker" not in kinds(propose(table(), skip=["smoker"]))


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [(0.12, 0.87, (0.1, 0.9)), (3, 3, (3, 3)), (-0.4, 0.3, (-0.4, 0.3)), (1e-8, 9e-8, (1e-8, 9e-8)), (17.5, 90.1, (10, 100)), (-9.7, -0.2, (-10, 0))],
)  # fmt: skip
def test_bounds_are_rounded_outward(low: float, high: float, wanted: tuple[float, float]) -> None:
    assert outward(low, high) == pytest.approx(wanted)


def test_bounds_of_whole_numbers_are_those_seen() -> None:
    """Token 100 of a vocabulary of 100 is not there to be asked for."""
    import pandas as pd

    frame = pd.DataFrame({"token": np.arange(300) % 100, "whole": np.arange(300) % 97 * 1.0, "label": np.arange(300) % 2})
    schema = propose(frame).schema
    assert [(schema.feature(c).low, schema.feature(c).high) for c in ("token", "whole")] == [(0, 99), (0, 96)]


@pytest.mark.parametrize(
    ("name", "ground"),
    [("sex", "sex"), ("Gender", "gender"), ("applicantAge", "age"), ("age_years", "age"), ("mileage", ""), ("wages", ""), ("native-country", "nationality"),
     ("marital.status", "marital"), ("personal_status", "marital"), ("skin color", ""), ("racetrack", ""), ("has_disability", "disability")],
)  # fmt: skip
def test_sensitive_by_name(name: str, ground: str) -> None:
    assert named_as(name) == ground


@pytest.mark.parametrize(
    ("values", "ground"),
    [(["Male", "Female"], "sex"), (["M", "F", "F"], "sex"), (["White", "Black", "Other"], "race"), (["married", "single", "divorced"], "marital"),
     (["white", "red", "green"], ""), (["m", "k", "s", "t"], ""), (["Male", "Male"], "")],
)  # fmt: skip
def test_sensitive_by_content(values: list[str], ground: str) -> None:
    import pandas as pd

    assert holds(pd.Series(values)) == ground


def test_words() -> None:
    assert words("nativeCountry_2-code") == ("native", "country", "2", "code")


def test_a_number_of_mostly_zeros_is_several_groups_and_an_age_without_a_number_is_missing() -> None:
    import pandas as pd

    from tiltyard.datasets.people import banded

    gain = pd.Series([0] * 75 + list(range(1, 26)), name="disability days")
    groups, counts = np.unique(banded(gain, "disability days"), return_counts=True)
    assert dict(zip(groups.tolist(), counts.tolist(), strict=True)) == {"0": 75, "13 and over": 13, "over 0 to under 13": 12}
    age = pd.Series([*np.arange(18.0, 58.0), np.nan])
    assert banded(age, "age").tolist()[-1] == "(missing)"
    assert set(banded(age, "age")[:-1]) == {"under 25", "25 to under 40", "40 to under 60"}

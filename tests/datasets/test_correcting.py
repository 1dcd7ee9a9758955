"""A proposal is corrected by hand: the same in a notebook, an assessment file and a panel."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiltyard.datasets.correcting import Correction, correct, corrected, lacking, middle
from tiltyard.datasets.proposing import Proposal, propose
from tiltyard.datasets.reading import read, read_table
from tiltyard.errors import Problem

if TYPE_CHECKING:
    import pandas as pd


N = 40


def table() -> "pd.DataFrame":
    import pandas as pd

    rng = np.random.default_rng(0)
    pay = rng.normal(100, 9, N)
    pay[[3, 5]] = np.nan, np.inf
    return pd.DataFrame(
        {
            "customer_id": np.arange(N) + 500,
            "pay": pay,
            "rooms": rng.integers(1, 5, N),
            "gender": rng.choice(["f", "m"], N),
            "churned": np.where(rng.random(N) < 0.5, "no", "yes"),
            "train": rng.integers(0, 2, N),
        }
    )


def test_the_label_is_not_the_column_of_trained_on_rows_nor_a_sensitive_one() -> None:
    frame = table().rename(columns={"churned": "left"})
    assert propose(frame).schema.label == "left"
    assert propose(frame[["pay", "rooms", "left", "gender"]].dropna()).schema.label == "left"
    assert propose(table()).schema.label == "churned"


def test_a_column_left_out_still_tells_groups_apart() -> None:
    data = read(table(), leave_out=("gender",), member="train", features={"pay": {"missing": 100}})
    assert [f.name for f in data.schema.features] == ["pay", "rooms"]
    assert set(data.sensitive) == {"gender"}
    assert data.x.shape == (N, 2)


def test_missing_numbers_are_filled_and_it_is_said() -> None:
    found = propose(table(), "churned", ("train",))
    assert lacking(found, "pay") == 2
    mended = correct(found, "pay", {"missing": middle(found, "pay")})
    assert lacking(mended, "pay") == 0
    assert any("no number in 2 rows" in said for said in mended.assumptions)
    assert not any("'pay' lacks" in said for said in mended.warnings)
    column = mended.build().x[:, 0]
    assert column[3] == column[5] == middle(found, "pay")
    far = correct(found, "pay", {"missing": -5})
    assert far.schema.feature("pay").low == -5


def test_a_number_becomes_a_category_and_back() -> None:
    found = correct(propose(table(), "churned", ("train",)), "rooms", {"kind": "categorical"})
    assert found.schema.feature("rooms").categories == ("1", "2", "3", "4")
    back = correct(found, "rooms", Correction(kind="integer", unit="rooms"))
    rooms = back.schema.feature("rooms")
    assert (rooms.kind, rooms.low, rooms.high, rooms.unit) == ("integer", 1, 4, "rooms")
    assert back.corrections["rooms"] == Correction(kind="integer", unit="rooms")


def test_pixels_as_the_file_has_them() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (12, 3, 8, 8)).astype(np.uint8), np.arange(12) % 2
    found = correct(propose(read_table((x, y))), "image", {"divide": 1})
    image = found.schema.feature("image")
    assert (image.low, image.high, image.divide) == (0, 255, 1)
    assert found.build().x.max() == x.max()


def test_what_a_person_left_out_and_took_in_is_known() -> None:
    found = propose(table(), "churned", ("train",))
    assert found.left_out == ("customer_id",)
    took = corrected(found, leave_out=("rooms",), take=("customer_id",))
    assert (took.dropped, took.restored) == (("rooms",), ("customer_id",))
    again = corrected(took, leave_out=("customer_id",), take=("rooms",))
    assert (again.dropped, again.restored) == ((), ())
    assert corrected(found, leave_out=("train", "customer_id")).dropped == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pey": {"high": 3}}, "a feature"),
        ({"pay": {"hihg": 3}}, "a correction of 'pay'"),
        ({"pay": {"low": 9, "high": 3}}, "bounds 9.0 to 3.0"),
        ({"pay": {"divide": 255}}, "divide for images"),
        ({"gender": {"kind": "integer"}}, "numbers in 'gender'"),
        ({"gender": {"missing": 1}}, "a column of numbers"),
        ({"pay": {"kind": "pixels"}}, "a correction of 'pay'"),
    ],
)
def test_a_wrong_correction_is_one_line(change: dict[str, dict[str, object]], said: str) -> None:
    with pytest.raises(Problem, match=said):
        read(table(), label="churned", features=change)


def test_a_schema_that_is_given_is_not_corrected() -> None:
    schema = propose(table(), "churned", ("train",)).schema
    with pytest.raises(Problem, match="corrections of a proposed schema"):
        read(table(), schema=schema, leave_out=("rooms",))


def test_a_cell_that_is_no_number_is_shown_as_written() -> None:
    with pytest.raises(Problem, match=r"a finite number or nothing in 'pay'; found inf in row 5"):
        read(table())


def _same(a: Proposal, b: Proposal) -> bool:
    return a.schema.fingerprint == b.schema.fingerprint


def test_corrections_said_again_give_the_same_schema() -> None:
    found = propose(table(), "churned", ("train",))
    once = corrected(found, leave_out=("rooms",), features={"pay": {"missing": 3, "high": 500, "unit": "EUR"}})
    assert _same(once, corrected(found, once.dropped, once.restored, once.corrections))  # type: ignore[arg-type]

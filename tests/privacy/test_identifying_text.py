"""Names under any heading and in parts of a text, NHS numbers, measurements read as text, and what groups give away."""

import numpy as np
import pytest

from tiltyard.privacy.identifying import Identifying
from tiltyard.privacy.identifying_groups import diversity
from tiltyard.privacy.identifying_text import given_name, inside, nhs_number
from tiltyard.result import CheckResult, Status

VALID = ("943 476 5919", "9434765919", "401-023-2137")  # the first is the example of the NHS Data Dictionary's form


def test_nhs_numbers_are_checked() -> None:
    assert all(nhs_number(text) for text in VALID)
    assert not nhs_number("943 476 5918")
    assert not nhs_number("000 000 0000")
    assert not nhs_number("943 4765 919")


def found(frame: object) -> dict[str, str]:
    result = Identifying().look(frame)  # type: ignore[arg-type]
    assert CheckResult.model_validate_json(result.model_dump_json()) == result
    return {str(row[0]): str(row[1]) for row in result.tables[0].rows}


def test_names_under_any_heading_and_in_texts() -> None:
    import pandas as pd

    rng = np.random.default_rng(0)
    first, last = ["Ann", "Emil", "Fatma", "Hana", "Ivan", "Maria"], ["Adams", "Brown", "Costa"]
    nhs = [numbered(i) for i in range(200)]
    frame = pd.DataFrame(
        {
            "x1": rng.choice(first, 200),
            "x2": [f"{rng.choice(last)}, {rng.choice(first)}" for _ in range(200)],
            "remark": [f"came on day {i % 9}" + (f", call +44 20 7946 {i:04d}" if i % 20 == 0 else "") for i in range(200)],
            "letter": [f"was seen by Dr {rng.choice(last)} today" for _ in range(200)],
            "x3": nhs,
            "city": rng.choice(["New York", "San Diego", "Paris", "Berlin"], 200),
            "month": rng.choice(["April", "May", "June", "July", "August", "March", "October"], 200),
            "plain": [f"it was fine on day {i % 9} of the trial" for i in range(200)],
        }
    )
    assert found(frame) == {
        "x1": "person's name",
        "x2": "person's name",
        "remark": "phone number",
        "letter": "person's name",
        "x3": "NHS number",
    }
    assert "7946" not in Identifying().look(frame).model_dump_json()


def numbered(i: int) -> str:
    """A valid NHS number."""
    for body in range(400_000_000 + 7919 * i, 400_000_000 + 7919 * i + 50):
        for check in range(10):
            text = f"{body}{check}"
            if nhs_number(text):
                return f"{text[:3]} {text[3:6]} {text[6:]}"
    raise AssertionError


@pytest.mark.parametrize("text", ["Maria", "Maria Brown", "Costa, Emil", "Anna Weber"])
def test_given_names(text: str) -> None:
    assert given_name(text)


@pytest.mark.parametrize("text", ["New York", "maria", "Maria sees the doctor every day", "", "High School", "Self Employed"])
def test_no_given_names(text: str) -> None:
    assert not given_name(text)


def test_one_mail_address_in_many_texts_is_enough() -> None:
    texts = ["nothing here"] * 500 + ["write to a.b@c.org"]
    hit = inside(texts)
    assert hit is not None and hit.kind == "e-mail address"
    assert inside(["nothing here"] * 500) is None


@pytest.mark.parametrize("digits", [1, 3, 8])
def test_measurements_read_as_text_name_nobody(digits: int) -> None:
    import pandas as pd

    rng = np.random.default_rng(digits)
    frame = pd.DataFrame({f"g{i}": rng.normal(0, 10.0**i, 300).round(digits).astype(str) for i in range(6)})
    assert found(frame) == {}


def test_a_constant_sensitive_column_does_not_pass() -> None:
    import pandas as pd

    frame = pd.DataFrame({"age": [30, 40] * 50, "sex": ["F", "F", "M", "M"] * 25, "illness": ["flu"] * 100})
    plain, asked = Identifying().look(frame), Identifying(secret="illness").look(frame)
    assert plain.status is Status.PASSED
    assert asked.status is Status.FINDING
    assert (asked.metric("l").value, asked.metric("alike").value, asked.metric("t").value) == (1, 1.0, 0.0)


def test_diversity_and_closeness_by_hand() -> None:
    """Two groups of four: one all flu, one half; t of the first is the total variation (1 - 3/4) = 1/4."""
    import pandas as pd

    from tiltyard.privacy.identifying_columns import of_frame

    frame = pd.DataFrame(
        {"sex": ["F"] * 4 + ["M"] * 4, "illness": ["flu"] * 4 + ["flu", "flu", "cold", "cold"], "pay": [1, 1, 2, 2, 2, 2, 3, 3]}
    )
    sex, illness, pay = of_frame(frame)
    it = diversity([sex], illness, 2)
    assert (it.fewest, it.alike, it.t) == (1, 4, 0.25)
    ordered = diversity([sex], pay, 2)
    assert ordered.fewest == 2
    assert ordered.t == pytest.approx((0.25 + 0.25) / 2)

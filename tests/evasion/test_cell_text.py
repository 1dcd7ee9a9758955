"""How a value of a fooled row reads: as a person writes it."""

import numpy as np
import pytest

from tiltyard.datasets.feature import Feature
from tiltyard.evasion.showing import arrow, cell_text

INCOME = Feature(name="income", kind="continuous", low=0, high=1e9)


@pytest.mark.parametrize(
    ("value", "text"), [(42_232.09, "42,232"), (9_999.7, "10,000"), (1_234.5, "1,234"), (12.3456, "12.35"), (0.5, "0.5"), (1e15, "1e+15")]
)
def test_a_large_number_is_written_out(value, text):
    assert cell_text(INCOME, np.array([value])) == text


def test_two_large_numbers_are_told_apart():
    assert arrow(INCOME, np.array([42_232.09]), np.array([42_232.21])) == "42,232.09 → 42,232.21"

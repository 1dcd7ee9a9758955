"""What epsilon means: known values, and no test of two normals gets above the bound."""

import numpy as np
import pytest

from tiltyard.privacy_accounting.gaussian import gaussian_epsilon
from tiltyard.privacy_accounting.meaning import meaning, picture, power


def test_known_values() -> None:
    none = meaning(0.0, 1e-5)
    assert (none.odds, none.certainty) == (1.0, pytest.approx(0.500005))
    one = meaning(1.0, 1e-5)
    assert one.odds == pytest.approx(np.e)
    assert one.advantage == pytest.approx((np.e - 1 + 2e-5) / (np.e + 1))
    assert one.found == pytest.approx(0.01 * np.e + 1e-5)
    assert meaning(5000.0, 1e-5).advantage == 1.0
    assert "right at most 73.1 %" in one.words and one.words.endswith("but for a chance of 10⁻⁵.")


def test_no_test_of_two_normals_gets_above_the_bound() -> None:
    from scipy.stats import norm

    alarms = np.linspace(1e-4, 1 - 1e-4, 500)
    best = norm.sf(norm.isf(alarms) - 1)
    for delta in (1e-5, 1e-2):
        assert (best <= power(alarms, gaussian_epsilon(1.0, 1, delta), delta) + 1e-12).all()
    assert (best > power(alarms, 0.5 * gaussian_epsilon(1.0, 1, 1e-2), 1e-2)).any()


def test_the_picture_has_the_bound_and_guessing() -> None:
    chart = picture(1.0, 1e-5)
    assert [s.name for s in chart.series] == ["no attack is above", "guessing"]

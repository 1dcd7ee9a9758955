"""A target that answers by a coin can be explained: by its chances, not by its draws."""

import numpy as np
import pytest

from tiltyard.explanation.shap_values import SHAP
from tiltyard.result import Status
from tiltyard.targets.target import Target


class Tossing(Target):
    """Gives 'yes' with a probability linear in income; the coin is the row's hash."""

    def chance(self, x):
        return 0.5 + 0.05 * x[:, 0]

    def expected_scores(self, x):
        return np.stack([1 - self.chance(x), self.chance(x)], 1)

    def _scores(self, x):
        coin = np.array([hash(row.tobytes()) % 997 / 997 for row in x])
        return np.eye(2, dtype=np.float64)[(coin < self.chance(x)).astype(int)]


def test_the_mean_over_the_coin_is_explained_and_said(loans):
    target = Tossing("tossing", ("no", "yes"), loans.schema, frozenset({"labels"}), "0" * 64)
    result = SHAP(rows=20, background=100, row=2)(target, loans).result
    assert any("draws its answer" in note for note in result.notes)
    waterfall = {row[0]: row[2] for row in next(t for t in result.tables if t.name == "waterfall").rows}
    assert waterfall["age"] == pytest.approx(0, abs=1e-9)
    assert waterfall["income"] == pytest.approx(0.05 * loans.x[2, 0], abs=0.02)
    assert result.status is Status.PASSED

"""Curves of a known function, its strongest partner, its interaction, and the swarm in the order of the bars."""

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.explanation._shapley import permutation, players
from tiltyard.explanation.dependence import curves, partial_dependence, strongest_partner
from tiltyard.explanation.interactions import interactions
from tiltyard.explanation.shap_values import SHAP
from tiltyard.progress import Progress

SCHEMA = Schema(
    features=(
        *(Feature(name=name, kind="continuous", low=-3, high=3) for name in "abc"),
        Feature(name="town", kind="categorical", categories=("east", "west")),
    ),
    label="y",
    classes=("no", "yes"),
)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(size=(200, 3)).clip(-3, 3), rng.integers(0, 2, 200)])
    return Dataset(x, (x[:, 0] > 0).astype(np.int64), SCHEMA, "rows")


def product(x):
    """0.5 + 0.1 a b + 0.02 c as the probability of yes."""
    yes = 0.5 + 0.1 * x[:, 0] * x[:, 1] + 0.02 * x[:, 2]
    return np.stack([1 - yes, yes], 1)


def test_partial_dependence_of_a_known_function_is_that_function(rows):
    of = np.ones(60, np.intp)
    found = curves(product, rows.x[:60], of, rows, "a", Progress())
    mean = 0.5 + 0.1 * found.places * rows.x[:60, 1].mean() + 0.02 * rows.x[:60, 2].mean()
    assert found.answers.mean(0) == pytest.approx(mean)
    chart = partial_dependence(found, rows, "a", "yes", "probability")
    average = chart.series[-1]
    assert average.low[0] < average.y[0] < average.high[0] and sum(s.thin for s in chart.series) == 40
    assert chart.series[0].y == pytest.approx(0.5 + 0.1 * found.places * rows.x[0, 1] + 0.02 * rows.x[0, 2])


def test_the_partner_and_the_interaction_are_those_of_the_product(rows):
    names, of = players(SCHEMA), np.ones(120, np.intp)
    back = np.array([[0.0, 0, 0, 0]])
    found = permutation(product, rows.x[:120], of, back, names, 2, np.random.default_rng(0), Progress())
    sample = rows.take(np.arange(120))
    assert strongest_partner(found, sample, 0) == 1
    pairs = interactions(product, rows.x[:120], of, back, names, [0, 1, 2], 4, np.random.default_rng(0), Progress())
    assert (pairs[0].one, pairs[0].other) == ("a", "b")
    exact = 0.1 * rows.x[:120, 0] * rows.x[:120, 1]  # against a background of zeros the interaction is the product itself
    assert pairs[0].size == pytest.approx(np.sqrt((exact**2).mean())) and pairs[0].low < pairs[0].size < pairs[0].high
    assert [p.size for p in pairs[1:]] == pytest.approx([0, 0], abs=1e-12)


def test_the_swarm_lies_in_the_order_of_the_bars_and_levels_are_strips(rows):
    from tiltyard.targets.estimators import FunctionTarget

    target = FunctionTarget(
        lambda f: 0.4 + 0.06 * f["a"] + 0.03 * f["b"] + 0.1 * (f["town"] == "west"), SCHEMA.classes, SCHEMA, feeds="frame"
    )
    result = SHAP(rows=40, background=20, pairs=2)(target, rows).result
    charts = {c.name: c for c in result.charts}
    lanes = charts["swarm"].y.categories
    assert tuple(dict.fromkeys(lane.partition(":")[0] for lane in lanes)) == charts["importance"].y.categories
    assert lanes.index("town: west") == lanes.index("town: east") - 1  # the level that raises most is above
    assert {t.name for t in result.tables} >= {"importance", "waterfall", "interactions"}
    assert len(next(t for t in result.tables if t.name == "interactions").rows) == 2


def test_importance_by_group_is_the_mean_in_that_group(loans, linear):
    result = SHAP(rows=50, background=20)(linear, loans).result
    grouped = next(t for t in result.tables if t.name == "importance_by_age")
    assert grouped.columns[1].name.count("n = ") == 1 and len(grouped.rows) == 3

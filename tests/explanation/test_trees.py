"""Exact values of trees: a stump solved by hand, shap used without us, and what is explained by permutation instead."""

from dataclasses import replace

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Unavailable
from tiltyard.explanation._shapley import players
from tiltyard.explanation._trees import trees_of
from tiltyard.explanation.shap_values import SHAP
from tiltyard.progress import Progress
from tiltyard.targets.estimators import SklearnTarget

SCHEMA = Schema(
    features=tuple(Feature(name=name, kind="continuous", low=-5, high=5) for name in "abc"),
    label="y",
    classes=("no", "yes"),
    favorable="no",
)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3)).clip(-5, 5)
    return Dataset(x, (x[:, 0] * x[:, 1] + 0.3 * x[:, 2] > 0.2).astype(np.int64), SCHEMA, "rows")


def fitted(estimator, rows):
    return SklearnTarget(estimator.fit(rows.x, np.array(["no", "yes"])[rows.y]), SCHEMA)


def explained(target, rows, of=1, n=40, back=30):
    names = players(SCHEMA)
    trees = trees_of(target, rows.x[:back], names)
    return trees.explain(rows.x[back : back + n], np.full(n, of), names, Progress())


def test_a_tree_of_two_splits_is_solved_by_hand():
    from sklearn.tree import DecisionTreeClassifier

    x = np.array([[0.0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0]] * 2)
    both = Dataset(x, np.array([0, 0, 0, 1] * 2), SCHEMA, "and")  # yes where a and b: f = a b
    target = fitted(DecisionTreeClassifier(random_state=0), both)
    names = players(SCHEMA)
    found = trees_of(target, both.x, names)
    found = replace(found, background=both.x[:1]).explain(both.x[3:4], np.array([1]), names, Progress())
    assert found.values[0].tolist() == pytest.approx([0.5, 0.5, 0.0])  # of (1, 1) against (0, 0) each has half of the 1
    found = replace(trees_of(target, both.x, names), background=both.x[1:2]).explain(both.x[3:4], np.array([1]), names, Progress())
    assert found.values[0].tolist() == pytest.approx([1.0, 0.0, 0.0])  # against (0, 1) it is a alone


@pytest.mark.parametrize("kind", ["forest", "gradient", "lightgbm", "xgboost"])
def test_values_are_those_of_shap_used_without_us(kind, rows):
    import shap
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

    if kind in ("lightgbm", "xgboost"):
        pytest.importorskip(kind)
    model = {
        "forest": lambda: RandomForestClassifier(8, max_depth=5, random_state=0),
        "gradient": lambda: GradientBoostingClassifier(n_estimators=10, random_state=0),
        "lightgbm": lambda: __import__("lightgbm").LGBMClassifier(n_estimators=10, verbose=-1),
        "xgboost": lambda: __import__("xgboost").XGBClassifier(n_estimators=10),
    }[kind]()
    target = SklearnTarget(model.fit(rows.x, rows.y), SCHEMA, order=(0, 1)) if kind == "xgboost" else fitted(model, rows)
    found = explained(target, rows)
    theirs = shap.TreeExplainer(model, shap.maskers.Independent(rows.x[:30], 30)).shap_values(rows.x[30:70])
    theirs = theirs[:, :, 1] if np.ndim(theirs) == 3 else theirs
    assert np.abs(found.values - theirs).max() < 1e-9
    assert found.unit == ("probability" if kind == "forest" else "log-odds") and found.method == "tree"
    assert np.abs(found.gap).max() < 1e-4
    assert explained(target, rows, of=0).values == pytest.approx(-found.values, abs=1e-6)


def test_a_value_just_above_a_threshold_stays_above_it():
    """shap rounds thresholds to the nearest float32, which may be the value itself: its own sum is off by a whole tree here."""
    from sklearn.tree import DecisionTreeClassifier

    low = np.float32(2.2)
    high = np.nextafter(low, np.float32(4))
    up = np.nextafter(high, np.float32(4))
    for one, other in ((low, high), (high, up)):
        x = np.array([[one, 0, 0], [other, 0, 0]] * 4, np.float64)
        pair = Dataset(x, np.array([0, 1] * 4), SCHEMA, "pair")
        target = fitted(DecisionTreeClassifier(), pair)
        names = players(SCHEMA)
        found = trees_of(target, x[:2], names).explain(x[:2], np.array([1, 1]), names, Progress())
        assert found.values[:, 0].tolist() == pytest.approx([-0.5, 0.5])


def test_the_check_takes_trees_by_itself_and_says_so(rows):
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

    forest = fitted(RandomForestClassifier(5, max_depth=4, random_state=0), rows)
    result = SHAP(rows=30, background=20)(forest, rows).result
    assert any(note.startswith("Exact, by TreeSHAP") for note in result.notes)
    assert result.metric("noise").value == 0 and result.metric("additivity_gap").value < 1e-6
    assert any("Explained is 'no', the favorable outcome." in note for note in result.notes)
    boosting = fitted(GradientBoostingClassifier(n_estimators=5, random_state=0), rows)
    by_permutation = SHAP(rows=10, background=10)(boosting, rows).result
    assert any("By permutation" in note for note in by_permutation.notes) and any(
        "scale='log-odds'" in note for note in by_permutation.notes
    )
    exact = SHAP(rows=10, background=10, scale="log-odds")(boosting, rows).result
    assert any(note.startswith("Exact, by TreeSHAP") for note in exact.notes)


def test_exact_and_permuted_values_agree(rows):
    from sklearn.ensemble import RandomForestClassifier

    target = fitted(RandomForestClassifier(5, max_depth=4, random_state=0), rows)
    settings = {"rows": 20, "background": 20}
    exact, drawn = (SHAP(method=m, permutations=20, **settings)(target, rows).result for m in ("tree", "permutation"))
    for one, two in zip(exact.tables[0].rows, drawn.tables[0].rows, strict=True):
        assert one[0] == two[0] and one[1] == pytest.approx(two[1], rel=0.05)


def test_a_category_in_one_hot_columns_is_no_sum_of_columns(loans):
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(3, random_state=0).fit(loans.encoded, np.array(loans.schema.classes)[loans.y])
    target = SklearnTarget(model, loans.schema)
    with pytest.raises(Unavailable, match="town in"):
        trees_of(target, loans.x[:30], players(loans.schema))
    assert any("By permutation" in note for note in SHAP(rows=5, background=5)(target, loans).result.notes)
    assert "town in" in SHAP(rows=5, background=5, method="tree")(target, loans).result.summary


def test_another_model_asked_for_trees_is_not_applicable(linear, loans):
    assert SHAP(method="tree")(linear, loans).result.status.value == "not_applicable"
